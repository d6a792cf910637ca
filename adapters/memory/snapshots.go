package memory

import (
	"context"
	"sync"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
)

// Snapshots keeps snapshots of aggregates. The zero value is empty and ready; safe for concurrent use.
type Snapshots struct {
	mu   sync.Mutex
	kept map[stream]application.Snapshot
}

var _ application.SnapshotStore = (*Snapshots)(nil)

// LoadSnapshot returns what was saved last.
func (s *Snapshots) LoadSnapshot(ctx context.Context, _ eventlog.Tx, aggregateType, id string) (application.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[stream{aggregateType, id}], ctx.Err()
}

// SaveSnapshot keeps shot unless what is there is of the same fold and at least as new.
func (s *Snapshots) SaveSnapshot(ctx context.Context, shot application.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := stream{shot.Type, shot.ID}
	if old := s.kept[at]; old.Fold == shot.Fold && old.Version >= shot.Version {
		return nil
	}
	if s.kept == nil {
		s.kept = make(map[stream]application.Snapshot)
	}
	s.kept[at] = shot
	return ctx.Err()
}
