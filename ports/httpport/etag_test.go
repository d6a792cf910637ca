package httpport_test

import (
	"context"
	"net/http"
	"reflect"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/ports/httpport"
)

func TestIfMatch(t *testing.T) {
	t.Parallel()
	never := application.At()
	tests := map[string]application.Expect{
		``:                      {},
		`*`:                     {},
		` * `:                   {},
		`"3"`:                   application.At(3),
		` "3" `:                 application.At(3),
		`"3", "4"`:              application.At(3, 4),
		`"3","4"`:               application.At(3, 4),
		`, "3" ,, "4",`:         application.At(3, 4),
		`W/"3"`:                 never,
		`W/"3", "4"`:            application.At(4),
		`"x"`:                   never,
		`"x,y", "4"`:            application.At(4),
		`""`:                    never,
		`"03"`:                  never,
		`"+3"`:                  never,
		`"-1"`:                  application.At(-1),
		`"9223372036854775808"`: never,
	}
	for header, want := range tests {
		if got, err := httpport.IfMatch(header); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("IfMatch(%s) = %+v, %v, want %+v", header, got, err, want)
		}
	}
}

func TestConditionsRefuseGarbage(t *testing.T) {
	t.Parallel()
	for _, header := range []string{`3`, `"3`, `3"`, `"3" "4"`, `"3"4`, `"3", *`, `*, "3"`, `**`, `w/"3"`, `W/`, `W/ "3"`, `"a b"`, "\"\x7f\"", `,`, ` `} {
		if got, err := httpport.IfMatch(header); err == nil {
			t.Errorf("IfMatch(%s) = %+v, want an error", header, got)
		}
		if got, err := httpport.IfNoneMatch(header, 3); err == nil {
			t.Errorf("IfNoneMatch(%s) = %v, want an error", header, got)
		}
	}
}

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		``: false, `*`: true, `"3"`: true, `W/"3"`: true, `"4"`: false, `"4", "3"`: true, `"x"`: false, `"03"`: false, `"33"`: false,
	}
	for header, want := range tests {
		if got, err := httpport.IfNoneMatch(header, 3); err != nil || got != want {
			t.Errorf("IfNoneMatch(%s, 3) = %v, %v, want %v", header, got, err, want)
		}
	}
}

func TestETagIsMatched(t *testing.T) {
	t.Parallel()
	for _, v := range []domain.Version{0, 1, 9, 10, 1 << 40} {
		if got, err := httpport.IfMatch(httpport.ETag(v)); err != nil || !reflect.DeepEqual(got, application.At(v)) {
			t.Errorf("version %d: %+v, %v", v, got, err)
		}
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, func(api huma.API) {
		httpport.Handle(api, huma.Operation{OperationID: "thing", Method: http.MethodGet, Path: "/thing"},
			func(context.Context, *noInput) (*textOutput, error) { return nil, httpport.NotModified(7) })
	})
	if a := s.send(http.MethodGet, "/thing", ""); a.status != 304 || a.body != "" || a.header.Get("ETag") != `"7"` {
		t.Errorf("answered %d %q %q", a.status, a.header.Get("ETag"), a.body)
	}
}

func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{``, `*`, `"3"`, `W/"3", "4"`, `"`, `,`, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		_, err := httpport.IfMatch(header)
		if _, other := httpport.IfNoneMatch(header, 3); (err == nil) != (other == nil) {
			t.Errorf("%q: If-Match says %v, If-None-Match %v", header, err, other)
		}
	})
}
