package memory

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

// Fresh implements projection.Checkpoints.
func (c *Checkpoints) Fresh(
	ctx context.Context, tx eventlog.Tx, name string, version int, batch []projection.Event,
) ([]projection.Event, error) {
	fresh := make([]projection.Event, 0, len(batch))
	for _, e := range batch {
		key, reached := appliedKey(name, version, e.AggregateType, e.AggregateID), e.Version
		if e.Version == 0 {
			key, reached = fmt.Sprintf("%q/%d/%s", name, version, e.ID), domain.Version(1)
		}
		before, _, err := c.applied.Get(ctx, tx, key)
		if err == nil && before < reached {
			err = c.applied.Put(ctx, tx, key, reached)
			fresh = append(fresh, e)
		}
		if err != nil {
			return nil, fmt.Errorf("look up what was applied: %w", err)
		}
	}
	return fresh, nil
}
