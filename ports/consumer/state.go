package consumer

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Stats counts what a handler did since it was made.
type Stats struct {
	Handled      int64     // messages whose effects are stored
	Repeated     int64     // messages that had been handled before
	Passed       int64     // messages of types that the handler doesn't handle
	DeadLettered int64     // messages copied to the dead letters and passed
	Retries      int64     // attempts after the first, outages not counted
	InHand       int       // messages being handled now
	Oldest       time.Time // when the oldest of them was begun; zero: none
}

// state is what is known of a handler at work.
type state struct {
	log *slog.Logger

	mu      sync.Mutex
	stats   Stats
	inHand  map[*message.Message]time.Time
	waiting map[string]struct{} // messages that wait for an outage to end
	since   time.Time
	cause   error
}

func newState(log *slog.Logger) *state {
	return &state{log: log, inHand: make(map[*message.Message]time.Time), waiting: make(map[string]struct{})}
}

func (s *state) count(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

func (s *state) counts() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.stats
	all.InHand = len(s.inHand)
	for _, began := range s.inHand {
		if all.Oldest.IsZero() || began.Before(all.Oldest) {
			all.Oldest = began
		}
	}
	return all
}

func (s *state) begin(m *message.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inHand[m] = time.Now()
}

func (s *state) end(m *message.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, m)
}

// waits notes that a message waits for an outage to end. An outage stops all of them: it is logged once when the first one
// begins to wait, and once when none waits any more.
func (s *state) waits(id string, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.since = time.Now()
		s.log.Warn("handler waits", "message", id, "error", cause)
	}
	s.waiting[id] = struct{}{}
	s.cause = cause
}

func (s *state) goesOn(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.waiting[id]; !ok {
		return
	}
	if delete(s.waiting, id); len(s.waiting) == 0 {
		s.cause = nil
		s.log.Info("handler goes on", "waited", time.Since(s.since).Round(time.Millisecond))
	}
}

// health returns what keeps the handler's messages from flowing. A message that fails may take all its retries; one that is in
// hand for longer has a handler that doesn't end with its context.
func (s *stack) health() error {
	var errs []error
	if h, ok := s.source.Subscriber.(interface{ Health() error }); ok {
		errs = append(errs, h.Health())
	}
	stats := s.state.counts()
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if s.state.cause != nil {
		errs = append(errs, fmt.Errorf("waits since %s: %w", s.state.since.UTC().Format(time.RFC3339), s.state.cause))
	} else if !stats.Oldest.IsZero() && time.Since(stats.Oldest) > s.cfg.Longest() {
		errs = append(errs, fmt.Errorf("a message is in hand since %s: the handler doesn't end with its context", stats.Oldest.UTC().Format(time.RFC3339)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("handler %s: %w", s.handler.Name, err)
	}
	return nil
}

// Longest returns how long a message can take that uses up all attempts of handlers that end with their contexts.
func (c *Config) Longest() time.Duration {
	return time.Duration(c.Retries+1)*c.Timeout + time.Duration(c.Retries)*c.MaxBackoff + time.Second
}
