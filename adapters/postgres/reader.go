package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

var _ eventlog.Reader = (*DB)(nil)

var errNoIdentity = errors.New("table tenon.log_identity is empty: no cursor can be told from another log's")

// Read returns the page after the cursor: one statement inside a window, one more where a window opens.
// [ErrForeignCursor] when the cursor isn't of this log.
func (db *DB) Read(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
	if limit < 1 {
		return eventlog.Page{}, fmt.Errorf("limit %d: want 1 or more", limit)
	}
	c, err := ParseCursor(after)
	if err != nil {
		return eventlog.Page{}, err
	}
	older := c.IsOpen()
	if c, err = db.enter(ctx, c); err != nil {
		return eventlog.Page{}, Wrap(ctx, err)
	}
	if c.IsEmpty() {
		return eventlog.Page{Next: c.Finished().Text(), More: older}, nil
	}
	page, err := db.page(ctx, c, limit)
	page.More = page.More || older && err == nil // what was committed since that window opened
	return page, err
}

// page asks for a record more than it returns, so that it knows when the window is finished.
func (db *DB) page(ctx context.Context, c Cursor, limit int) (eventlog.Page, error) {
	records, err := separated(func(separator string) ([]eventlog.Record, error) {
		rows, err := db.pool.QueryContext(ctx, pageSQL, append(pageArgs(c, limit+1), separator)...)
		if err != nil {
			return nil, err
		}
		return collectPacked(rows, separator, limit+1)
	})
	if err != nil {
		return eventlog.Page{}, Wrap(ctx, err)
	}
	if len(records) <= limit {
		return eventlog.Page{Records: records, Next: c.Finished().Text(), More: len(records) == limit}, nil
	}
	records = records[:limit:limit]
	return eventlog.Page{Records: records, Next: c.Passed(records[limit-1].Position, false).Text(), More: true}, nil
}

// enter returns the cursor inside a window: its own, or one that opens now.
func (db *DB) enter(ctx context.Context, c Cursor) (Cursor, error) {
	if c.IsOpen() {
		return c, db.checkLog(ctx, c.Log)
	}
	return db.openWindow(ctx, c)
}

func (db *DB) openWindow(ctx context.Context, c Cursor) (Cursor, error) {
	var w window
	if err := db.pool.GetContext(ctx, &w, windowSQL, fmt.Sprint(max(c.Before.Xmax, 1))); err != nil {
		return Cursor{}, err
	}
	db.identity.Store(&w.Log)
	return w.open(c)
}

// checkLog compares a cursor inside a window, which is used without asking the server for its log each time.
func (db *DB) checkLog(ctx context.Context, log uuid.UUID) error {
	known := db.identity.Load()
	if known == nil {
		id, err := db.LogIdentity(ctx)
		if err != nil {
			return err
		}
		known = &id
	}
	if *known != log {
		return fmt.Errorf("%w: it is of log %s, this is %s", ErrForeignCursor, log, *known)
	}
	return nil
}

// LogIdentity returns the id that was made with the log's schema.
func (db *DB) LogIdentity(ctx context.Context) (uuid.UUID, error) {
	var id uuid.NullUUID
	err := db.pool.GetContext(ctx, &id, `SELECT (SELECT id FROM tenon.log_identity)`)
	switch {
	case err != nil:
		return uuid.UUID{}, Wrap(ctx, err)
	case !id.Valid:
		return uuid.UUID{}, errNoIdentity
	}
	db.identity.Store(&id.UUID)
	return id.UUID, nil
}
