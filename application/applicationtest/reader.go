package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Reader tests eventlog.Reader: every committed record once, in order, whatever commits in between.
func Reader(t *testing.T, fixture func(t testing.TB) StoreFixture) {
	t.Helper()
	runChecks(t, fixture, readerChecks())
}

func readerChecks() []check[StoreFixture] {
	checks := []check[StoreFixture]{
		{"the zero cursor is the beginning", zeroCursor},
		{"an empty log is an empty page", emptyLog},
		{"a late commit is not skipped", lateCommit},
		{"an open transaction delays nothing but its own records", openDelaysNothing},
		{"an aggregate written before and after a late commit stays in order", orderAroundLateCommit},
		{"going back gives the same records in the same order", goingBack},
		{"going back gives what was committed late as well", goingBackPastLateCommit},
		{"a cursor of no log is an error", garbageCursor},
		{"a cancelled context stops Read", cancelledRead},
		{"every record once and in order beside concurrent writers", concurrentWriters},
	}
	const limit = 3
	for _, window := range []int{0, 1, limit, limit + 1, 2 * limit, 2*limit + 1} {
		name := fmt.Sprintf("windows of %d records are read in pages of %d", window, limit)
		checks = append(checks, check[StoreFixture]{name, func(ctx context.Context, f StoreFixture) error {
			return windows(ctx, f, window, limit)
		}})
	}
	return checks
}

func zeroCursor(ctx context.Context, f StoreFixture) error {
	want := events("a", 1, 3)
	if err := appendAll(ctx, f.Store, want...); err != nil {
		return err
	}
	page, err := f.Reader.Read(ctx, "", 10)
	if err != nil {
		return err
	}
	return sameRecords(want, page.Records)
}

func emptyLog(ctx context.Context, f StoreFixture) error {
	all, next, err := drain(ctx, f.Reader, "", 10)
	if err == nil && len(all) > 0 {
		err = fmt.Errorf("%d records", len(all))
	}
	if err != nil {
		return err
	}
	want := event("a", 1)
	if err := appendAll(ctx, f.Store, want); err != nil {
		return err
	}
	return reads(ctx, f.Reader, next, want)
}

// reads returns an error unless exactly these records follow the cursor.
func reads(ctx context.Context, r eventlog.Reader, after eventlog.Cursor, want ...eventlog.Record) error {
	got, _, err := drain(ctx, r, after, 10)
	if err != nil {
		return err
	}
	return sameRecords(want, got)
}

// windows commits the same number of records three times and reads in between: an off-by-one at the end of a window loses
// or doubles records of the next one.
func windows(ctx context.Context, f StoreFixture, size, limit int) error {
	var want, got []eventlog.Record
	var cursor eventlog.Cursor
	for round := range 3 {
		for i := range size {
			r := event(fmt.Sprintf("%d of round %d", i, round), 1)
			want = append(want, r)
			if err := appendAll(ctx, f.Store, r); err != nil {
				return err
			}
		}
		more, next, err := drain(ctx, f.Reader, cursor, limit)
		if err != nil {
			return err
		}
		got, cursor = append(got, more...), next
		if err := sameRecords(want, got); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	return nil
}

func lateCommit(ctx context.Context, f StoreFixture) error {
	late, early := event("late", 1), event("early", 1)
	open, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	if err := open.Append(ctx, []eventlog.Record{late}); err != nil {
		return errors.Join(err, open.Rollback())
	}
	err = appendAll(ctx, f.Store, early) // its position is above the one of the record that commits later
	page, readErr := f.Reader.Read(ctx, "", 10)
	if err := errors.Join(err, readErr, open.Commit(ctx)); err != nil {
		return err
	}
	return reads(ctx, f.Reader, page.Next, late)
}

func openDelaysNothing(ctx context.Context, f StoreFixture) error {
	return rollingBack(ctx, f.Store, func(idle eventlog.Tx) error {
		return rollingBack(ctx, f.Store, func(open eventlog.Tx) error {
			if err := open.Append(ctx, events("open", 1, 1)); err != nil {
				return err
			}
			want := events("a", 1, 3)
			if err := appendAll(ctx, f.Store, want...); err != nil {
				return err
			}
			return reads(ctx, f.Reader, "", want...)
		})
	})
}

// orderAroundLateCommit has one unit over two aggregates commit late: the versions that follow have higher positions.
func orderAroundLateCommit(ctx context.Context, f StoreFixture) error {
	open, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	unitOfTwo := []eventlog.Record{event("a", 1), event("b", 1)}
	if err := open.Append(ctx, unitOfTwo); err != nil {
		return errors.Join(err, open.Rollback())
	}
	other := event("c", 1)
	err = appendAll(ctx, f.Store, other)
	first, cursor, readErr := drain(ctx, f.Reader, "", 1)
	if err := errors.Join(err, readErr, open.Commit(ctx)); err != nil {
		return err
	}
	after := []eventlog.Record{event("b", 2), event("a", 2)}
	if err := appendAll(ctx, f.Store, after...); err != nil {
		return err
	}
	rest, _, err := drain(ctx, f.Reader, cursor, 1)
	if err != nil {
		return err
	}
	return sameRecords(slices.Concat([]eventlog.Record{other}, unitOfTwo, after), append(first, rest...))
}

func goingBack(ctx context.Context, f StoreFixture) error {
	want := events("a", 1, 9)
	for i := range want {
		if err := appendAll(ctx, f.Store, want[i]); err != nil {
			return err
		}
	}
	var cursor eventlog.Cursor
	for done := 0; done < len(want); done += 2 {
		for range 2 { // the second time is the one that goes back
			if err := reads(ctx, f.Reader, cursor, want[done:]...); err != nil {
				return fmt.Errorf("after %d records: %w", done, err)
			}
		}
		page, err := f.Reader.Read(ctx, cursor, 2)
		if err != nil {
			return err
		}
		cursor = page.Next
	}
	newer := event("a", 10)
	if err := appendAll(ctx, f.Store, newer); err != nil {
		return err
	}
	return reads(ctx, f.Reader, "", append(want, newer)...)
}

func goingBackPastLateCommit(ctx context.Context, f StoreFixture) error {
	if err := lateCommit(ctx, f); err != nil {
		return err
	}
	for _, limit := range []int{1, 10} {
		all, _, err := drain(ctx, f.Reader, "", limit)
		if err == nil && len(all) != 2 {
			err = fmt.Errorf("%d records from the beginning, want 2", len(all))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func garbageCursor(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, event("a", 1)); err != nil {
		return err
	}
	for _, cursor := range []eventlog.Cursor{"garbage", "1", "0/0/0", "{}", "'; --", "\x00"} {
		page, err := f.Reader.Read(ctx, cursor, 10)
		if err == nil {
			return fmt.Errorf("cursor %q: no error, %d records", cursor, len(page.Records))
		}
	}
	return nil
}

func cancelledRead(ctx context.Context, f StoreFixture) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, err := f.Reader.Read(ctx, "", 10)
	return wantError(err, context.Canceled)
}
