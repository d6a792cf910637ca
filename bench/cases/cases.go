// Package cases is what is measured: [All] returns the cases, each with Tenon, its peers and the bare limit of the same work.
//
// Tenon runs as a whole program, built by package tenon from a bounded context of its own ([program]), as a user's would. Peers are
// set up as their documentation does it. Every round checks its own result: what is on the topic, which rows are in the table.
package cases

import (
	"time"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

// Sizes says how much work a round is. Those who are slow by nature do less of the same work: what counts is the rate.
type Sizes struct {
	Clients []int         // that append at once
	Append  time.Duration // of appending

	Backlog   int64 // events that wait for the relay
	OneByOne  int64 // of them, for relays that send one at a time
	GuideLoop int64 // of them, for the guide's loop

	Rate    int           // events a second, for latency
	Latency time.Duration // of that

	Sends int // requests through a mediator

	Projected  int64 // events that a projection reads, or is rebuilt from
	PerMessage int64 // of them, with a transaction for each message

	Growth []int64 // events in the log
}

// Full returns the sizes that RESULTS.md is made with.
func Full() Sizes {
	return Sizes{
		Clients: []int{1, 16, 64}, Append: 3 * time.Second,
		Backlog: 200_000, OneByOne: 20_000, GuideLoop: 1_000,
		Rate: 1000, Latency: 10 * time.Second,
		Sends:     2_000_000,
		Projected: 200_000, PerMessage: 10_000,
		Growth: []int64{10_000, 100_000, 1_000_000},
	}
}

// Quick returns sizes for a look in a minute or two.
func Quick() Sizes {
	return Sizes{
		Clients: []int{1, 64}, Append: time.Second,
		Backlog: 20_000, OneByOne: 5_000, GuideLoop: 300,
		Rate: 1000, Latency: 3 * time.Second,
		Sends:     200_000,
		Projected: 20_000, PerMessage: 2_000,
		Growth: []int64{10_000, 50_000},
	}
}

// Tiny returns sizes that prove only that every competitor does its work.
func Tiny() Sizes {
	return Sizes{
		Clients: []int{4}, Append: 50 * time.Millisecond,
		Backlog: 600, OneByOne: 200, GuideLoop: 20,
		Rate: 200, Latency: 300 * time.Millisecond,
		Sends:     100,
		Projected: 600, PerMessage: 100,
		Growth: []int64{200, 400},
	}
}

// All returns the cases over the servers.
func All(r *rig.Rig, s Sizes) []measure.Case {
	w := world{rig: r, sizes: s}
	var all []measure.Case
	for _, clients := range s.Clients {
		all = append(all, w.appending(relational(), clients), w.appending(eventsAlone(), clients))
	}
	return append(all, w.relay(), w.latency(), w.mediator(), w.projection(), w.rebuild(), w.growth())
}

// world is what the cases share.
type world struct {
	rig   *rig.Rig
	sizes Sizes
}
