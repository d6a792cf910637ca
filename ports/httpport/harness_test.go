package httpport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenon-go/tenon/ports/httpport"
)

// logs is a buffer that handlers and tests share.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// service is a server under test with what it logged.
type service struct {
	*httpport.Server
	t    *testing.T
	url  string
	logs *logs
}

// newService returns a server of cfg with the operations that add adds, behind a listener on the loopback address.
func newService(t *testing.T, cfg httpport.Config, add func(api huma.API)) *service {
	t.Helper()
	s := &service{t: t, logs: &logs{}}
	cfg.Logger = s.logs.logger()
	var err error
	if s.Server, err = httpport.New(cfg); err != nil {
		t.Fatal(err)
	}
	if add != nil {
		add(s.API())
	}
	hs := httptest.NewServer(s.Handler())
	t.Cleanup(hs.Close)
	s.url = hs.URL
	return s
}

type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request with headers given as names and values in turn. A body makes it JSON unless a header says otherwise.
func (s *service) send(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.do(r)
}

func (s *service) do(r *http.Request) answer {
	s.t.Helper()
	a, err := try(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func try(r *http.Request) (answer, error) {
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(content)}, err
}

// problem checks that a is problem details of that status and type, and returns it. No name: of no type but its status.
func (a answer) problem(t *testing.T, status int, name string) httpport.Problem {
	t.Helper()
	var p httpport.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("answer %d isn't JSON: %v: %s", a.status, err, a.body)
	}
	want := "about:blank"
	if name != "" {
		want = "/problems/" + name
	}
	if a.status != status || p.Status != status || p.Type != want {
		t.Errorf("answered %d %s (body says %d), want %d %s: %s", a.status, p.Type, p.Status, status, want, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
	if p.Title == "" || p.CorrelationID == "" || p.CorrelationID != a.header.Get(httpport.CorrelationHeader) {
		t.Errorf("no title, or correlation id %q isn't the header's %q", p.CorrelationID, a.header.Get(httpport.CorrelationHeader))
	}
	return p
}

type noInput struct{}

type textOutput struct{ Body struct{ Text string } }

// answering adds GET /thing that does h.
func answering(h func(ctx context.Context) error) func(huma.API) {
	return func(api huma.API) {
		httpport.Handle(api, huma.Operation{OperationID: "thing", Method: http.MethodGet, Path: "/thing"},
			func(ctx context.Context, _ *noInput) (*textOutput, error) { return new(textOutput), h(ctx) })
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
