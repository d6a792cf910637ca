package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
)

// ConsumerInbox makes handlers' effects happen once per message: a message's id is a row that commits with them. Safe for
// concurrent use.
type ConsumerInbox struct{ db *DB }

var _ consuming.Effects = (*ConsumerInbox)(nil)

// NewConsumerInbox returns the inbox of all handlers on db.
func NewConsumerInbox(db *DB) *ConsumerInbox { return &ConsumerInbox{db: db} }

// The row comes first: a rival waits at it, then finds the message handled. What is returned is the transaction's proof.
const claimSQL = `
INSERT INTO tenon.consumer_inbox (handler, message_id) VALUES ($1, $2)
ON CONFLICT DO NOTHING
RETURNING pg_current_xact_id()::text, now(), pg_postmaster_start_time()`

// Once runs f in a transaction, READ COMMITTED, that also notes the message. A process that is stopped in the middle of f
// loses the transaction after a minute.
func (i *ConsumerInbox) Once(
	ctx context.Context, handler string, m *message.Message, f func(context.Context, eventlog.Tx) error,
) (bool, error) {
	begun, err := i.db.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	defer begun.Rollback() //nolint:errcheck // after Commit it does nothing; otherwise another error is being returned
	tx := own(begun)
	// A NUL can't be stored; an id that has one was damaged and stays the same at every delivery.
	id := strings.ToValidUTF8(strings.ReplaceAll(m.UUID, "\x00", "\uFFFD"), "\uFFFD")
	err = tx.tx.QueryRowContext(ctx, claimSQL, handler, id).Scan(&tx.proof.xid, &tx.proof.began, &tx.proof.serverBegan)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("note message: %w", Wrap(ctx, err))
	}
	if err := f(ctx, tx); err != nil {
		return false, Wrap(ctx, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	return true, nil
}

// Prune forgets messages that were handled longer ago than keep, which must be longer than a broker may deliver them again. It
// returns how many.
func (i *ConsumerInbox) Prune(ctx context.Context, keep time.Duration) (int64, error) {
	return i.db.prune(ctx, pruneHandledSQL, keep)
}

// ConsumerTx returns the transaction in which the effects of the handler that was given ctx commit, and whether there is one.
// The handler mustn't end it.
func ConsumerTx(ctx context.Context) (*sqlx.Tx, bool) {
	tx, ok := consuming.TxFrom(ctx).(*Tx)
	if !ok {
		return nil, false
	}
	return tx.tx, true
}
