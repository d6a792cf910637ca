package orderpg

import (
	"fmt"

	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain/order"
)

// listChange is what a batch does to one row of order_list: all of the state where the batch begins with the order,
// else the part that events after it change.
type listChange struct {
	id      string
	created bool
	state   order.State
}

// foldList returns a change for each order of the batch, in the order in which they first appear. An event that comes
// again within the batch counts once.
func foldList(batch []projection.Event) ([]*listChange, error) {
	changes := make([]*listChange, 0, len(batch))
	byID := make(map[string]*listChange, len(batch))
	for i := range batch {
		e := &batch[i]
		c := byID[e.AggregateID]
		if c == nil {
			c = &listChange{id: e.AggregateID}
			byID[e.AggregateID] = c
			changes = append(changes, c)
		}
		if e.Version <= c.state.Version {
			continue
		}
		if err := c.apply(e); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// apply folds e. It doesn't use the aggregate's fold: a read model belongs to whoever reads the topic, and changes
// with its readers' needs.
func (c *listChange) apply(e *projection.Event) error {
	s := &c.state
	switch body := e.Event.(type) {
	case order.Created:
		c.created = true
		s.Customer, s.Total, s.Items = body.Customer, body.Total, body.Items
		s.Status, s.CreatedAt, s.UpdatedAt = order.StatusPending, body.At, body.At
	case order.Confirmed:
		s.Status, s.UpdatedAt = order.StatusConfirmed, body.At
	case order.Shipped:
		s.Status, s.Tracking, s.UpdatedAt = order.StatusShipped, body.Tracking, body.At
	case order.Delivered:
		s.Status, s.UpdatedAt = order.StatusDelivered, body.At
	case order.Cancelled:
		s.Status, s.UpdatedAt = order.StatusCancelled, body.At
	default:
		return fmt.Errorf("event %s of type %q came as %T, which order_list doesn't know", e.ID, e.Type, e.Event)
	}
	s.Version = e.Version
	return nil
}
