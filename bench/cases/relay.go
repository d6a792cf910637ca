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
		},
		Goals: []measure.Goal{
			{
				Metric: "rate", Of: exactlyOnce, Against: stockName, AtLeast: 25,
				Unmet: "Not profiled yet.",
			},
			{
				Metric: "rate", Of: exactlyOnce, Against: bareName, AtLeast: 0.7,
				Unmet: "Not profiled yet. It sends ten headers a record and reads 15 columns, of which the bare loop needs none.",
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
