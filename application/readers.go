package application

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tenon-go/tenon/application/projection"
)

// CheckReader returns what is wrong with a projection of published events as far as the aggregates registered here tell: event
// types that none of them has, and aggregates whose events it reads on several topics, between which Kafka keeps no order.
//
// Which aggregate an event type belongs to is told by its name, "{aggregate type}.{what happened}". Types of others than the
// aggregates registered here aren't judged if the projection declares what they decode into.
func (b *Builder) CheckReader(p projection.Projection) error { return b.checkReader(p, false) }

// CheckLogReader is [Builder.CheckReader] for a projection that is fed from the log, which keeps the order over all topics.
func (b *Builder) CheckLogReader(p projection.Projection) error { return b.checkReader(p, true) }

func (b *Builder) checkReader(p projection.Projection, ordered bool) error {
	var errs []error
	for _, kind := range b.kernel.aggregates {
		topics := make(map[string]bool)
		for _, t := range p.Types {
			if !strings.HasPrefix(t, kind.name+".") {
				continue
			}
			if topic := kind.topics(kind.name, t); slices.Contains(p.Topics, topic) {
				topics[topic] = true
			}
			if p.Events != nil && !b.Knows(t) {
				errs = append(errs, fmt.Errorf("projection %s handles events of type %q, which aggregate %q doesn't have", p.Name, t, kind.name))
			}
		}
		if len(topics) > 1 && !ordered {
			errs = append(errs, fmt.Errorf("projection %s reads events of aggregate %q on several topics, %s, and their order isn't defined: "+
				"publish the aggregate's events on one topic (application.TopicPerAggregate), feed read models from the log (TENON_PROJECTIONS_SOURCE=log), "+
				"or keep this one inline (application.Inline)",
				p.Name, kind.name, strings.Join(slices.Sorted(maps.Keys(topics)), " and ")))
		}
	}
	if p.Events == nil {
		for _, t := range p.Types {
			if !b.Knows(t) {
				errs = append(errs, fmt.Errorf("projection %s handles events of type %q, which no context registers", p.Name, t))
			}
		}
	}
	return errors.Join(errs...)
}
