package postgres

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// laneRow is a row of tenon.relay_progress, with the cursor in the pieces that SQL can use. It goes to the server as
// JSON, so that one statement takes any number.
type laneRow struct {
	Log          uuid.UUID  `db:"log"           json:"log"`
	Lane         int        `db:"lane"          json:"lane"`
	Of           int        `db:"of"            json:"of"`
	Epoch        int64      `db:"epoch"         json:"epoch"`
	Timeline     string     `db:"timeline"      json:"timeline"`
	S1           string     `db:"s1"            json:"s1"`
	S2           *string    `db:"s2"            json:"s2"` // NULL between windows
	Low          int64      `db:"low"           json:"low"`
	Position     int64      `db:"position"      json:"position"`
	Batches      int64      `db:"batches"       json:"batches"`
	LastPosition int64      `db:"last_position" json:"last_position"` //nolint:tagliatelle // a column's name
	LastEvent    *uuid.UUID `db:"last_event"    json:"last_event"`    //nolint:tagliatelle // a column's name
	Closed       bool       `db:"closed"        json:"closed"`
}

// laneColumns are the columns of laneRow; laneTypes what jsonb_to_recordset makes of its JSON.
const (
	laneColumns = `log, lane, "of", epoch, timeline, s1, s2, low, position, batches, last_position, last_event, closed`
	laneTypes   = `log uuid, lane integer, "of" integer, epoch bigint, timeline text, s1 pg_snapshot, s2 pg_snapshot, low bigint,
    position bigint, batches bigint, last_position bigint, last_event uuid, closed boolean`
)

// laneRowOf returns p as a row. The cursor must be of p's log; the beginning is of any.
func laneRowOf(p relaying.Progress) (laneRow, error) {
	c, err := ParseCursor(p.Cursor)
	switch {
	case err != nil:
		return laneRow{}, fmt.Errorf("lane %d: %w", p.Lane.Number, err)
	case c.Log != uuid.UUID{} && c.Log != p.Log:
		return laneRow{}, fmt.Errorf("lane %d: progress is of log %s, its cursor of log %s", p.Lane.Number, p.Log, c.Log)
	case p.Lane.Of < 1 || p.Lane.Of > relaying.MaxLanes || p.Lane.Number < 0 || p.Lane.Number >= p.Lane.Of:
		return laneRow{}, fmt.Errorf("lane %d of %d: want 0 to %d of 1 to %d", p.Lane.Number, p.Lane.Of, p.Lane.Of-1, relaying.MaxLanes)
	}
	row := laneRow{
		Log: p.Log, Lane: p.Lane.Number, Of: p.Lane.Of, Epoch: p.Epoch, Timeline: p.Timeline, S1: c.Before.String(),
		Low: c.First, Position: c.Position, Batches: p.Batches, LastPosition: p.Last.Position, Closed: p.Closed,
	}
	if c.IsOpen() {
		window := c.Window.String()
		row.S2 = &window
	}
	if !p.Last.IsZero() {
		row.LastEvent = &p.Last.Event
	}
	return row, nil
}

// progress is the reverse of laneRowOf.
func (r *laneRow) progress() (relaying.Progress, error) {
	cursor, err := cursorOf(r.Log, r.S1, r.S2, r.Low, r.Position)
	p := relaying.Progress{
		Log: r.Log, Timeline: r.Timeline, Epoch: r.Epoch, Lane: relaying.Lane{Number: r.Lane, Of: r.Of}, Cursor: cursor,
		Batches: r.Batches, Last: relaying.Mark{Position: r.LastPosition}, Closed: r.Closed,
	}
	if r.LastEvent != nil {
		p.Last.Event = *r.LastEvent
	}
	return p, err
}

// cursorOf puts a cursor together from its columns.
func cursorOf(log uuid.UUID, s1 string, s2 *string, low, position int64) (eventlog.Cursor, error) {
	before, err := ParseSnapshot(s1)
	if err != nil {
		return "", err
	}
	c := Cursor{Log: log, Before: before, First: low, Position: position}
	if s2 == nil {
		return c.Text(), nil
	}
	c.Window, err = ParseSnapshot(*s2)
	return c.Text(), err
}
