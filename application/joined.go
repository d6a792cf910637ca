package application

import (
	"context"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Joined returns a function that runs work in a unit of work inside a transaction that somebody else began and ends: what a
// message handler changes or publishes commits with the message's own note. State, events and messages are written when work
// returns nil; Before handlers run, [On] handlers don't, for whether tx commits isn't known here. A conflict is returned, not
// retried: tx can then only be rolled back, and whoever owns it begins anew. Use the function once the mediator is built.
func Joined(b *Builder) func(ctx context.Context, tx eventlog.Tx, work func(context.Context, *Unit) error) error {
	k := b.kernel
	return func(ctx context.Context, tx eventlog.Tx, work func(context.Context, *Unit) error) error {
		u := newUnit(ctx, k)
		u.tx = tx
		if err := work(ctx, u); err != nil {
			return err
		}
		if err := u.collect(ctx); err != nil {
			return err
		}
		if len(u.happened) == 0 && len(u.messages) == 0 {
			return nil
		}
		if err := u.before(ctx, tx); err != nil {
			return err
		}
		records, err := u.records()
		if err != nil {
			return err
		}
		guards, err := u.save(ctx, tx)
		if err != nil {
			return err
		}
		return appendAndGuard(ctx, tx, records, guards)
	}
}
