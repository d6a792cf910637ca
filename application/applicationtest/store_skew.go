package applicationtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
)

func noWriteSkew(ctx context.Context, f StoreFixture) error {
	return skew(ctx, f, func(ctx context.Context, tx eventlog.Tx, read, written string) (steps [2]func() error) {
		steps[0] = func() error { return tx.Guard(ctx, []eventlog.Head{head(read, 0)}) }
		steps[1] = func() error { return tx.Append(ctx, events(written, 1, 1)) }
		return steps
	})
}

func noLateWriteSkew(ctx context.Context, f StoreFixture) error {
	return skew(ctx, f, func(ctx context.Context, tx eventlog.Tx, read, written string) (steps [2]func() error) {
		steps[0] = func() error { return tx.Append(ctx, events(written, 1, 1)) }
		steps[1] = func() error { return tx.Guard(ctx, []eventlog.Head{head(read, 0)}) }
		return steps
	})
}

type skewed func(ctx context.Context, tx eventlog.Tx, read, written string) (steps [2]func() error)

// skew runs pairs of units at once, of which each has read what the other writes.
func skew(ctx context.Context, f StoreFixture, work skewed) error {
	return together(4, func(pair int) error {
		names := [2]string{fmt.Sprintf("%d left", pair), fmt.Sprintf("%d right", pair)}
		meetings := [2]*meeting{newMeeting(2), newMeeting(2)}
		var committed [2]bool
		err := together(2, func(i int) error {
			err := unit(ctx, f.Store, func(tx eventlog.Tx) error {
				var err error
				for n, next := range work(ctx, tx, names[i], names[1-i]) {
					if err == nil {
						err = next()
					}
					meetings[n].wait()
				}
				return err
			})
			committed[i] = err == nil
			return unlessRival(err)
		})
		if committed[0] && committed[1] {
			err = errors.Join(err, errors.New("both units committed, each on what the other changed"))
		}
		return err
	})
}
