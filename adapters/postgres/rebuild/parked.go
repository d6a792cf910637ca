package rebuild

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/projection"
)

// parkedSequence is a row of tenon.parked_sequences, with what its first event came with.
type parkedSequence struct {
	ID          int64           `db:"id"`
	Topic       string          `db:"topic"`
	AggregateID string          `db:"aggregate_id"`
	Key         []byte          `db:"record_key"`
	Headers     json.RawMessage `db:"headers"`
}

// topic returns the topic of the sequence's events. From the log it is a header of each.
func (s *parkedSequence) topic() string {
	if s.Topic != projection.LogTopic {
		return s.Topic
	}
	var headers []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	if json.Unmarshal(s.Headers, &headers) != nil {
		return ""
	}
	for _, h := range headers {
		if h.Name == projection.HeaderLogTopic {
			return h.Value
		}
	}
	return ""
}

// moveParked gives the parked sequences of a version the places at which its next source looks for them, and their events offsets
// that no source uses.
func moveParked(ctx context.Context, tx *sqlx.Tx, v Version, to func(parkedSequence) (topic string, partition int32, err error)) error {
	var all []parkedSequence
	err := tx.SelectContext(ctx, &all, `SELECT s.id, s.topic, s.aggregate_id, e.record_key, e.headers
		FROM tenon.parked_sequences AS s CROSS JOIN LATERAL (
			SELECT record_key, headers FROM tenon.parked_events WHERE sequence = s.id ORDER BY id LIMIT 1) AS e
		WHERE s.projection = $1 AND s.version = $2 ORDER BY s.id FOR UPDATE OF s`, v.Projection, v.Number)
	if err != nil {
		return err
	}
	for _, s := range all {
		topic, partition, err := to(s)
		if err != nil {
			return err
		}
		const move = `UPDATE tenon.parked_sequences SET topic = $2, partition = $3 WHERE id = $1`
		if _, err := tx.ExecContext(ctx, move, s.ID, topic, partition); err != nil {
			return fmt.Errorf("move parked sequence %d to %s/%d: %w", s.ID, topic, partition, err)
		}
		const renumber = `UPDATE tenon.parked_events SET record_offset = (1::bigint << 62) + id WHERE sequence = $1`
		if _, err := tx.ExecContext(ctx, renumber, s.ID); err != nil {
			return err
		}
	}
	return nil
}

// leaveToLog removes the parked sequences of a version that the log will bring again, to be parked again: else each of their events
// would be there twice. It leaves those with events that somebody has edited, or that aren't in the log.
func leaveToLog(ctx context.Context, tx *sqlx.Tx, v Version) error {
	var ids pq.Int64Array
	err := tx.SelectContext(ctx, &ids, `SELECT s.id FROM tenon.parked_sequences AS s WHERE s.projection = $1 AND s.version = $2 AND NOT EXISTS (
			SELECT FROM tenon.parked_events AS e WHERE e.sequence = s.id AND (num_nonnulls(e.edited_text, e.edited_bytes) > 0
				OR NOT EXISTS (SELECT FROM tenon.events AS l WHERE l.event_id = e.event_id)))
		ORDER BY s.id FOR UPDATE OF s`, v.Projection, v.Number)
	for _, statement := range []string{
		`DELETE FROM tenon.parked_events WHERE sequence = ANY ($1)`, `DELETE FROM tenon.parked_sequences WHERE id = ANY ($1)`,
	} {
		if err == nil {
			_, err = tx.ExecContext(ctx, statement, ids)
		}
	}
	return err
}
