package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

var errNotBetween = errors.New("want a cursor between windows")

// firstSQL returns the least position of the rows that the snapshot $3 sees of transactions from $1 to before $2.
const firstSQL = `
SELECT coalesce(min(w.position), 9223372036854775807) FROM (
    SELECT e.position FROM tenon.events AS e
    WHERE e.xid >= $1::xid8 AND e.xid < $2::xid8 AND pg_visible_in_snapshot(e.xid, $3::pg_snapshot) OFFSET 0) AS w`

// Freeze returns the end of a window that opens now and begins where the farthest of the held cursors is. The snapshot
// is that of a statement of its own, so that no transaction of the caller's is hidden by it, and it is trimmed to the
// newest event: a crash may hand out again what lies above.
func (l *LaneLog) Freeze(ctx context.Context, held []eventlog.Cursor) (eventlog.Cursor, error) {
	cursors := make([]Cursor, len(held))
	var farthest Cursor
	for i, text := range held {
		c, err := between(text)
		switch {
		case err != nil:
			return "", fmt.Errorf("freeze: %w", err)
		case c.Log == uuid.UUID{}:
		case farthest.Log != uuid.UUID{} && farthest.Log != c.Log:
			return "", changed(fmt.Errorf("freeze: %w: one is held in log %s, another in log %s", ErrForeignCursor, farthest.Log, c.Log))
		}
		cursors[i] = c
		if c.Before.Xmax >= farthest.Before.Xmax && c.Log != (uuid.UUID{}) {
			farthest = Cursor{Log: c.Log, Before: Snapshot{Xmax: c.Before.Xmax}}
		}
	}
	opened, err := l.db.openWindow(ctx, farthest)
	if err != nil {
		return "", changed(Wrap(ctx, err))
	}
	final := opened.Finished()
	// An empty log's end must differ from its beginning, which would read on. No event has a transaction below 3.
	final.Before.Xmax = max(final.Before.Xmax, 2)
	for _, c := range cursors {
		if !final.Before.Covers(c.Before) {
			return "", changed(fmt.Errorf("freeze: %w: %s has passed what hasn't ended at %s", ErrForeignCursor, c.Before, final.Before))
		}
	}
	return final.Text(), nil
}

// Until opens a window that ends at final instead of now. Its position bound costs one scan of an index for what is
// left to read. A window that is open already, the last one or one before, has to be read to its end first.
func (l *LaneLog) Until(ctx context.Context, cursor, final eventlog.Cursor) (eventlog.Cursor, error) {
	c, err := ParseCursor(cursor)
	if err != nil {
		return "", fmt.Errorf("read until: %w", err)
	}
	end, err := between(final)
	switch {
	case err != nil:
		return "", fmt.Errorf("read until: %w", err)
	case end.Before.IsZero():
		return "", errors.New("read until: the final cursor is the beginning of a log, want one that Freeze returned")
	case c.Log != uuid.UUID{} && c.Log != end.Log:
		return "", changed(fmt.Errorf("read until: %w: it is of log %s, the final one of log %s", ErrForeignCursor, c.Log, end.Log))
	case !end.Before.Covers(c.Before):
		return "", fmt.Errorf("read until: %s has passed more than the final %s", c.Before, end.Before)
	case c.IsOpen() && !end.Before.Covers(c.Window):
		return "", fmt.Errorf("read until: the window to %s ends after the final %s", c.Window, end.Before)
	}
	if err := l.db.checkLog(ctx, end.Log); err != nil {
		return "", changed(Wrap(ctx, err))
	}
	if c.IsOpen() {
		return cursor, nil
	}
	opened := Cursor{Log: end.Log, Before: c.Before, Window: end.Before}
	if c.Before.IsZero() {
		return opened.Text(), nil // all rows belong to the window
	}
	err = l.db.pool.GetContext(ctx, &opened.First, firstSQL, xidText(c.Before.Xmax), xidText(end.Before.Xmax), end.Before.String())
	if err != nil {
		return "", Wrap(ctx, err)
	}
	return opened.Text(), nil
}

func between(text eventlog.Cursor) (Cursor, error) {
	c, err := ParseCursor(text)
	if err == nil && c.IsOpen() {
		err = fmt.Errorf("cursor %q is inside a window: %w", shortenCursor(text), errNotBetween)
	}
	return c, err
}

// Covers reports whether s sees every transaction that before sees.
func (s Snapshot) Covers(before Snapshot) bool {
	if s.Xmax < before.Xmax {
		return false
	}
	for _, xid := range s.Running {
		if _, ran := slices.BinarySearch(before.Running, xid); xid < before.Xmax && !ran {
			return false
		}
	}
	return true
}
