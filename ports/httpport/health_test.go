package httpport_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenon-go/tenon/ports/httpport"
)

type readiness struct {
	Status string
	Checks []struct {
		Name, Status, Error string
		Since               time.Time
	}
}

func (s *service) readiness(wantStatus int) readiness {
	s.t.Helper()
	a := s.send(http.MethodGet, "/readyz", "")
	var got readiness
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		s.t.Fatalf("%v: %s", err, a.body)
	}
	if a.status != wantStatus {
		s.t.Errorf("/readyz answered %d, want %d: %s", a.status, wantStatus, a.body)
	}
	return got
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	s := newService(t, httpport.Config{Checks: []httpport.Check{
		{Name: "postgres", Run: func(context.Context) error { return nil }},
		{Name: "kafka", Run: func(context.Context) error {
			if broken.Load() {
				return errors.New("no broker answers")
			}
			return nil
		}},
	}}, nil)
	well := s.readiness(200)
	if well.Status != "ready" || len(well.Checks) != 2 || well.Checks[0].Name != "postgres" || well.Checks[1].Status != "ok" || well.Checks[1].Error != "" {
		t.Errorf("well: %+v", well)
	}
	broken.Store(true)
	ill := s.readiness(503)
	if ill.Status != "not ready" || ill.Checks[0].Status != "ok" || ill.Checks[1].Status != "failing" || ill.Checks[1].Error != "no broker answers" {
		t.Errorf("ill: %+v", ill)
	}
	if !ill.Checks[0].Since.Equal(well.Checks[0].Since) || !ill.Checks[1].Since.After(well.Checks[1].Since) {
		t.Errorf("since must tell the last change: %+v, then %+v", well, ill)
	}
	if still := s.readiness(503); !still.Checks[1].Since.Equal(ill.Checks[1].Since) {
		t.Errorf("since moved without a change: %+v, then %+v", ill, still)
	}
	if a := s.send(http.MethodGet, "/healthz", ""); a.status != 200 {
		t.Errorf("/healthz answered %d: the process is alive", a.status)
	}
	broken.Store(false)
	s.readiness(200)
}

func TestReadinessSurvivesPanics(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{Checks: []httpport.Check{
		{Name: "wild", Run: func(context.Context) error { panic("boo") }},
		{Name: "mute", Run: func(context.Context) error { return errors.New("") }},
	}}, nil)
	got := s.readiness(503)
	if got.Checks[0].Error != "panic: boo" || got.Checks[1].Status != "failing" || got.Checks[1].Error == "" {
		t.Errorf("%+v", got)
	}
}

// TestStuckCheckIsFailing is for checks that don't heed their context: they must hold up neither the answer nor each other.
func TestStuckCheckIsFailing(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var runs atomic.Int32
	s := newService(t, httpport.Config{CheckTimeout: 20 * time.Millisecond, Checks: []httpport.Check{
		{Name: "stuck", Run: func(context.Context) error {
			if runs.Add(1) == 1 {
				<-release
			}
			return nil
		}},
		{Name: "well", Run: func(context.Context) error { return nil }},
	}}, nil)
	for range 3 {
		got := s.readiness(503)
		if got.Checks[0].Error != "no answer after 20ms" || got.Checks[1].Status != "ok" {
			t.Errorf("%+v", got)
		}
	}
	if n := runs.Load(); n != 1 {
		t.Errorf("the stuck check was started %d times", n)
	}
	close(release)
	eventually(t, "the check runs again", func() bool { return s.send(http.MethodGet, "/readyz", "").status == 200 })
}

func TestChecksRunAtOnce(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup
	both.Add(2)
	meet := func(context.Context) error { // returns only when the other one runs too
		both.Done()
		both.Wait()
		return nil
	}
	s := newService(t, httpport.Config{CheckTimeout: 10 * time.Second, Checks: []httpport.Check{{Name: "a", Run: meet}, {Name: "b", Run: meet}}}, nil)
	s.readiness(200)
}
