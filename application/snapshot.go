package application

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Snapshot is the state of an event-sourced aggregate at a version: a shortcut that may be lost at any time.
type Snapshot struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Version domain.Version  `json:"version"` // of the last event folded into State
	Fold    int             `json:"fold"`    // version of the fold that made State
	State   json.RawMessage `json:"state"`
}

// SnapshotStore keeps one snapshot per aggregate. Safe for concurrent use.
type SnapshotStore interface {
	// LoadSnapshot returns the aggregate's snapshot, whatever fold made it, or one of version 0 when there is none. tx may be nil.
	LoadSnapshot(ctx context.Context, tx eventlog.Tx, aggregateType, id string) (Snapshot, error)
	// SaveSnapshot replaces the aggregate's snapshot, unless that one is of the same fold and at least as new.
	SaveSnapshot(ctx context.Context, s Snapshot) error
}

// SnapshotConfig says when snapshots are made. Store is required.
type SnapshotConfig struct {
	Store  SnapshotStore
	Every  int          // a snapshot each time so many events are passed. Default 100
	Fold   int          // raise it when Apply or the state's form changes: older snapshots are dropped. Default 1
	Logger *slog.Logger // told of snapshots that can't be read or written. Default slog.Default()
}

const (
	defaultSnapshotEvery = 100
	snapshotWithin       = time.Second // what a command may wait for a snapshot at most
)

// Snapshots makes [EventSourced] keep snapshots. state returns a pointer to all that Apply changes, a value that JSON
// encodes and decodes: (*Account).State. They are written after the commit, best effort.
func Snapshots[PA domain.Aggregate](cfg SnapshotConfig, state func(PA) any) SourcedOption[PA] {
	if cfg.Every <= 0 {
		cfg.Every = defaultSnapshotEvery
	}
	if cfg.Fold == 0 {
		cfg.Fold = 1
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return func(s *snapshots[PA]) { *s = snapshots[PA]{cfg: cfg, state: state} }
}

// SourcedOption changes how an event-sourced repository works.
type SourcedOption[PA domain.Aggregate] func(*snapshots[PA])

type snapshots[PA domain.Aggregate] struct {
	cfg   SnapshotConfig
	state func(PA) any // nil: none are kept
}

// restore puts the snapshot into a, a new aggregate, and reports whether there is one that can be used.
func (s *snapshots[PA]) restore(ctx context.Context, tx eventlog.Tx, a PA, aggregateType, id string) (bool, error) {
	if s.state == nil {
		return false, nil
	}
	shot, err := s.cfg.Store.LoadSnapshot(ctx, tx, aggregateType, id)
	switch {
	case err != nil && (tx != nil || ctx.Err() != nil): // the transaction is lost with the statement, or nobody waits any more
		return false, fmt.Errorf("load snapshot: %w", err)
	case err != nil:
		s.cfg.Logger.WarnContext(ctx, "snapshot not read, folding all events", "aggregate_type", aggregateType, "aggregate_id", id, "error", err)
		return false, nil
	}
	if shot.Version < 1 || shot.Fold != s.cfg.Fold {
		return false, nil
	}
	if err := json.Unmarshal(shot.State, s.state(a)); err != nil {
		s.cfg.Logger.WarnContext(ctx, "snapshot is damaged, folding all events", "aggregate_type", aggregateType, "aggregate_id", id, "error", err)
		return false, nil
	}
	domain.Restore(a, id, shot.Version)
	return true, nil
}

// save writes a snapshot if the commit passed a multiple of Every. What it meets is logged: the commit stands.
func (s *snapshots[PA]) save(ctx context.Context, a PA, aggregateType string, before domain.Version) {
	every, now := domain.Version(s.cfg.Every), domain.Stored(a)
	if s.state == nil || now/every == before/every {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), snapshotWithin)
	defer cancel()
	state, err := json.Marshal(s.state(a))
	if err == nil {
		err = s.cfg.Store.SaveSnapshot(ctx, Snapshot{
			Type: aggregateType, ID: domain.IDOf(a), Version: now, Fold: s.cfg.Fold, State: state,
		})
	}
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "snapshot not written", "aggregate_type", aggregateType, "aggregate_id", domain.IDOf(a), "error", err)
	}
}
