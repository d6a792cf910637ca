package cases

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/bench/measure"
)

func rate(unit string) []measure.Metric { return []measure.Metric{{Name: "rate", Unit: unit}} }

const (
	kernelName = "tenon"
	byHandName = "by hand on lib/pq"
	insertName = "one prepared INSERT"
)

// appending is a command that makes a relational aggregate: a state row and an event.
func (w world) appending(clients int) measure.Case {
	return measure.Case{
		Name: fmt.Sprintf("append, %d clients", clients),
		About: fmt.Sprintf("%d clients store a new aggregate of one state row and one event of 250 B, as fast as they can, for %v a round. "+
			"Everybody has as many connections as there are clients.", clients, w.sizes.Append),
		Metrics: rate("commits/s"),
		Competitors: []measure.Competitor{
			{
				Name: kernelName, Role: measure.Ours, Note: "mediator, unit of work, codec, repository, log.",
				Round: func(ctx context.Context, lap *measure.Lap) error {
					return w.appendOurs(ctx, lap, clients, 1, func(p *program) func(context.Context, int64) error {
						return func(ctx context.Context, seq int64) error {
							_, err := p.makeThing(ctx, makeThing{Event: happened{Seq: seq, Text: text()}})
							return err
						}
					})
				},
			},
			w.byHand(clients), w.bareInsert(clients),
		},
		Goals: atManyClients(clients, measure.Goal{
			Metric: "rate", Of: kernelName, Against: byHandName, AtLeast: 1,
			Unmet: "The same four round trips as by hand, and the client's own work on top: both share the machine's cores with the server.",
		}),
	}
}

// grouped is a command that makes an event-sourced aggregate: an event and nothing else.
func (w world) grouped(clients int) measure.Case {
	return measure.Case{
		Name: fmt.Sprintf("append of events alone, %d clients", clients),
		About: fmt.Sprintf("%d clients store a new event-sourced aggregate with one event of 250 B, for %v a round. By hand there is a state "+
			"row too: it is what a team would write.", clients, w.sizes.Append),
		Metrics: rate("commits/s"),
		Competitors: []measure.Competitor{
			{
				Name: kernelName, Role: measure.Ours, Note: "mediator, unit of work, codec, log.",
				Round: func(ctx context.Context, lap *measure.Lap) error {
					return w.appendOurs(ctx, lap, clients, 0, func(p *program) func(context.Context, int64) error {
						return func(ctx context.Context, seq int64) error {
							_, err := p.makeFact(ctx, makeFact{Event: happened{Seq: seq, Text: text()}})
							return err
						}
					})
				},
			},
			w.byHand(clients), w.bareInsert(clients),
		},
		Goals: atManyClients(clients, measure.Goal{
			Metric: "rate", Of: kernelName, Against: byHandName, AtLeast: 4,
			Unmet: "Each command still is a transaction of its own: BEGIN, INSERT, COMMIT are three round trips and a flush.",
		}),
	}
}

// atManyClients is where the budget sets its goals.
func atManyClients(clients int, goals ...measure.Goal) []measure.Goal {
	if clients != 64 {
		return nil
	}
	return goals
}

// appendOurs measures the program's commands; rows is the number of state rows a command leaves.
func (w world) appendOurs(ctx context.Context, lap *measure.Lap, clients int, rows int64, unit func(*program) func(context.Context, int64) error) error {
	url, err := w.rig.Database(ctx, lap, empty())
	if err != nil {
		return err
	}
	p := &program{url: url, roles: "api", conns: clients}
	if _, err := p.start(ctx, lap); err != nil {
		return err
	}
	return w.flood(ctx, lap, clients, url, rows, unit(p))
}

const insertEventSQL = `INSERT INTO tenon.events (event_id, topic, aggregate_type, aggregate_id, version, bucket, event_type, schema_version,
	payload, correlation_id, recorded_at) VALUES ($1, $2, $3, $4, 1, $5, $6, 1, $7, $8, $9)`

// insertEvent stores a new event of an aggregate by a prepared statement.
func insertEvent(ctx context.Context, insert *sql.Stmt, id string, seq int64) error {
	payload, err := json.Marshal(happened{Seq: seq, Text: text()})
	if err != nil {
		return err
	}
	_, err = insert.ExecContext(ctx, uuid.Must(uuid.NewV7()).String(), topic, thingType, id, eventlog.Bucket(id), eventType, string(payload),
		uuid.NewString(), time.Now())
	return err
}

func (w world) byHand(clients int) measure.Competitor {
	return measure.Competitor{
		Name: byHandName, Role: measure.Peer, Note: "BEGIN, INSERT state, INSERT event, COMMIT; statements prepared, the same log table.",
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, db, err := w.plain(ctx, lap, clients)
			if err != nil {
				return err
			}
			state, err := db.PrepareContext(ctx, `INSERT INTO bench.things (id, version, text) VALUES ($1, 1, $2)`)
			if err != nil {
				return err
			}
			event, err := db.PrepareContext(ctx, insertEventSQL)
			if err != nil {
				return err
			}
			return w.flood(ctx, lap, clients, url, 1, func(ctx context.Context, seq int64) error {
				tx, err := db.BeginTx(ctx, nil)
				if err != nil {
					return err
				}
				defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
				id := uuid.NewString()
				if _, err := tx.StmtContext(ctx, state).ExecContext(ctx, id, text()); err != nil {
					return err
				}
				if err := insertEvent(ctx, tx.StmtContext(ctx, event), id, seq); err != nil {
					return err
				}
				return tx.Commit()
			})
		},
	}
}

func (w world) bareInsert(clients int) measure.Competitor {
	return measure.Competitor{
		Name: insertName, Role: measure.Limit, Note: "the event alone, its own transaction.",
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, db, err := w.plain(ctx, lap, clients)
			if err != nil {
				return err
			}
			event, err := db.PrepareContext(ctx, insertEventSQL)
			if err != nil {
				return err
			}
			return w.flood(ctx, lap, clients, url, 0, func(ctx context.Context, seq int64) error {
				return insertEvent(ctx, event, uuid.NewString(), seq)
			})
		},
	}
}

// plain returns a database with the schemas and a pool of database/sql for it.
func (w world) plain(ctx context.Context, lap *measure.Lap, clients int) (string, *sql.DB, error) {
	url, err := w.rig.Database(ctx, lap, empty())
	if err != nil {
		return "", nil, err
	}
	db, err := sql.Open("postgres", url)
	if err != nil {
		return "", nil, err
	}
	lap.Cleanup(db.Close)
	db.SetMaxOpenConns(clients)
	db.SetMaxIdleConns(clients)
	return url, db, nil
}
