package cases

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

func rate(unit string) []measure.Metric { return []measure.Metric{{Name: "rate", Unit: unit}} }

// Metrics of appending besides the rate. On a machine that does other things too they are steadier.
const (
	programTime = "processor of the program"
	serverTime  = "processor of the server"
)

func commits() []measure.Metric {
	metrics := rate("commits/s")
	if rig.CountsProcessorTime() {
		metrics = append(metrics, measure.Metric{Name: programTime, Unit: "µs/commit", Lower: true},
			measure.Metric{Name: serverTime, Unit: "µs/commit", Lower: true})
	}
	return metrics
}

const (
	kernelName = "tenon"
	byHandName = "by hand on lib/pq"
	insertName = "one prepared INSERT"
)

// appending is a command that makes an aggregate of one kind.
type appending struct {
	name, about, note string
	rows              int64 // state rows that a command leaves
	atLeast           float64
	unmet             string
	unit              func(*program) unit
}

// unit is what a client does again and again.
type unit func(ctx context.Context, seq int64) error

// relational is a command that makes a relational aggregate: a state row and an event.
func relational() appending {
	return appending{
		name:  "append",
		about: "a new aggregate of one state row and one event of 250 B",
		note:  "mediator, unit of work, codec, repository, log.",
		rows:  1, atLeast: 1,
		unmet: "Half of the program's time in a commit is system calls, spread evenly over its three round trips (by hand takes four). The " +
			"server takes two to three times as much as the program, here as by hand: see its processor in the table.",
		unit: func(p *program) unit {
			return func(ctx context.Context, seq int64) error {
				_, err := p.makeThing(ctx, makeThing{Event: happened{Seq: seq, Text: text(seq)}})
				return err
			}
		},
	}
}

// eventsAlone is a command that makes an event-sourced aggregate: an event and nothing else.
func eventsAlone() appending {
	return appending{
		name:  "append of events alone",
		about: "a new event-sourced aggregate with one event of 250 B (by hand a state row too: it is what a team would write)",
		note:  "mediator, unit of work, codec, log; concurrent commands share statements.",
		rows:  0, atLeast: 4,
		unmet: "Statements are shared, so the program takes as much as the server, and half of that is the clients' own: mediator, codec, ids.",
		unit: func(p *program) unit {
			return func(ctx context.Context, seq int64) error {
				_, err := p.makeFact(ctx, makeFact{Event: happened{Seq: seq, Text: text(seq)}})
				return err
			}
		},
	}
}

// appending is a case for so many clients.
func (w world) appending(a appending, clients int) measure.Case {
	return measure.Case{
		Name: fmt.Sprintf("%s, %d clients", a.name, clients),
		About: fmt.Sprintf("%d clients store %s, as fast as they can, for %v a round. Everybody has as many connections as there are clients.",
			clients, a.about, w.sizes.Append),
		Metrics: commits(),
		Competitors: []measure.Competitor{
			{
				Name: kernelName, Role: measure.Ours, Note: a.note,
				Round: func(ctx context.Context, lap *measure.Lap) error { return w.appendOurs(ctx, lap, clients, a) },
			},
			w.byHand(clients), w.bareInsert(clients),
		},
		Goals: a.goals(clients),
	}
}

// goals are those of the budget: units that share statements have theirs where many clients are.
func (a appending) goals(clients int) []measure.Goal {
	if a.rows == 0 && clients != 64 {
		return nil
	}
	return []measure.Goal{{Metric: "rate", Of: kernelName, Against: byHandName, AtLeast: a.atLeast, Unmet: a.unmet}}
}

// appendOurs measures the program's commands.
func (w world) appendOurs(ctx context.Context, lap *measure.Lap, clients int, a appending) error {
	url, err := w.rig.Database(ctx, lap, empty())
	if err != nil {
		return err
	}
	p := &program{url: url, roles: "api", conns: clients}
	if _, err := p.start(ctx, lap); err != nil {
		return err
	}
	return w.flood(ctx, lap, clients, url, a.rows, a.unit(p))
}
