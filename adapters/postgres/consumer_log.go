package postgres

import (
	"context"
	"errors"
	"fmt"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// ConsumerLog makes effects of handlers that read the log through a [Subscriber] happen once per record: they are written in
// the transaction in which the record was read and the group's place moves on. Safe for concurrent use.
type ConsumerLog struct{ db *DB }

var _ consuming.Effects = (*ConsumerLog)(nil)

// NewConsumerLog returns the effects of all handlers that read db's log.
func NewConsumerLog(db *DB) *ConsumerLog { return &ConsumerLog{db: db} }

// LogMessage makes a message of a record, for [SubscriberConfig].
func LogMessage(r eventlog.Record) (*message.Message, error) {
	return consuming.Message(consuming.LogDelivery(&r)), nil
}

// errNoTransaction says that the program was wired wrongly.
var errNoTransaction = errors.New("message carries no transaction: a handler of the log needs a postgres.Subscriber")

// Once runs f in the transaction that m came in, behind a savepoint: after an error of f's nothing of it is left, and the
// records handled before it stay handled. The transaction is REPEATABLE READ and began before the record was delivered: when
// a row that f writes was changed meanwhile, or the connection broke, all of it is rolled back: consuming.ErrAbandoned.
// Named queries of sqlx don't work in it, and neither does Guard.
func (l *ConsumerLog) Once(
	ctx context.Context, _ string, m *message.Message, f func(context.Context, eventlog.Tx) error,
) (bool, error) {
	in, ok := wsql.TxFromContext(ctx)
	if !ok {
		return false, fmt.Errorf("message %s: %w", m.UUID, errNoTransaction)
	}
	tx := &Tx{db: l.db, tx: &sqlx.Tx{Tx: in, Mapper: l.db.pool.Mapper}, release: func() {}, fixed: true}
	if _, err := in.ExecContext(ctx, `SAVEPOINT consumer`); err != nil {
		return false, l.abandon(tx, err)
	}
	kept := false
	defer func() {
		if !kept { // a panic is on its way
			_ = tx.Rollback()
		}
	}()
	err := Wrap(ctx, f(ctx, tx))
	kept = true
	switch {
	case err == nil:
		if _, err = in.ExecContext(ctx, `RELEASE SAVEPOINT consumer`); err != nil {
			return false, l.abandon(tx, err)
		}
		if p, ok := ctx.Value(pageKey{}).(*page); ok && tx.raise {
			p.appends()
		}
		return true, nil
	case tx.done, errors.Is(err, eventlog.ErrUnavailable), errors.Is(err, eventlog.ErrTransient), errors.Is(err, domain.ErrConflict):
		return false, l.abandon(tx, err)
	}
	// Without ctx: it may be what ended f.
	if _, lost := in.ExecContext(context.WithoutCancel(ctx), `ROLLBACK TO SAVEPOINT consumer`); lost != nil {
		return false, l.abandon(tx, errors.Join(err, lost))
	}
	return false, err
}

// abandon rolls the whole transaction back, so that it is certain that nothing in it can be stored.
func (*ConsumerLog) abandon(tx *Tx, cause error) error {
	return errors.Join(fmt.Errorf("%w: %w", consuming.ErrAbandoned, cause), tx.Rollback())
}
