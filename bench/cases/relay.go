package cases

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/bench/measure"
)

const (
	relayPartitions = 3

	exactlyOnce   = "tenon, TENON_RELAY=exactly-once"
	watermillMode = "tenon, TENON_RELAY=watermill"
	stockName     = "stock Watermill forwarder"
)

// relayLimit is from profiles of the program, and the CPU time of the servers' processes over the same rounds.
const relayLimit = "The two cores are shared with PostgreSQL and the broker, so CPU per event decides: the bare loop takes 2.0 µs of its own, 0.9 of " +
	"PostgreSQL and 0.35 of the broker, the relay 4.1, 1.9 and 0.6 to 1.3. Of the relay's own, 41 % are franz-go encoding and compressing a record with " +
	"eleven headers, which has some 600 bytes and not 300; 27 % reading the ten further columns; 11 % making the headers. A bare loop that reads and " +
	"sends the same records is the fair limit: it takes 6.1, 1.1 and 0.7."

// relay is a backlog that waits in the database and goes to Kafka.
func (w world) relay() measure.Case {
	return measure.Case{
		Name: "relay of a backlog",
		About: fmt.Sprintf("%d events of 250 B are committed; they go to a topic of %d partitions. Counted from the moment the relay runs "+
			"until the records are there to be read, by what a read_committed consumer then finds. Who sends one record at a time is "+
			"counted over a part of the backlog.", w.sizes.Backlog, relayPartitions),
		Metrics: rate("events/s"),
		Competitors: []measure.Competitor{
			w.relayOurs(exactlyOnce, "exactly-once", w.sizes.Backlog),
			w.relayOurs(watermillMode, "watermill", w.sizes.OneByOne),
			w.stockForwarder(),
			w.guideLoop(),
			w.bareRelay(),
			w.sameRelay(),
		},
		Goals: []measure.Goal{
			{
				Metric: "rate", Of: exactlyOnce, Against: stockName, AtLeast: 25,
				Unmet: "See the bare loop: what the relay does more than the limit is in its goal's row.",
			},
			{
				Metric: "rate", Of: exactlyOnce, Against: bareName, AtLeast: 0.7,
				Unmet: relayLimit,
			},
		},
	}
}

// relayOurs is the whole program with the relay's role and one of its modes, over the first part of the backlog.
func (w world) relayOurs(name, mode string, part int64) measure.Competitor {
	return measure.Competitor{
		Name: name, Role: measure.Ours, Note: fmt.Sprintf("over the first %d events; what a page costs doesn't depend on what is left.", part),
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, err := w.rig.Database(ctx, lap, logged(w.sizes.Backlog))
			if err != nil {
				return err
			}
			return w.forward(ctx, lap, part, true, func(ctx context.Context, lap *measure.Lap) (<-chan error, error) {
				p := program{url: url, brokers: w.rig.Brokers()[0], roles: "relay", relay: mode}
				return p.start(ctx, lap)
			})
		},
	}
}
