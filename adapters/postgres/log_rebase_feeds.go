package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/eventlog"
)

// feedPlace is the place in the log of a projection's lane.
type feedPlace struct {
	Projection string          `db:"projection"`
	Version    int             `db:"version"`
	Lane       int             `db:"lane"`
	Cursor     eventlog.Cursor `db:"cursor"`
}

// noteFeeds remembers the places of the projections that read the log.
func (p *places) noteFeeds(ctx context.Context, tx *sqlx.Tx, from uuid.UUID) error {
	var feeds []feedPlace
	err := tx.SelectContext(ctx, &feeds, `SELECT projection, version, lane, cursor FROM tenon.projection_lanes WHERE cursor <> ''`)
	if err != nil {
		return err
	}
	for _, f := range feeds {
		c, err := ParseCursor(f.Cursor)
		if err != nil {
			return fmt.Errorf("projection %s v%d, lane %d: %w", f.Projection, f.Version, f.Lane, err)
		}
		if c.Log != from {
			continue // it was refused before, and stays so
		}
		if _, err := p.note(f.Cursor); err != nil {
			return err
		}
		p.feeds = append(p.feeds, f)
	}
	return nil
}

// storeFeeds moves them on to the new log.
func (p *places) storeFeeds(ctx context.Context, tx *sqlx.Tx) error {
	for _, f := range p.feeds {
		moved, err := p.movedText(ctx, tx, f.Cursor)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE tenon.projection_lanes SET cursor = $4, next_offset = next_offset + 1
			WHERE projection = $1 AND version = $2 AND lane = $3`, f.Projection, f.Version, f.Lane, string(moved))
		if err != nil {
			return err
		}
	}
	return nil
}
