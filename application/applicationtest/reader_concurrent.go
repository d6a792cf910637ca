package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// concurrentWriters reads along a chain of cursors while units over one or two of a few aggregates are committed and
// rolled back, and compares what was read with what was committed.
func concurrentWriters(ctx context.Context, f StoreFixture) error {
	const writers, units = 4, 60
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a reader that failed must not leave writers waiting for it
	var written ledger
	done := make(chan error, 1)
	go func() {
		done <- together(writers, func(i int) error { return write(ctx, f, &written, uint64(i), units) })
	}()
	got, cursor, err := follow(ctx, f.Reader, &written.read, done)
	if err != nil {
		cancel()
		return errors.Join(err, <-done)
	}
	rest, _, err := drain(ctx, f.Reader, cursor, 5)
	if err != nil {
		return err
	}
	got = append(got, rest...)
	return errors.Join(sameIDs(written.records, got), inVersionOrder(got))
}

// ledger is what was committed.
type ledger struct {
	read    eventlog.Signal // raised when a page was read
	mu      sync.Mutex
	records []eventlog.Record
}

func (l *ledger) add(records []eventlog.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, records...)
}

// follow reads until the writers are done and returns their error. Page sizes vary, so that pages end anywhere in a unit.
func follow(ctx context.Context, r eventlog.Reader, read *eventlog.Signal, done chan error) ([]eventlog.Record, eventlog.Cursor, error) {
	var all []eventlog.Record
	var cursor eventlog.Cursor
	for i := 0; ; i++ {
		page, err := r.Read(ctx, cursor, 1+i%7)
		if err != nil {
			return nil, cursor, err
		}
		all, cursor = append(all, page.Records...), page.Next
		read.Raise()
		select {
		case err := <-done:
			done <- nil
			return all, cursor, err
		default:
		}
	}
}

// write runs units with pseudo-random contents; those that lose against another writer are given up.
func write(ctx context.Context, f StoreFixture, written *ledger, seed uint64, units int) error {
	random := rand.New(rand.NewPCG(seed, 1)) // the same contents in every run
	for range units {
		records, err := nextUnit(ctx, f.Streams, random)
		if err != nil {
			return err
		}
		giveUp := random.IntN(4) == 0
		err = unit(ctx, f.Store, func(tx eventlog.Tx) error {
			for i := range records { // statement by statement: positions of several units interleave
				if err := tx.Append(ctx, records[i:i+1]); err != nil {
					return err
				}
				if random.IntN(3) > 0 {
					continue
				}
				select { // the reader passes by while this is uncommitted
				case <-written.read.Wait():
				case <-ctx.Done():
				}
			}
			if giveUp {
				return errGivenUp
			}
			return nil
		})
		switch {
		case err == nil:
			written.add(records)
		case unlessRival(err) != nil && !errors.Is(err, errGivenUp):
			return err
		}
	}
	return nil
}

var errGivenUp = errors.New("unit given up on purpose")

// nextUnit returns up to three events for each of one or two aggregates, and sometimes a message.
func nextUnit(ctx context.Context, streams eventlog.Streams, random *rand.Rand) ([]eventlog.Record, error) {
	first := random.IntN(6)
	ids := []int{first}
	if random.IntN(2) == 0 {
		ids = append(ids, (first+1+random.IntN(5))%6)
	}
	var records []eventlog.Record
	for _, n := range ids {
		id := fmt.Sprint("aggregate ", n)
		stored, err := stream(ctx, streams, nil, id, 0)
		if err != nil {
			return nil, err
		}
		head := domain.Version(len(stored))
		records = append(records, events(id, head+1, head+1+domain.Version(random.IntN(3)))...)
	}
	if random.IntN(5) == 0 {
		records = append(records, message("m"))
	}
	return records, nil
}
