package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Change implements relaying.Layouts. Refused are numbers outside 1 to relaying.MaxLanes, the number that is in force,
// a change while another is under way, and one before any relay has run.
func (m *RelayMembers) Change(ctx context.Context, lanes int) error {
	if err := m.change(ctx, lanes); err != nil {
		return fmt.Errorf("change the number of lanes to %d: %w", lanes, Wrap(ctx, err))
	}
	return nil
}

func (m *RelayMembers) change(ctx context.Context, lanes int) error {
	if err := checkLanes(lanes); err != nil {
		return err
	}
	const ask = `UPDATE tenon.relay_layout SET next = $1, updated_at = clock_timestamp() WHERE next = 0 AND lanes <> $1`
	if asked, err := m.did(ctx, ask, lanes); asked || err != nil {
		return err
	}
	var now []struct {
		Lanes int `db:"lanes"`
		Next  int `db:"next"`
	}
	err := m.db.pool.SelectContext(ctx, &now, `SELECT lanes, next FROM tenon.relay_layout`)
	switch {
	case err != nil:
		return err
	case len(now) == 0:
		return errors.New("there are no lanes yet: the first relay that runs makes them")
	case now[0].Next != 0:
		return fmt.Errorf("a change from %d to %d lanes is under way: wait until it is done", now[0].Lanes, now[0].Next)
	case now[0].Lanes == lanes:
		return errors.New("that is the number in force")
	default: // another change ended in between
		return fmt.Errorf("%w: another change has just ended", eventlog.ErrTransient)
	}
}

// Hold implements relaying.Layouts. Until Final is set, the last call counts.
func (m *RelayMembers) Hold(ctx context.Context, epoch int64, lane int, at eventlog.Cursor) error {
	if at == "" {
		at = Cursor{}.Text() // the beginning too is a place to stop at, and "" says that the lane hasn't
	}
	const hold = `UPDATE tenon.relay_lanes l SET held = $3 FROM tenon.relay_layout y
		WHERE y.epoch = $1 AND y.next <> 0 AND y.final = '' AND l.epoch = $1 AND l.lane = $2`
	if _, err := m.did(ctx, hold, epoch, lane, string(at)); err != nil {
		return fmt.Errorf("hold lane %d: %w", lane, Wrap(ctx, err))
	}
	return nil
}

// Freeze implements relaying.Layouts. An error when a lane hasn't stopped, or no change was asked for.
func (m *RelayMembers) Freeze(ctx context.Context, epoch int64, final eventlog.Cursor) error {
	if err := m.freeze(ctx, epoch, final); err != nil {
		return fmt.Errorf("freeze epoch %d: %w", epoch, Wrap(ctx, err))
	}
	return nil
}

func (m *RelayMembers) freeze(ctx context.Context, epoch int64, final eventlog.Cursor) error {
	switch c, err := ParseCursor(final); {
	case err != nil:
		return err
	case final == "" || c.IsOpen():
		return fmt.Errorf("cursor %q: want one between windows", shortenCursor(final))
	}
	const freeze = `UPDATE tenon.relay_layout SET final = $2, updated_at = clock_timestamp()
		WHERE epoch = $1 AND next <> 0 AND final = ''
			AND NOT EXISTS (SELECT FROM tenon.relay_lanes WHERE epoch = $1 AND held = '')`
	if frozen, err := m.did(ctx, freeze, epoch, string(final)); frozen || err != nil {
		return err
	}
	return m.why(ctx, epoch, `y.final = ''`, `l.held = ''`, "has not stopped")
}

// Close implements relaying.Layouts.
func (m *RelayMembers) Close(ctx context.Context, epoch int64, lane int) error {
	const closing = `UPDATE tenon.relay_lanes l SET closed = true FROM tenon.relay_layout y
		WHERE y.epoch = $1 AND y.final <> '' AND l.epoch = $1 AND l.lane = $2`
	if _, err := m.did(ctx, closing, epoch, lane); err != nil {
		return fmt.Errorf("close lane %d: %w", lane, Wrap(ctx, err))
	}
	return nil
}

// why says what a step of the epoch waits for; nil if it was done before, or another epoch is in force. Both conditions
// are those under which the step is still to be done: of the layout, and of the lanes that hinder it.
func (m *RelayMembers) why(ctx context.Context, epoch int64, layout, lane, what string) error {
	var late []struct {
		Next int           `db:"next"`
		Lane sql.NullInt64 `db:"lane"`
	}
	err := m.db.pool.SelectContext(ctx, &late, `SELECT y.next, l.lane FROM tenon.relay_layout y
		LEFT JOIN tenon.relay_lanes l ON l.epoch = y.epoch AND `+lane+`
		WHERE y.epoch = $1 AND `+layout+` ORDER BY l.lane`, epoch)
	switch {
	case err != nil || len(late) == 0:
		return err
	case late[0].Next == 0:
		return errors.New("no change of the layout is under way")
	case late[0].Lane.Valid:
		return fmt.Errorf("lane %d %s", late[0].Lane.Int64, what)
	default:
		return fmt.Errorf("%w: the layout changed meanwhile", eventlog.ErrTransient)
	}
}

// did runs a statement and reports whether it changed anything.
func (m *RelayMembers) did(ctx context.Context, statement string, args ...any) (bool, error) {
	result, err := m.db.pool.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
