package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

func relayOrderChecks() []check[RelayFixture] {
	return []check[RelayFixture]{
		{"events of an aggregate are published in the order of their versions", versionOrder},
		{"messages with one key are published in the order of the log", messageOrder},
		{"a transaction open elsewhere delays nothing", openTransaction},
		{"a record that commits late is published", lateCommitPublished},
		{"a restarted relay goes on without loss", restarts},
		{"two relays at once keep the order and lose nothing", twoAtOnce},
	}
}

func versionOrder(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	return f.relaying(ctx, func(*running) error {
		want, err := writeRounds(ctx, f.Store, topic, 40)
		if err != nil {
			return err
		}
		published, err := f.publishes(ctx, topic, want)
		if err != nil {
			return err
		}
		return inOrder(want, published)
	})
}

// writeRounds commits units that each write one more event of several aggregates, and returns all in that order.
func writeRounds(ctx context.Context, s eventlog.Store, topic string, rounds int) ([]eventlog.Record, error) {
	var all []eventlog.Record
	for v := range rounds {
		var batch []eventlog.Record
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			batch = append(batch, event(id, domain.Version(v)+1))
		}
		if err := appendAll(ctx, s, on(topic, batch...)...); err != nil {
			return nil, err
		}
		all = append(all, batch...)
	}
	return all, nil
}

func messageOrder(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	return f.relaying(ctx, func(*running) error {
		var want []eventlog.Record
		for range 20 {
			batch := on(topic, message("left"), message("right"), message("left"))
			if err := appendAll(ctx, f.Store, batch...); err != nil {
				return err
			}
			want = append(want, batch...)
		}
		published, err := f.publishes(ctx, topic, want)
		if err != nil {
			return err
		}
		return inOrder(want, published)
	})
}

func openTransaction(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	return rollingBack(ctx, f.Store, func(open eventlog.Tx) error {
		if err := open.Append(ctx, on(topic, events("open", 1, 1)...)); err != nil {
			return err
		}
		return f.relaying(ctx, func(*running) error {
			want := on(topic, events("a", 1, 5)...)
			if err := appendAll(ctx, f.Store, want...); err != nil {
				return err
			}
			_, err := f.publishes(ctx, topic, want)
			return err
		})
	})
}

func lateCommitPublished(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	return f.relaying(ctx, func(*running) error {
		open, err := f.Store.Begin(ctx)
		if err != nil {
			return err
		}
		late, early := on(topic, event("late", 1), event("late", 2)), on(topic, event("early", 1))
		if err := open.Append(ctx, late); err != nil {
			return errors.Join(err, open.Rollback())
		}
		if err := appendAll(ctx, f.Store, early...); err != nil {
			return errors.Join(err, open.Rollback())
		}
		_, err = f.publishes(ctx, topic, early)
		if err := errors.Join(err, open.Commit(ctx)); err != nil {
			return err
		}
		published, err := f.publishes(ctx, topic, slices.Concat(early, late))
		if err != nil {
			return err
		}
		return inOrder(slices.Concat(early, late), published)
	})
}

// restarts stops relays while records are on their way: in the middle of what they do, wherever that is.
func restarts(ctx context.Context, f RelayFixture) error {
	const rounds = 5
	topic := newTopic()
	var want []eventlog.Record
	for i := range rounds {
		batch := on(topic, events("a", domain.Version(i*50+1), domain.Version(i*50+50))...)
		if err := appendAll(ctx, f.Store, batch...); err != nil {
			return err
		}
		want = append(want, batch...)
		err := f.relaying(ctx, func(*running) error {
			return until(ctx, func() error { return f.some(ctx, topic, i*50+1) })
		})
		if err != nil {
			return fmt.Errorf("run %d: %w", i, err)
		}
	}
	return f.relaying(ctx, func(*running) error {
		published, err := f.publishes(ctx, topic, want)
		if err != nil {
			return err
		}
		return inOrder(want, published)
	})
}

// some returns nil when the topic has at least n records.
func (f *RelayFixture) some(ctx context.Context, topic string, n int) error {
	published, err := f.Published(ctx, topic)
	if err == nil && len(published) < n {
		err = fmt.Errorf("%s has %d records, want %d", topic, len(published), n)
	}
	return err
}

func twoAtOnce(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	return f.relaying(ctx, func(*running) error {
		first, err := writeRounds(ctx, f.Store, topic, 20)
		if err != nil {
			return err
		}
		var more, published []eventlog.Record
		err = f.relaying(ctx, func(*running) error { // the second stops while the first goes on
			for v := 21; v <= 220; v++ {
				batch := on(topic, event("a", domain.Version(v)), event("b", domain.Version(v)))
				if err := appendAll(ctx, f.Store, batch...); err != nil {
					return err
				}
				more = append(more, batch...)
			}
			return until(ctx, func() error { return f.some(ctx, topic, len(first)) })
		})
		if err != nil {
			return err
		}
		published = slices.Concat(first, more)
		got, err := f.publishes(ctx, topic, published)
		if err != nil {
			return err
		}
		return inOrder(published, got)
	})
}
