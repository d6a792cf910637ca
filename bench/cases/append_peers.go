package cases

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/bench/measure"
)

const insertEventSQL = `INSERT INTO tenon.events (event_id, topic, aggregate_type, aggregate_id, version, bucket, event_type, schema_version,
	payload, correlation_id, recorded_at) VALUES ($1, $2, $3, $4, 1, $5, $6, 1, $7, $8, $9)`

// insertEvent stores a new event of an aggregate by a prepared statement.
func insertEvent(ctx context.Context, insert *sql.Stmt, id string, seq int64) error {
	payload, err := json.Marshal(happened{Seq: seq, Text: text(seq)})
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
				if _, err := tx.StmtContext(ctx, state).ExecContext(ctx, id, text(seq)); err != nil {
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
