package httpport_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/ports/httpport"
)

// serve runs a server on a free port until the returned function is called, which returns what Serve returned.
func serve(t *testing.T, cfg httpport.Config, h func(ctx context.Context) error) (s *service, stop func() error) {
	t.Helper()
	s = &service{t: t, logs: &logs{}}
	cfg.Addr, cfg.Logger = "127.0.0.1:0", s.logs.logger()
	var err error
	if s.Server, err = httpport.New(cfg); err != nil {
		t.Fatal(err)
	}
	answering(h)(s.API())
	if err = s.Listen(); err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + s.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	stopped := false
	stop = func() error {
		cancel()
		if stopped {
			return nil
		}
		stopped = true
		return <-ended
	}
	t.Cleanup(func() { _ = stop() })
	return s, stop
}

// get sends a request in the background. No answer has the status 0 and says why.
func (s *service) get(path string) <-chan answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	result := make(chan answer, 1)
	go func() {
		a, err := try(r)
		if err != nil {
			a = answer{body: err.Error()}
		}
		result <- a
	}()
	return result
}

func TestStopFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(leave) })
	defer release()
	var ended error
	s, stop := serve(t, httpport.Config{}, func(ctx context.Context) error {
		close(entered)
		<-leave
		ended = ctx.Err()
		return nil
	})
	result := s.get("/thing")
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", s.Addr())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in hand: %v", err)
	default:
	}
	release()
	if a := <-result; a.status != 200 || ended != nil {
		t.Errorf("the request in hand got %d, its context %v", a.status, ended)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestStopCutsWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s, stop := serve(t, httpport.Config{StopTimeout: 4 * time.Second}, func(ctx context.Context) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	})
	result := s.get("/thing")
	<-entered
	if err := stop(); err == nil || !strings.Contains(err.Error(), "still running after 4s") {
		t.Errorf("Serve returned %v", err)
	}
	(<-result).problem(t, 503, "unavailable")
}

// TestStopWaitsForChecks is for a check that outlasts the request that began it.
func TestStopWaitsForChecks(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	release := sync.OnceFunc(func() { close(leave) })
	defer release()
	s, stop := serve(t, httpport.Config{CheckTimeout: 10 * time.Millisecond, Checks: []httpport.Check{{Name: "slow", Run: func(context.Context) error {
		<-leave
		return nil
	}}}}, func(context.Context) error { return nil })
	s.readiness(503)
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		t.Fatalf("Serve returned before the check: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	release()
	if err := <-stopped; err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestDeadlineOfRequests(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, httpport.Config{RequestTimeout: 20 * time.Millisecond}, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	s.send(http.MethodGet, "/thing", "").problem(t, 504, "timeout")
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s, err := httpport.New(httpport.Config{Addr: ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	for name, start := range map[string]func() error{"Listen": s.Listen, "Serve": func() error { return s.Serve(t.Context()) }} {
		err := start()
		for _, part := range []string{"TENON_HTTP_ADDR", ln.Addr().String(), "in use"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want it to name %s", name, err, part)
			}
		}
	}
}

func TestLifeOfServer(t *testing.T) {
	t.Parallel()
	s, stop := serve(t, httpport.Config{}, func(context.Context) error { return nil })
	if err := s.Listen(); err != nil {
		t.Errorf("second Listen: %v", err)
	}
	s.send(http.MethodGet, "/thing", "")
	if err := s.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), "called twice") {
		t.Errorf("second Serve: %v", err)
	}
	for range 2 {
		if err := stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestCloseWithoutServe(t *testing.T) {
	t.Parallel()
	s, err := httpport.New(httpport.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err = s.Close(); err != nil {
		t.Errorf("Close before Listen: %v", err)
	}
	if err = s.Listen(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err = s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	ln, err := net.Listen("tcp", s.Addr())
	if err != nil {
		t.Fatalf("the address isn't free again: %v", err)
	}
	ln.Close()
}

func TestConfigIsRefused(t *testing.T) {
	t.Parallel()
	_, err := httpport.New(httpport.Config{
		Addr: "localhost", DocsPath: "docs", BodyLimit: -1, IdleTimeout: -time.Second,
		Checks: []httpport.Check{{}, {Name: "a", Run: func(context.Context) error { return nil }}, {Name: "a", Run: func(context.Context) error { return nil }}},
	})
	for _, part := range []string{
		`TENON_HTTP_ADDR must be host:port, not "localhost"`, `DocsPath must be a path such as /docs, not "docs"`, "BodyLimit must be",
		"IdleTimeout must be longer than 0, not -1s", "Checks[0] must have a name", `Checks[2] must have a name of its own, not "a" again`,
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want it to say %s", err, part)
		}
	}
	for _, addr := range []string{"127.0.0.1:65536", "127.0.0.1:http", "127.0.0.1:-1", "127.0.0.1:", ":::1"} {
		if _, err := httpport.New(httpport.Config{Addr: addr}); err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("Addr %s: %v", addr, err)
		}
	}
	metrics := prometheus.NewRegistry()
	if _, err = httpport.New(httpport.Config{Metrics: metrics}); err != nil {
		t.Error(err)
	}
	if _, err = httpport.New(httpport.Config{Metrics: metrics}); err == nil {
		t.Error("two servers count in the same metrics")
	}
}
