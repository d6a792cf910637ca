package postgres

import (
	"context"
	"log/slog"
)

// migrationTrace takes goose's log: it remembers the statement in hand, which goose's errors don't name, and passes on
// only what an operator wants to know, that a migration ran.
type migrationTrace struct {
	slog.Handler

	statement string
}

const migrationRan = "migration completed" // as goose says it

// Enabled lets everything come to Handle, whatever the level in force.
func (t *migrationTrace) Enabled(context.Context, slog.Level) bool { return true }

// Handle notes or passes on a record.
func (t *migrationTrace) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "statement" {
			t.statement = a.Value.String()
		}
		return true
	})
	if r.Message != migrationRan || !t.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return t.Handler.Handle(ctx, r)
}
