package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// LogRebaseOrder is what a person has decided.
type LogRebaseOrder struct {
	From   uuid.UUID        // identity of the log; another one is refused
	Lanes  []relaying.State // by lane, what the relay's target knows of it under that identity; for the zero State the copy in the database counts
	By     string           // who decides; required
	Reason string           // why; required
}

// Do rebases the log in one transaction and returns its new identity. It costs as much as rewriting the log's table. The
// error wraps [ErrLogInUse] while programs use it. The lanes' places are stored as the copies of the new log: its target
// knows nothing of it yet.
func (r *LogRebase) Do(ctx context.Context, o LogRebaseOrder) (uuid.UUID, error) {
	id, err := r.do(ctx, o)
	if err != nil {
		return uuid.UUID{}, fmt.Errorf("rebase the log: %w", Wrap(ctx, err))
	}
	r.db.identity.Store(&id)
	return id, nil
}

func (r *LogRebase) do(ctx context.Context, o LogRebaseOrder) (uuid.UUID, error) {
	if err := errors.Join(checkText("who decides", o.By, 1, 200), checkText("reason", o.Reason, 1, 2000)); err != nil {
		return uuid.UUID{}, err
	}
	tx, err := r.db.pool.BeginTxx(ctx, nil)
	if err != nil {
		return uuid.UUID{}, err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	f, err := lockLog(ctx, tx)
	if err == nil && f.Log != o.From {
		err = fmt.Errorf("%w: it is log %s, meant is %s", relaying.ErrLogChanged, f.Log, o.From)
	}
	if err != nil {
		return uuid.UUID{}, err
	}
	p, err := r.places(ctx, tx, o)
	if err != nil {
		return uuid.UUID{}, err
	}
	if err := p.renumber(ctx, tx); err != nil {
		return uuid.UUID{}, fmt.Errorf("give the events new transaction ids: %w", err)
	}
	if err := tx.GetContext(ctx, &p.log, `UPDATE tenon.log_identity SET id = gen_random_uuid() RETURNING id`); err != nil {
		return uuid.UUID{}, err
	}
	if err := p.store(ctx, tx, f.Timeline); err != nil {
		return uuid.UUID{}, fmt.Errorf("store the cursors: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO tenon.log_rebases (from_log, to_log, newest_xid, server_xid, events, decided_by, reason)
		VALUES ($1, $2, $3::xid8, pg_current_xact_id(), $4, $5, $6)`, f.Log, p.log, xidText(f.Newest), f.Events, o.By, o.Reason)
	if err != nil {
		return uuid.UUID{}, err
	}
	return p.log, tx.Commit()
}

// groupCursor is a row of tenon.cursors.
type groupCursor struct {
	Name     string  `db:"name"`
	S1       string  `db:"s1"`
	S2       *string `db:"s2"`
	Low      int64   `db:"low"`
	Position int64   `db:"position"`
}

// places are the places in the log that somebody keeps, and what becomes of them.
type places struct {
	log       uuid.UUID // the new identity
	groups    map[string]Cursor
	lanes     []relaying.State
	feeds     []feedPlace
	snapshots map[string]Snapshot // by the text of what they were; the new one once events are renumbered
}

func (r *LogRebase) places(ctx context.Context, tx *sqlx.Tx, o LogRebaseOrder) (*places, error) {
	p := &places{groups: make(map[string]Cursor), snapshots: make(map[string]Snapshot)}
	var groups []groupCursor
	if err := tx.SelectContext(ctx, &groups, `SELECT name, s1, s2, low, position FROM tenon.cursors WHERE log = $1`, o.From); err != nil {
		return nil, err
	}
	for _, g := range groups {
		text, err := cursorOf(o.From, g.S1, g.S2, g.Low, g.Position)
		if err != nil {
			return nil, err
		}
		if p.groups[g.Name], err = p.note(text); err != nil {
			return nil, fmt.Errorf("cursor %q: %w", g.Name, err)
		}
	}
	if err := p.noteFeeds(ctx, tx, o.From); err != nil {
		return nil, err
	}
	var lanes []int
	if err := tx.SelectContext(ctx, &lanes, `SELECT lane FROM tenon.relay_progress WHERE log = $1 ORDER BY lane`, o.From); err != nil {
		return nil, err
	}
	copies := &RelayStore{}
	known := make(map[int]bool)
	for n, s := range o.Lanes {
		if known[n] = !s.IsNew(); known[n] {
			p.lanes = append(p.lanes, s)
		}
	}
	for _, n := range lanes {
		if known[n] {
			continue
		}
		s, err := copies.loadFrom(ctx, tx, o.From, n)
		if err != nil {
			return nil, err
		}
		p.lanes = append(p.lanes, s)
	}
	for i := range p.lanes {
		s := &p.lanes[i]
		if _, err := p.note(s.Progress.Cursor); err != nil {
			return nil, fmt.Errorf("lane %d: %w", s.Progress.Lane.Number, err)
		}
		for _, k := range s.Parked {
			if _, err := p.note(k.After); err != nil {
				return nil, fmt.Errorf("lane %d: %w", s.Progress.Lane.Number, err)
			}
		}
	}
	return p, nil
}

// note remembers that a cursor's snapshots must tell events apart.
func (p *places) note(text eventlog.Cursor) (Cursor, error) {
	c, err := ParseCursor(text)
	p.snapshots[c.Before.String()] = Snapshot{}
	p.snapshots[c.Window.String()] = Snapshot{}
	return c, err
}

// store replaces all cursors, and drops the history of batches, which names snapshots that mean nothing now.
func (p *places) store(ctx context.Context, tx *sqlx.Tx, timeline string) error {
	for name, c := range p.groups {
		moved, err := p.moved(ctx, tx, c)
		if err != nil {
			return err
		}
		var s2 *string
		if moved.IsOpen() {
			window := moved.Window.String()
			s2 = &window
		}
		_, err = tx.ExecContext(ctx, `UPDATE tenon.cursors SET log = $2, s1 = $3, s2 = $4, low = $5, position = $6 WHERE name = $1`,
			name, p.log, moved.Before.String(), s2, moved.First, moved.Position)
		if err != nil {
			return err
		}
	}
	const forget = `DELETE FROM tenon.relay_progress; DELETE FROM tenon.relay_parked; DELETE FROM tenon.relay_spans; DELETE FROM tenon.relay_batches`
	if _, err := tx.ExecContext(ctx, forget); err != nil {
		return err
	}
	for i := range p.lanes {
		if err := p.storeLane(ctx, tx, &p.lanes[i], timeline); err != nil {
			return fmt.Errorf("lane %d: %w", p.lanes[i].Progress.Lane.Number, err)
		}
	}
	return p.storeFeeds(ctx, tx)
}

func (p *places) storeLane(ctx context.Context, tx *sqlx.Tx, s *relaying.State, timeline string) error {
	progress := s.Progress
	progress.Log, progress.Timeline = p.log, timeline
	var err error
	if progress.Cursor, err = p.movedText(ctx, tx, progress.Cursor); err != nil {
		return err
	}
	row, err := laneRowOf(progress)
	if err != nil {
		return err
	}
	text, err := json.Marshal([]laneRow{row})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO tenon.relay_progress (`+laneColumns+`)
		SELECT `+laneColumns+` FROM jsonb_to_recordset($1::jsonb) AS r (`+laneTypes+`)`, string(text)); err != nil {
		return err
	}
	parked := make([]relaying.Parked, len(s.Parked))
	for i, k := range s.Parked {
		if k.After, err = p.movedText(ctx, tx, k.After); err != nil {
			return err
		}
		parked[i] = k
	}
	keys, err := parkedJSON(&progress, parked)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, parkSQL, keys)
	return err
}
