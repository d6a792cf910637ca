package eventlog

import "sync"

// Signal tells waiting readers of this process that something was committed. It may tell too often, and a reader on
// another machine isn't told at all: readers poll as well, more rarely. The zero value is ready; safe for concurrent
// use.
type Signal struct {
	mu   sync.Mutex
	wake chan struct{}
}

// Raise wakes everybody who took a channel from Wait before. It never blocks.
func (s *Signal) Raise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// Wait returns a channel that the next Raise closes. Take it before looking at the log, or a commit in between is
// missed.
func (s *Signal) Wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	return s.wake
}
