package consumer

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

// userError is what the handler itself returned, as against what the store did around it.
type userError struct{ cause error }

func (e *userError) Error() string { return e.cause.Error() }
func (e *userError) Unwrap() error { return e.cause }

func handlerError(err error) error {
	if err == nil {
		return nil
	}
	return &userError{cause: err}
}

// outageError is an error that no message is to blame for: it is waited out.
type outageError struct{ cause error }

func (e *outageError) Error() string { return e.cause.Error() }
func (e *outageError) Unwrap() error { return e.cause }

// spentError is an error that is left when the retries are used up, or when they are of no use.
type spentError struct{ cause error }

func (e *spentError) Error() string { return e.cause.Error() }
func (e *spentError) Unwrap() error { return e.cause }

// blame tells outages from failures of the handler. What the store says outside of the handler's own function is an outage,
// unless it is the commit that refuses what the handler wrote, which comes back as often as it is tried.
func blame(err error) error {
	var user *userError
	switch {
	case errors.Is(err, consuming.ErrAbandoned):
		return err
	case errors.Is(err, eventlog.ErrUnavailable), errors.Is(err, eventlog.ErrTransient), errors.Is(err, eventlog.ErrOutcomeUnknown):
		return &outageError{cause: err}
	case errors.As(err, &user) && errors.Is(err, domain.ErrConflict):
		return &outageError{cause: err} // somebody else was first: a fresh attempt sees what they did
	}
	return err
}

func panicked(v any) error { return &projection.PanicError{Value: v, Stack: debug.Stack()} }

// ended reports whether err only says that ctx ended.
func ended(ctx context.Context, err error) bool { return err != nil && ctx.Err() != nil }
