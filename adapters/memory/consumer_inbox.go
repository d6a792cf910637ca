package memory

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
)

// ConsumerInbox notes handled messages in a [Table] of the log. Safe for concurrent use.
type ConsumerInbox struct {
	log  *Log
	rows *Table[bool]
}

var _ consuming.Effects = (*ConsumerInbox)(nil)

// NewConsumerInbox returns an empty inbox in the log's database.
func NewConsumerInbox(log *Log) *ConsumerInbox {
	return &ConsumerInbox{log: log, rows: NewTable[bool](log)}
}

// Once runs f in a transaction that also notes the message.
func (i *ConsumerInbox) Once(
	ctx context.Context, handler string, m *message.Message, f func(context.Context, eventlog.Tx) error,
) (bool, error) {
	tx, err := i.log.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it returns no error
	key := fmt.Sprintf("%q/%q", handler, m.UUID)
	if err := i.rows.Lock(ctx, tx, key); err != nil {
		return false, fmt.Errorf("note message: %w", err)
	}
	if _, handled, err := i.rows.Get(ctx, tx, key); handled || err != nil {
		return false, err
	}
	if err := i.rows.Put(ctx, tx, key, true); err != nil {
		return false, fmt.Errorf("note message: %w", err)
	}
	if err := f(ctx, tx); err != nil {
		return false, err
	}
	if err := tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	return true, nil
}
