package relaying

import (
	"errors"
	"time"
)

// ErrNotParked says that nothing is held back under a key, as far as the relay has reported.
var ErrNotParked = errors.New("nothing is parked under this key")

// ErrLanes says that the relay can't be handed over to one without lanes as things are; the text says what to do first.
var ErrLanes = errors.New("the relay of lanes can't be handed over yet")

// Status is how far the relay of lanes is, for people: it is made of the copies that relays report.
type Status struct {
	Layout Layout // the zero Layout while no relay has run
	Held   int    // lanes that have stopped for a change of the layout
	Closed int    // lanes that have ended for it
	Nodes  int    // alive now
	Lanes  []LaneStatus
	At     time.Time // when this was so, by the clock of the store; UTC like the other times
}

// LaneStatus is one lane's part of a [Status].
type LaneStatus struct {
	Lane       int
	Owner      string        // node that has it; "" when nobody does, or its lease has ended
	LeaseEnds  time.Time     // zero without an owner
	Batches    int64         // committed in this layout
	Last       int64         // position of the newest record that is out; 0: none
	ReportedAt time.Time     // of the newest report; zero: none in this layout
	Commit     time.Duration // that the newest batch with records took to be committed; 0: none did yet
	Lag        Lag
	Parked     int // keys that are held back
}

// Lag is what is committed and not yet passed by a relay. Records that are held back with their keys aren't in it.
type Lag struct {
	Events int
	More   bool      // counting stopped at a limit: there may be more than Events
	Oldest time.Time // when the oldest of them was recorded; zero: there are none
}

// Total returns the lag of all lanes together.
func (s *Status) Total() Lag {
	var all Lag
	for i := range s.Lanes {
		lag := &s.Lanes[i].Lag
		all.Events, all.More = all.Events+lag.Events, all.More || lag.More
		if all.Oldest.IsZero() || !lag.Oldest.IsZero() && lag.Oldest.Before(all.Oldest) {
			all.Oldest = lag.Oldest
		}
	}
	return all
}

// Parked returns the number of keys that are held back in all lanes.
func (s *Status) Parked() int {
	n := 0
	for i := range s.Lanes {
		n += s.Lanes[i].Parked
	}
	return n
}

// HeldBack is a parked key and how much waits behind its first record.
type HeldBack struct {
	Parked

	Lane    int
	Records int  // that are held back, the first among them
	More    bool // counting stopped at a limit
}

// RequestStatus is a request and what became of it.
type RequestStatus struct {
	Request

	DoneAt  time.Time // zero while it is open
	Outcome string    // "" for success, once it is done
}

// GroupStatus is how far the relay without lanes is.
type GroupStatus struct {
	Batches   int64
	UpdatedAt time.Time
	Lag       Lag
}
