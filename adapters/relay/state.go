package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// state knows what keeps records from flowing, and says so in the log once per change. Safe for concurrent use.
type state struct {
	log *slog.Logger

	mu       sync.Mutex
	position int64 // of the record that is refused
	topic    string
	attempts int // 0: publishing works
	err      error
	since    time.Time

	halted      error // why forwarding ended by itself; nil: it runs, or was told to stop
	haltedSince time.Time
}

// refused counts an attempt at a record that failed and returns its number, from 1.
func (s *state) refused(position int64, topic string, err error) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attempts == 0 {
		s.since = time.Now()
		s.log.Warn("relay can't publish, goes on trying", "position", position, "topic", topic, "error", err)
	}
	if s.position != position {
		s.position, s.attempts = position, 0
	}
	s.topic, s.err = topic, err
	s.attempts++
	return s.attempts
}

// published notes that a record is out and returns the position of the one that was refused before, or 0.
func (s *state) published() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attempts == 0 {
		return 0
	}
	s.log.Info("relay publishes again", "position", s.position, "topic", s.topic, "attempts", s.attempts,
		"after", time.Since(s.since).Round(time.Millisecond))
	failed := s.position
	s.attempts, s.position, s.err = 0, 0, nil
	return failed
}

// stopped notes that forwarding ended without having been told to.
func (s *state) stopped(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = errors.New("subscription ended by itself")
	}
	if s.halted == nil {
		s.haltedSince = time.Now()
		s.log.Warn("relay stopped, starts again", "error", err)
	}
	s.halted = err
}

// lasting notes that forwarding has run for a while.
func (s *state) lasting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.halted != nil {
		s.log.Info("relay runs again", "after", time.Since(s.haltedSince).Round(time.Millisecond))
	}
	s.halted = nil
}

func (s *state) health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.halted != nil {
		errs = append(errs, fmt.Errorf("relay has stopped since %s: %w", s.haltedSince.Format(time.RFC3339), s.halted))
	}
	if s.attempts > 0 {
		errs = append(errs, fmt.Errorf("relay can't publish position %d to %s since %s, attempt %d: %w",
			s.position, s.topic, s.since.Format(time.RFC3339), s.attempts, s.err))
	}
	return errors.Join(errs...)
}
