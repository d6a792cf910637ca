package rebuild

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

var _ projection.Checkpoints = (*Feed)(nil)

// Next implements projection.Checkpoints. projection.ErrElsewhere when the version isn't fed from where the partition is.
func (f *Feed) Next(ctx context.Context, name string, version int, p projection.Partition) (int64, error) {
	if p.Topic == projection.LogTopic {
		return f.lanes().Next(ctx, name, version, p)
	}
	next, err := f.cfg.DB.Next(ctx, name, version, p)
	if err != nil {
		return next, err
	}
	v, err := f.versions.Get(ctx, name, version) // after the checkpoint: who has changed the source has deleted it
	if errors.Is(err, ErrNoVersion) || err == nil && v.Source != Kafka {
		return projection.None, fmt.Errorf("%w: %s v%d isn't fed from Kafka any more", projection.ErrElsewhere, name, version)
	}
	return next, err
}

// Advance implements projection.Checkpoints.
func (f *Feed) Advance(ctx context.Context, tx eventlog.Tx, name string, version int, p projection.Partition, from, to int64) error {
	if p.Topic == projection.LogTopic {
		return f.lanes().Advance(ctx, tx, name, version, p, from, to)
	}
	if err := f.cfg.DB.Advance(ctx, tx, name, version, p, from, to); err != nil || from != projection.None {
		return err
	}
	// Where there was no checkpoint, there was none to be deleted either.
	var source Source
	err := postgres.SQL(tx).GetContext(ctx, &source, `SELECT source FROM tenon.projection_versions WHERE projection = $1 AND version = $2 FOR SHARE`,
		name, version)
	if errors.Is(err, sql.ErrNoRows) || err == nil && source != Kafka {
		return fmt.Errorf("%w: %s v%d isn't fed from Kafka any more", projection.ErrMoved, name, version)
	}
	return postgres.Wrap(ctx, err)
}

// Fresh implements projection.Checkpoints.
func (f *Feed) Fresh(ctx context.Context, tx eventlog.Tx, name string, version int, batch []projection.Event) ([]projection.Event, error) {
	return f.cfg.DB.Fresh(ctx, tx, name, version, batch)
}

// lanes returns the present reader of the log.
func (f *Feed) lanes() *postgres.ProjectionLog {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log
}
