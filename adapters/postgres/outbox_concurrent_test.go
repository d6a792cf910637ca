package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// writers runs concurrent writers and returns the events that were committed. Half of them take their xid long before they
// append, a quarter rolls back, positions and commits disagree in order.
func writers(t testing.TB, db *postgres.DB, count, units int) map[string]bool {
	t.Helper()
	var (
		mu        sync.Mutex
		committed = make(map[string]bool)
		wg        sync.WaitGroup
		failed    error
	)
	for w := range count {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 7))
			next := []int{1, 1, 1}
			for range units {
				stream := rng.IntN(len(next))
				aggregate, n := fmt.Sprintf("w%d-%d", w, stream), 1+rng.IntN(3)
				ok, err := writeUnit(t.Context(), db, rng, aggregate, next[stream], n)
				mu.Lock()
				failed = errors.Join(failed, err)
				if ok {
					for _, name := range eventsOf(aggregate, next[stream], n) {
						committed[name] = true
					}
					next[stream] += n
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	return committed
}

func writeUnit(ctx context.Context, db *postgres.DB, rng *rand.Rand, aggregate string, first, n int) (bool, error) {
	tx, err := db.Pool().BeginTxx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if rng.IntN(2) == 0 {
		if _, err := tx.ExecContext(ctx, `SELECT pg_current_xact_id(), pg_sleep(random() * 0.02)`); err != nil {
			return false, err
		}
	}
	if rng.IntN(3) == 0 {
		if _, err := tx.ExecContext(ctx, `SAVEPOINT s`); err != nil {
			return false, err
		}
	}
	if err := writeEvents(ctx, tx, aggregate, first, n); err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_sleep(random() * 0.01)`); err != nil {
		return false, err
	}
	if rng.IntN(4) == 0 {
		return false, nil
	}
	return true, tx.Commit()
}

func TestSubscriberDeliversWhatConcurrentWritersCommitted(t *testing.T) {
	t.Parallel()
	units := 25
	if torture() {
		units = 300
	}
	db := open(t)
	var got tally
	readers := []*subscribed{ // two of one group: one works, the other stands by
		subscribe(t, db, postgres.SubscriberConfig{Batch: 7}),
		subscribe(t, db, postgres.SubscriberConfig{Batch: 7}),
	}
	var wg sync.WaitGroup
	for _, s := range readers {
		wg.Go(func() { s.drain(&got) })
	}
	want := writers(t, db, 12, units)
	waitFor(t, "all committed events", func() bool { return got.len() >= len(want) })
	for _, s := range readers {
		s.end()
	}
	wg.Wait()
	checkTally(t, &got, want)
}

// checkTally fails the test unless each of want was delivered once, nothing else, and each aggregate's in order.
func checkTally(t testing.TB, got *tally, want map[string]bool) {
	t.Helper()
	for event, n := range got.times {
		if n != 1 || !want[event] {
			t.Errorf("%s was delivered %d times, committed: %t", event, n, want[event])
		}
	}
	for event := range want {
		if got.times[event] == 0 {
			t.Errorf("%s was committed and not delivered", event)
		}
	}
	checkOrder(t, got.order)
}

func checkOrder(t testing.TB, events []string) {
	t.Helper()
	next := make(map[string]int)
	for _, event := range events {
		aggregate, version, _ := strings.Cut(event, "/")
		v := must(strconv.Atoi(version))(t)
		if v != next[aggregate]+1 {
			t.Errorf("%s first came after %s/%d", event, aggregate, next[aggregate])
		}
		next[aggregate] = v
	}
}

// The standby takes over where the other one stopped.
func TestSubscriberOfTheSameGroupTakesOver(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 4)
	first := subscribe(t, db, postgres.SubscriberConfig{Batch: 2})
	if diff := cmp.Diff(eventsOf("a", 1, 2), first.ack(2)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	inHand := first.next() // the first one is within its second page
	second := subscribe(t, db, postgres.SubscriberConfig{Batch: 2})
	waitFor(t, "the second to wait for the cursor", func() bool {
		return queryValue[bool](t, db, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')`)
	})
	first.stop()
	inHand.Ack()
	first.end()
	if diff := cmp.Diff(eventsOf("a", 4, 1), second.ack(1)); diff != "" {
		t.Errorf("the standby's first (-want +got):\n%s", diff)
	}
}

func TestSubscriberStandbyStopsAtOnce(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 1)
	first := subscribe(t, db, postgres.SubscriberConfig{AckDeadline: time.Hour})
	inHand := first.next()
	second := subscribe(t, db, postgres.SubscriberConfig{})
	waitFor(t, "the second to wait for the cursor", func() bool {
		return queryValue[bool](t, db, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')`)
	})
	second.end() // would hang
	inHand.Ack()
}
