package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
)

// firstXid is the least that a transaction ever gets.
const firstXid = 3

// Transactions that the same snapshots see become one: a class. Those that most see come first, so that snapshots stay
// short.
const (
	classesSQL = `
CREATE TEMP TABLE rebased_xids ON COMMIT DROP AS
SELECT x.xid AS old, ARRAY(SELECT pg_visible_in_snapshot(x.xid, s.text::pg_snapshot) FROM unnest($1::text[]) WITH ORDINALITY s (text, n) ORDER BY s.n) AS seen
FROM (SELECT DISTINCT xid FROM tenon.events) x`

	numberSQL = `
CREATE TEMP TABLE rebased_classes ON COMMIT DROP AS
SELECT seen, ((row_number() OVER (ORDER BY (SELECT count(*) FROM unnest(seen) v WHERE v) DESC, seen DESC)) + 2)::text::xid8 AS new
FROM (SELECT DISTINCT seen FROM rebased_xids) d`

	renumberSQL = `
ANALYZE rebased_xids;
ALTER TABLE tenon.events DISABLE TRIGGER events_insert_only;
UPDATE tenon.events e SET xid = c.new FROM rebased_xids x JOIN rebased_classes c ON c.seen = x.seen WHERE x.old = e.xid;
ALTER TABLE tenon.events ENABLE TRIGGER events_insert_only`
)

// renumber gives the events new transaction ids and finds the snapshots that see the same events by them.
func (p *places) renumber(ctx context.Context, tx *sqlx.Tx) error {
	texts := slices.Sorted(maps.Keys(p.snapshots))
	if _, err := tx.ExecContext(ctx, classesSQL, pq.StringArray(texts)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, numberSQL); err != nil {
		return err
	}
	var classes []struct {
		New  uint64       `db:"new"`
		Seen pq.BoolArray `db:"seen"`
	}
	if err := tx.SelectContext(ctx, &classes, `SELECT new::text::numeric::text AS new, seen FROM rebased_classes ORDER BY rebased_classes.new`); err != nil {
		return err
	}
	var server uint64
	if err := tx.GetContext(ctx, &server, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::numeric::text`); err != nil {
		return err
	}
	if uint64(len(classes))+firstXid >= server {
		return fmt.Errorf("cursors tell %d groups of transactions apart, and the server is only at transaction %d: delete the rows of cursors that nobody uses",
			len(classes), server)
	}
	for i, text := range texts {
		var s Snapshot
		var unseen []uint64
		for _, c := range classes {
			if !c.Seen[i] {
				unseen = append(unseen, c.New)
				continue
			}
			s.Xmax, s.Running = c.New+1, slices.Clone(unseen)
		}
		if old, err := ParseSnapshot(text); err != nil {
			return err
		} else if s.IsZero() && !old.IsZero() {
			s.Xmax = firstXid // it has passed something, of which nothing is here
		}
		p.snapshots[text] = s
	}
	_, err := tx.ExecContext(ctx, renumberSQL)
	return err
}

// moved returns the cursor of the new log that has passed the same events as c of the old one.
func (p *places) moved(ctx context.Context, tx *sqlx.Tx, c Cursor) (Cursor, error) {
	before, known := p.snapshots[c.Before.String()]
	window, alsoKnown := p.snapshots[c.Window.String()]
	if !known || !alsoKnown {
		return Cursor{}, errors.New("a cursor came from nowhere")
	}
	m := Cursor{Log: p.log, Before: before}
	if !c.IsOpen() {
		return m, nil
	}
	if window.String() == before.String() { // nothing is in between
		return m, nil
	}
	m.Window, m.Position = window, c.Position
	if before.IsZero() {
		return m, nil // all of the window is new
	}
	err := tx.GetContext(ctx, &m.First, firstSQL, xidText(before.Xmax), xidText(window.Xmax), window.String())
	return m, err
}

func (p *places) movedText(ctx context.Context, tx *sqlx.Tx, text eventlog.Cursor) (eventlog.Cursor, error) {
	c, err := ParseCursor(text)
	if err != nil || c.Log == (uuid.UUID{}) && c.Before.IsZero() && !c.IsOpen() {
		return text, err // the beginning of any log
	}
	m, err := p.moved(ctx, tx, c)
	return m.Text(), err
}
