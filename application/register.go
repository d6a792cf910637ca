package application

import (
	"context"
	"fmt"
	"reflect"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Topics says on which topic an aggregate's events are published. Stored beside each event: a change concerns later
// events only.
type Topics func(aggregateType, eventType string) string

// TopicPerAggregate publishes all events of a type of aggregate in order on "domain.{aggregate type}.events".
func TopicPerAggregate(aggregateType, _ string) string { return "domain." + aggregateType + ".events" }

// TopicPerEvent publishes each type of event on a topic of its name: "order.shipped". The order between types is given
// up.
func TopicPerEvent(_, eventType string) string { return eventType }

// Register makes aggregates of struct A known under a type name, with the repository that loads and saves them. topics
// nil means [TopicPerAggregate]. [Builder.Build] reports names and types given twice.
func Register[A any, PA interface {
	*A
	domain.Aggregate
}](b *Builder, aggregateType string, repo Repository[PA], topics Topics) {
	if topics == nil {
		topics = TopicPerAggregate
	}
	k, t := b.kernel, reflect.TypeFor[PA]()
	for _, other := range k.aggregates {
		if other.name == aggregateType || other.goType == t {
			b.errs = append(b.errs, fmt.Errorf("aggregate %q (%v) is registered twice", aggregateType, t))
			return
		}
	}
	if aggregateType == "" || repo == nil {
		b.errs = append(b.errs, fmt.Errorf("aggregate %q (%v): want a type name and a repository", aggregateType, t))
		return
	}
	_, stateless := repo.(eventsAlone)
	k.aggregates[t] = &aggregateKind{
		rank: len(k.aggregates), name: aggregateType, goType: t, topics: topics, repo: repo, stateless: stateless,
		save: func(ctx context.Context, tx eventlog.Tx, changed []domain.Aggregate) error {
			typed := make([]PA, len(changed))
			for i, a := range changed {
				typed[i] = a.(PA) //nolint:errcheck,forcetypeassert // grouped by that type
			}
			return repo.Save(ctx, tx, typed)
		},
	}
}

// aggregateKind is what the kernel knows of one type of aggregate.
type aggregateKind struct {
	rank      int // order in which types are saved: the same in every unit, so that rows are locked in one order
	name      string
	goType    reflect.Type
	topics    Topics
	repo      any  // Repository[PA]
	stateless bool // the repository's Save writes nothing
	save      func(context.Context, eventlog.Tx, []domain.Aggregate) error
}
