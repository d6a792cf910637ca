// Package relaytest holds what tests of relays share: [Load], which writes units of work as a busy program does, and
// [Published], which reads a topic as a read_committed consumer finds it.
package relaytest

import (
	"testing"
	"time"
)

// Patience bounds every wait: long enough for a busy machine, and never waited out by a test that passes.
const Patience = 90 * time.Second

// Until polls until condition is true. It is patient as long as the number that condition returns changes: how long a
// backlog takes says nothing on a busy machine, standing still does.
func Until(t testing.TB, what string, condition func() (progress int, ok bool)) {
	t.Helper()
	stuck := time.NewTimer(Patience)
	defer stuck.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	before := -1
	for {
		n, ok := condition()
		if ok {
			return
		}
		if n != before {
			stuck.Reset(Patience)
			before = n
		}
		select {
		case <-tick.C:
		case <-stuck.C:
			t.Fatalf("waited too long for: %s (at %d)", what, n)
		}
	}
}
