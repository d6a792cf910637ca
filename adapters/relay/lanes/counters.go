package lanes

import (
	"slices"
	"sync/atomic"
)

// Totals count what a relay has done since it began.
type Totals struct {
	Records int64 // published
	Batches int64 // committed, with or without records
	Retaken int64 // lanes taken again after an error
}

func (t *Totals) add(o Totals) {
	t.Records += o.Records
	t.Batches += o.Batches
	t.Retaken += o.Retaken
}

// Stats is what a relay does at present.
type Stats struct {
	Totals

	Lanes  []int // that this node has, ascending
	Of     int   // lanes of the layout; 0 before the first beat
	Parked int   // keys of these lanes
}

// Stats returns the figures of this node. Safe for concurrent use.
func (r *Relay) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Totals: r.totals, Of: r.layout.Lanes}
	for n, w := range r.workers {
		s.Lanes = append(s.Lanes, n)
		s.add(w.totals.load())
		s.Parked += int(w.totals.parked.Load())
	}
	slices.Sort(s.Lanes)
	return s
}

type counters struct{ records, batches, retaken, parked atomic.Int64 }

func (c *counters) load() Totals {
	return Totals{Records: c.records.Load(), Batches: c.batches.Load(), Retaken: c.retaken.Load()}
}
