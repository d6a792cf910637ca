// Package consuming is the contract of message handlers: [Effects] makes what a handler writes take effect once per message,
// [Message] makes a Watermill message of a record and never fails.
//
// Package ports/consumer runs the handlers. Adapters: memory and postgres for effects, which pass the conformance suite of
// package applicationtest, kafka and postgres for the messages themselves.
package consuming

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ErrAbandoned says that the transaction in which a message came was given up, with all that was done in it. The message is to
// be acked at once: its source finds out that nothing was stored and delivers it again.
var ErrAbandoned = errors.New("the transaction that the message came in was given up")

// Effects commits what a handler writes together with the note that the message was handled. Safe for concurrent use.
type Effects interface {
	// Once runs f in a transaction unless the handler of that name has handled the message's UUID before, and reports
	// whether f's effects are new. It holds the message against rivals, which wait and then find it handled. After an error
	// nothing is stored, and Once may be called again. Errors: f's, wrapping eventlog.ErrUnavailable or
	// eventlog.ErrTransient where the store is to blame, eventlog.ErrOutcomeUnknown (call it again: it finds out),
	// [ErrAbandoned], or ctx's.
	//
	// f must do nothing but write through tx: nobody but the database may be waited for.
	Once(ctx context.Context, handler string, m *message.Message, f func(ctx context.Context, tx eventlog.Tx) error) (fresh bool, err error)
}

type txKey struct{}

// WithTx returns a context that carries the transaction of a handler's effects.
func WithTx(ctx context.Context, tx eventlog.Tx) context.Context {
	return context.WithValue(ctx, txKey{}, tx)
}

// TxFrom returns the transaction of a handler's effects, nil outside of handlers.
func TxFrom(ctx context.Context) eventlog.Tx {
	tx, _ := ctx.Value(txKey{}).(eventlog.Tx)
	return tx
}
