package httpport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenon-go/tenon/ports/httpport"
)

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, answering(func(context.Context) error { panic(secret) }))
	a := s.send(http.MethodGet, "/thing", "", httpport.CorrelationHeader, "flow-1")
	a.problem(t, 500, "internal")
	if strings.Contains(a.body, secret) {
		t.Errorf("the answer tells the cause: %s", a.body)
	}
	for _, part := range []string{secret, "panic_test.go", `"correlation_id":"flow-1"`} {
		if !strings.Contains(s.logs.String(), part) {
			t.Errorf("the log lacks %q", part)
		}
	}
	if again := s.send(http.MethodGet, "/healthz", ""); again.status != 200 {
		t.Errorf("after a panic /healthz answers %d", again.status)
	}
}

func TestPanicBreaksOffBegunAnswer(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, nil)
	s.Router().Get("/half", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(secret)
	})
	resp, err := http.Get(s.url + "/half")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if whole, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client took %q for the whole", whole)
	}
}

// TestHumaRegisterWithholds is for those who add an operation past Handle.
func TestHumaRegisterWithholds(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, func(api huma.API) {
		huma.Register(api, huma.Operation{OperationID: "raw", Method: http.MethodGet, Path: "/raw"},
			func(context.Context, *noInput) (*textOutput, error) { return nil, errors.New(secret) })
	})
	a := s.send(http.MethodGet, "/raw", "")
	a.problem(t, 500, "internal")
	if strings.Contains(a.body, secret) || !strings.Contains(s.logs.String(), secret) {
		t.Errorf("the cause must be in the log only: %s", a.body)
	}
}

func TestClientGoneIsNotAnswered(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := newService(t, httpport.Config{}, answering(func(ctx context.Context) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/thing", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-entered
		cancel()
	}()
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		t.Fatal("got an answer")
	}
	eventually(t, "a log line with status 499", func() bool { return strings.Contains(s.logs.String(), `"status":499`) })
	if strings.Contains(s.logs.String(), `"level":"ERROR"`) {
		t.Errorf("a client that goes away is no error: %s", s.logs)
	}
}
