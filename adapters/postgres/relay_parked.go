package postgres

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// parkedRow is a row of tenon.relay_parked.
type parkedRow struct {
	Log           uuid.UUID `db:"log"            json:"log"`
	Lane          int       `db:"lane"           json:"lane"`
	AggregateType string    `db:"aggregate_type" json:"aggregate_type"` //nolint:tagliatelle // a column's name
	AggregateID   string    `db:"aggregate_id"   json:"aggregate_id"`   //nolint:tagliatelle // a column's name
	Bucket        int16     `db:"bucket"         json:"bucket"`
	Position      int64     `db:"position"       json:"position"`
	Event         uuid.UUID `db:"event"          json:"event"`
	Topic         string    `db:"topic"          json:"topic"`
	Reason        string    `db:"reason"         json:"reason"`
	Since         time.Time `db:"since"          json:"since"`
	Attempts      int       `db:"attempts"       json:"attempts"`
	After         string    `db:"after_cursor"   json:"after_cursor"` //nolint:tagliatelle // a column's name
}

// parkedColumns are the columns of parkedRow; parkedTypes what jsonb_to_recordset makes of its JSON.
const (
	parkedColumns = `log, lane, aggregate_type, aggregate_id, bucket, position, event, topic, reason, since, attempts, after_cursor`
	parkedTypes   = `log uuid, lane integer, aggregate_type text, aggregate_id text, bucket smallint, position bigint, event uuid,
    topic text, reason text, since timestamptz, attempts integer, after_cursor text`

	// parkSQL stores the keys of $1, which is JSON; those that are there get the new values.
	parkSQL = `INSERT INTO tenon.relay_parked (` + parkedColumns + `)
		SELECT ` + parkedColumns + ` FROM jsonb_to_recordset($1::jsonb) AS r (` + parkedTypes + `)
		ON CONFLICT (log, lane, aggregate_type, aggregate_id) DO UPDATE SET position = excluded.position, event = excluded.event,
			topic = excluded.topic, reason = excluded.reason, since = excluded.since, attempts = excluded.attempts,
			after_cursor = excluded.after_cursor`
)

func parkedRowOf(p *relaying.Progress, k *relaying.Parked) parkedRow {
	return parkedRow{
		Log: p.Log, Lane: p.Lane.Number, AggregateType: k.AggregateType, AggregateID: k.AggregateID,
		Bucket: eventlog.Bucket(k.AggregateID), Position: k.Position, Event: k.Event, Topic: k.Topic,
		Reason: storable(errors.New(k.Reason)), Since: k.Since.UTC(), Attempts: k.Attempts, After: string(k.After),
	}
}

// parkedJSON returns keys as [parkSQL] takes them.
func parkedJSON(p *relaying.Progress, keys []relaying.Parked) (string, error) {
	rows := make([]parkedRow, len(keys))
	for i := range keys {
		rows[i] = parkedRowOf(p, &keys[i])
	}
	text, err := json.Marshal(rows)
	return string(text), err
}

func (r *parkedRow) parked() relaying.Parked {
	return relaying.Parked{
		Key: r.key(), Position: r.Position, Event: r.Event, Topic: r.Topic, Reason: r.Reason, Since: r.Since.UTC(), Attempts: r.Attempts,
		After: eventlog.Cursor(r.After),
	}
}

func (r *parkedRow) key() relaying.Key {
	return relaying.Key{AggregateType: r.AggregateType, AggregateID: r.AggregateID}
}
