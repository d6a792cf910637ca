package applicationtest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// together runs work n times at once and returns all errors.
func together(n int, work func(i int) error) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = work(i) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// meeting brings rivals to the same point, so that none is through before the others have begun.
type meeting struct {
	missing atomic.Int32
	all     chan struct{}
}

func newMeeting(n int32) *meeting {
	m := &meeting{all: make(chan struct{})}
	m.missing.Store(n)
	return m
}

// wait says that one has come and waits for the others. Where the adapter keeps its promise, some can't come before
// another has ended: so it doesn't wait for long.
func (m *meeting) wait() {
	if m.missing.Add(-1) == 0 {
		close(m.all)
	}
	select {
	case <-m.all:
	case <-time.After(100 * time.Millisecond):
	}
}

func count(flags []bool) int {
	n := 0
	for _, set := range flags {
		if set {
			n++
		}
	}
	return n
}
