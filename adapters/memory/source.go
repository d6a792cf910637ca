package memory

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/tenon-go/tenon/application/projection"
)

// Source reads topics of a [Broker] as one member of a group. When members come and go, partitions change hands; a new owner
// may begin while the old one's last call of the handler still runs.
type Source struct {
	broker *Broker
	group  string
	topics []string
	health health
}

var _ projection.Source = (*Source)(nil)

const sourceBatch = 500 // records handled at once, at most

// NewSource returns a source that isn't running yet.
func NewSource(broker *Broker, group string, topics ...string) *Source {
	s := &Source{broker: broker, group: group, topics: topics}
	s.health.set(errors.New("source: not a member of its group"))
	return s
}

// Health returns nil while the source is a member of its group and the broker answers.
func (s *Source) Health() error { return s.health.get() }

// Run delivers until ctx ends. The handler's context ends with it, and when its partition may have got another owner.
func (s *Source) Run(ctx context.Context, h projection.Handler) error {
	s.broker.join(s)
	defer s.broker.leave(s)
	s.health.set(nil)
	defer s.health.set(errors.New("source: not a member of its group"))
	for ctx.Err() == nil {
		if err := s.consume(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// consume delivers the partitions assigned now until the assignment changes.
func (s *Source) consume(ctx context.Context, h projection.Handler) error {
	partitions, rebalanced := s.broker.assignment(s)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers, ctx := errgroup.WithContext(ctx)
	for _, p := range partitions {
		workers.Go(func() error { return s.deliver(ctx, h, p) })
	}
	select {
	case <-rebalanced:
	case <-ctx.Done(): // also when a worker failed
	}
	cancel()
	return workers.Wait()
}

// deliver hands one partition's records over until ctx ends.
func (s *Source) deliver(ctx context.Context, h projection.Handler, p projection.Partition) error {
	for ctx.Err() == nil {
		from, err := h.Start(ctx, p)
		if err == nil {
			err = s.deliverFrom(ctx, h, p, from)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, projection.ErrMoved) {
			return fmt.Errorf("partition %d of %s: %w", p.Number, p.Topic, err)
		}
	}
	return nil
}

func (s *Source) deliverFrom(ctx context.Context, h projection.Handler, p projection.Partition, from int64) error {
	for {
		changed := s.broker.changed.Wait()
		batch, err := s.broker.fetch(ctx, p, max(from, 0), sourceBatch)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.health.set(err)
		if len(batch) > 0 {
			if from, err = h.Handle(ctx, p, from, batch); err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
