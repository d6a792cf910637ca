package memory

import (
	"context"

	"github.com/tenon-go/tenon/application/eventlog"
)

var _ eventlog.Appender = (*Log)(nil)

// AppendUnit stores the records in a transaction of their own.
func (l *Log) AppendUnit(ctx context.Context, records []eventlog.Record) error {
	if len(records) == 0 {
		return nil
	}
	tx, err := l.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it never fails
	if err := tx.Append(ctx, records); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
