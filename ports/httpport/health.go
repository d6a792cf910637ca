package httpport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Check asks one thing that the service needs: the database, the broker, a projection.
type Check struct {
	Name string
	// Run asks the thing itself and returns what is wrong with it in words for an operator, without secrets. It ends soon after
	// ctx does. One Run at a time.
	Run func(ctx context.Context) error
}

// health answers whether the process lives and whether it can work.
type health struct {
	probes  []*probe
	timeout time.Duration
}

// probe is a check with what it last said.
type probe struct {
	Check

	mu      sync.Mutex
	pending chan struct{} // closed when the run under way ends; nil when there is none
	asked   bool
	err     error
	since   time.Time // when err last turned from nil or to it
}

// finding is a check's line in the answer of /readyz.
type finding struct {
	Name   string    `json:"name"`
	Status string    `json:"status"` // ok, failing
	Error  string    `json:"error,omitempty"`
	Since  time.Time `json:"since"`
}

func newHealth(checks []Check, timeout time.Duration) *health {
	h := &health{timeout: timeout}
	for _, c := range checks {
		h.probes = append(h.probes, &probe{Check: c})
	}
	return h
}

// alive answers 200: the process handles requests.
func (h *health) alive(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready runs all checks at once and answers 200 when all are well, else 503, with a line for each.
func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	findings := make([]finding, len(h.probes))
	var asking sync.WaitGroup
	for i, p := range h.probes {
		asking.Go(func() { findings[i] = h.ask(r.Context(), p) })
	}
	asking.Wait()
	status, word := http.StatusOK, "ready"
	for _, f := range findings {
		if f.Error != "" {
			status, word = http.StatusServiceUnavailable, "not ready"
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	answerJSON(w, status, map[string]any{"status": word, "checks": findings})
}

// ask runs p, or joins the run under way, and waits for its end or the timeout. A check that outlasts its time is failing, and
// isn't started again before it ended.
func (h *health) ask(ctx context.Context, p *probe) finding {
	pending := h.start(ctx, p)
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	select {
	case <-pending:
	case <-ctx.Done():
		p.settle(fmt.Errorf("no answer after %v", h.timeout))
	}
	return p.finding()
}

func (h *health) start(ctx context.Context, p *probe) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending != nil {
		return p.pending
	}
	done := make(chan struct{})
	p.pending = done
	// Others may join this run: it doesn't end with the request that began it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.timeout)
	go func() { // wait is what waits for it
		defer cancel()
		p.settle(run(ctx, p.Check))
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pending = nil
		close(done)
	}()
	return done
}

// run returns the check's error, its panic among them.
func run(ctx context.Context, c Check) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.Run(ctx)
}

func (p *probe) settle(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked || (err == nil) != (p.err == nil) {
		p.since = time.Now().UTC()
	}
	p.asked, p.err = true, err
}

func (p *probe) finding() finding {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return finding{p.Name, "failing", or(p.err.Error(), "failing"), p.since}
	}
	return finding{p.Name, "ok", "", p.since}
}

// wait returns once no check runs any more, or an error when ctx ends before.
func (h *health) wait(ctx context.Context) error {
	for _, p := range h.probes {
		p.mu.Lock()
		pending := p.pending
		p.mu.Unlock()
		if pending == nil {
			continue
		}
		select {
		case <-pending:
		case <-ctx.Done():
			return errors.New("readiness check " + p.Name + " didn't end")
		}
	}
	return nil
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // a client that went away
}
