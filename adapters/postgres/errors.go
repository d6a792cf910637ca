package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Wrap makes the error of a statement under ctx one that callers can tell apart: it wraps eventlog.ErrUnavailable when the
// server can't be reached or is refusing work for now, eventlog.ErrTransient when it gave the transaction up for another
// one. When ctx ended, that is the reason, whatever the driver says. The cause stays in the chain; other errors, nil
// too, are returned as they are.
func Wrap(ctx context.Context, err error) error {
	switch ended := ctx.Err(); {
	case err == nil || ended == nil:
		return classify(err)
	case errors.Is(err, ended):
		return err
	default:
		return fmt.Errorf("%w: %w", ended, err)
	}
}

// classify is Wrap for what no context can have ended.
func classify(err error) error {
	switch kind := kindOf(err); {
	case kind == nil || errors.Is(err, kind):
		return err
	default:
		return fmt.Errorf("%w: %w", kind, err)
	}
}

func kindOf(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if server := pq.As(err); server != nil {
		return kindOfCode(server.Code)
	}
	if isBroken(err) {
		return eventlog.ErrUnavailable
	}
	return nil
}

func kindOfCode(code pqerror.Code) error {
	switch code {
	case pqerror.TRSerializationFailure, pqerror.TRDeadlockDetected, pqerror.LockNotAvailable:
		return eventlog.ErrTransient
	case pqerror.AdminShutdown, pqerror.CrashShutdown, pqerror.CannotConnectNow, pqerror.DatabaseDropped, pqerror.IdleSessionTimeout,
		pqerror.IdleInTransactionSessionTimeout, // this process was stopped or cut off meanwhile
		pqerror.QueryCanceled,                   // by statement_timeout or an operator: callers under a context look at that first
		pqerror.ReadOnlySQLTransaction:          // the primary is being changed over
		return eventlog.ErrUnavailable
	}
	switch code.Class() {
	case pqerror.ClassConnectionException, pqerror.ClassInsufficientResources:
		return eventlog.ErrUnavailable
	}
	return nil
}

// isBroken reports whether err says that the connection broke or couldn't be made.
func isBroken(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	_, isNet := errors.AsType[net.Error](err)
	return isNet
}
