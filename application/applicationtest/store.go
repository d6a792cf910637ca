package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tenon-go/tenon/application/eventlog"
)

// StoreFixture is a log, empty and used by nobody else, seen from its three sides. It must allow ten transactions at once.
type StoreFixture struct {
	Store   eventlog.Store
	Reader  eventlog.Reader
	Streams eventlog.Streams
}

// Store tests eventlog.Store, Tx and Streams: what is committed and what isn't, bytes, conflicts, guards.
func Store(t *testing.T, fixture func(t testing.TB) StoreFixture) {
	t.Helper()
	runChecks(t, fixture, storeChecks())
}

func storeChecks() []check[StoreFixture] {
	return slices.Concat(visibilityChecks(), contentChecks(), conflictChecks(), guardChecks())
}

func visibilityChecks() []check[StoreFixture] {
	return []check[StoreFixture]{
		{"committed records are seen", committedSeen},
		{"records are not seen before the commit", openUnseen},
		{"the transaction sees its own records", ownSeen},
		{"rolled-back records are never seen", rolledBackUnseen},
		{"rollback after commit does nothing", rollbackAfterCommit},
		{"rollback twice does nothing", rollbackTwice},
		{"a finished transaction takes nothing", finishedTakesNothing},
		{"appending no records has no effect", appendNothing},
		{"a cancelled context stops Begin", cancelledBegin},
		{"a cancelled context stops Append", cancelledAppend},
		{"an unknown aggregate has an empty stream", unknownStream},
		{"a stream begins after the version given", streamAfter},
		{"a stream can be left early", streamLeftEarly},
	}
}

// seen returns an error unless exactly these records are in the log and in the streams of their aggregate.
func seen(ctx context.Context, f StoreFixture, id string, want ...eventlog.Record) error {
	all, _, err := drain(ctx, f.Reader, "", 100)
	if err != nil {
		return step("read log", err)
	}
	if err := sameRecords(want, all); err != nil {
		return step("log", err)
	}
	one, err := stream(ctx, f.Streams, nil, id, 0)
	if err != nil {
		return step("read stream", err)
	}
	return step("stream", sameRecords(want, one))
}

func committedSeen(ctx context.Context, f StoreFixture) error {
	want := events("a", 1, 3)
	if err := appendAll(ctx, f.Store, want...); err != nil {
		return err
	}
	return seen(ctx, f, "a", want...)
}

func openUnseen(ctx context.Context, f StoreFixture) error {
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		if err := tx.Append(ctx, events("a", 1, 2)); err != nil {
			return err
		}
		return seen(ctx, f, "a")
	})
}

func ownSeen(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, event("a", 1)); err != nil {
		return err
	}
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		if err := tx.Append(ctx, []eventlog.Record{event("a", 2)}); err != nil {
			return err
		}
		got, err := stream(ctx, f.Streams, tx, "a", 0)
		if err == nil && len(got) != 2 {
			err = fmt.Errorf("stream within the transaction has %d events, want 2", len(got))
		}
		return err
	})
}

func rolledBackUnseen(ctx context.Context, f StoreFixture) error {
	err := rollingBack(ctx, f.Store, func(tx eventlog.Tx) error { return tx.Append(ctx, events("a", 1, 2)) })
	if err != nil {
		return err
	}
	return seen(ctx, f, "a")
}

func rollbackAfterCommit(ctx context.Context, f StoreFixture) error {
	want := event("a", 1)
	err := rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		if err := tx.Append(ctx, []eventlog.Record{want}); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
	if err != nil {
		return err
	}
	return seen(ctx, f, "a", want)
}

func rollbackTwice(ctx context.Context, f StoreFixture) error {
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error { return tx.Rollback() })
}

func finishedTakesNothing(ctx context.Context, f StoreFixture) error {
	tx, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if err := tx.Append(ctx, events("a", 1, 1)); err == nil {
		return errors.New("append after commit: no error")
	}
	return seen(ctx, f, "a")
}

func appendNothing(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store); err != nil {
		return err
	}
	return seen(ctx, f, "a")
}

func cancelledBegin(ctx context.Context, f StoreFixture) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	tx, err := f.Store.Begin(ctx)
	if err == nil {
		return errors.Join(errors.New("no error"), tx.Rollback())
	}
	return wantError(err, context.Canceled)
}

func cancelledAppend(ctx context.Context, f StoreFixture) error {
	err := rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		return wantError(tx.Append(ended, events("a", 1, 1)), context.Canceled)
	})
	if err != nil {
		return err
	}
	return seen(ctx, f, "a")
}

func unknownStream(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, event("a", 1)); err != nil {
		return err
	}
	got, err := stream(ctx, f.Streams, nil, "b", 0)
	if err == nil && len(got) > 0 {
		err = fmt.Errorf("%d events", len(got))
	}
	return err
}

func streamAfter(ctx context.Context, f StoreFixture) error {
	all := events("a", 1, 5)
	if err := appendAll(ctx, f.Store, all...); err != nil {
		return err
	}
	got, err := stream(ctx, f.Streams, nil, "a", 3)
	if err != nil {
		return err
	}
	return sameRecords(all[3:], got)
}

func streamLeftEarly(ctx context.Context, f StoreFixture) error {
	all := events("a", 1, 5)
	if err := appendAll(ctx, f.Store, all...); err != nil {
		return err
	}
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		for _, err := range f.Streams.Stream(ctx, tx, "thing", "a", 0) {
			if err != nil {
				return err
			}
			break
		}
		return step("append after leaving a stream", tx.Append(ctx, events("a", 6, 6)))
	})
}

// rollingBack runs what is given in a transaction, which it rolls back in any case.
func rollingBack(ctx context.Context, s eventlog.Store, work func(tx eventlog.Tx) error) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return step("begin", err)
	}
	err = work(tx)
	return errors.Join(err, step("rollback", tx.Rollback()))
}

func wantError(err, target error) error {
	if !errors.Is(err, target) {
		return fmt.Errorf("error is %v, want one that is %q", err, target)
	}
	return nil
}
