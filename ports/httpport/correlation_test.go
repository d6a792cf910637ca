package httpport_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/ports/httpport"
)

func TestCorrelationID(t *testing.T) {
	t.Parallel()
	var seen application.Metadata
	s := newService(t, httpport.Config{}, answering(func(ctx context.Context) error {
		seen = application.MetadataFrom(ctx)
		return nil
	}))
	tests := map[string]struct {
		given string
		kept  bool
	}{
		"given":     {"order-4711/~!", true},
		"longest":   {strings.Repeat("x", 128), true},
		"too long":  {strings.Repeat("x", 129), false},
		"none":      {"", false},
		"space":     {"a b", false},
		"tab":       {"a\tb", false},
		"not ASCII": {"é", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := s.send(http.MethodGet, "/thing", "", httpport.CorrelationHeader, tt.given)
			got := a.header.Get(httpport.CorrelationHeader)
			if got != seen.CorrelationID || got == "" {
				t.Errorf("answered %q, the handler saw %q", got, seen.CorrelationID)
			}
			if (got == tt.given) != tt.kept {
				t.Errorf("%q became %q", tt.given, got)
			}
			if id, err := uuid.Parse(got); !tt.kept && (err != nil || id.Version() != 7) {
				t.Errorf("%q is no UUID of version 7", got)
			}
			if !strings.Contains(s.logs.String(), `"correlation_id":"`+got+`"`) {
				t.Errorf("no log line has %q", got)
			}
		})
	}
}

func TestTraceparent(t *testing.T) {
	t.Parallel()
	var seen application.Metadata
	s := newService(t, httpport.Config{}, answering(func(ctx context.Context) error {
		seen = application.MetadataFrom(ctx)
		return nil
	}))
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	tests := map[string]bool{
		"00-" + trace + "-" + parent + "-01":                   true,
		"cc-" + trace + "-" + parent + "-01-later":             true,
		"cc-" + trace + "-" + parent + "-01later":              false,
		"00-" + trace + "-" + parent + "-01-more":              false,
		"ff-" + trace + "-" + parent + "-01":                   false,
		"00-" + strings.ToUpper(trace) + "-" + parent + "-01":  false,
		"00-" + strings.Repeat("0", 32) + "-" + parent + "-01": false,
		"00-" + trace + "-" + strings.Repeat("0", 16) + "-01":  false,
		"00_" + trace + "-" + parent + "-01":                   false,
		"00-" + trace + "-" + parent:                           false,
		"":                                                     false,
	}
	for given, kept := range tests {
		s.send(http.MethodGet, "/thing", "", "traceparent", given)
		if (seen.Traceparent == given && given != "") != kept || (!kept && seen.Traceparent != "") {
			t.Errorf("%q became %q, kept should be %v", given, seen.Traceparent, kept)
		}
	}
}

func TestCorrelateLogs(t *testing.T) {
	t.Parallel()
	ctx := application.WithMetadata(t.Context(), application.Metadata{CorrelationID: "flow-1"})
	tests := map[string]struct {
		log  func(*slog.Logger)
		want string
	}{
		"from the context": {func(l *slog.Logger) { l.InfoContext(ctx, "m") }, "msg=m correlation_id=flow-1"},
		"no context":       {func(l *slog.Logger) { l.Info("m") }, "msg=m"},
		"given":            {func(l *slog.Logger) { l.InfoContext(ctx, "m", "correlation_id", "x") }, "msg=m correlation_id=x"},
		"bound":            {func(l *slog.Logger) { l.With("correlation_id", "x").InfoContext(ctx, "m") }, "correlation_id=x msg=m"},
		"bound other":      {func(l *slog.Logger) { l.With("a", 1).InfoContext(ctx, "m", "b", 2) }, "a=1 msg=m b=2 correlation_id=flow-1"},
		"group":            {func(l *slog.Logger) { l.With("correlation_id", "x").WithGroup("g").InfoContext(ctx, "m", "a", 1) }, "correlation_id=x msg=m g.a=1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			h := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
					return slog.Attr{}
				}
				return a
			}})
			tt.log(slog.New(httpport.Correlate(httpport.Correlate(h))))
			got := map[string]bool{}
			for field := range strings.FieldsSeq(out.String()) {
				got[field] = true
			}
			want := strings.Fields(tt.want)
			for _, field := range want {
				if !got[field] {
					t.Errorf("line %q lacks %s", out.String(), field)
				}
			}
			if len(strings.Fields(out.String())) != len(want) {
				t.Errorf("line %q, want only %s", out.String(), tt.want)
			}
		})
	}
}
