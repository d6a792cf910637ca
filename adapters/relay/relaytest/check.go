package relaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

// committed is a row of the log.
type committed struct {
	key      string
	version  int64 // 0 for a message
	position int64
}

// CheckOnce waits until what was committed on [Topic] is there, and fails the test unless each event is there exactly
// once, nothing that was never committed is, and the versions of each aggregate are in order, as are the messages of each key.
func CheckOnce(t testing.TB, db *postgres.DB, broker string) {
	t.Helper()
	want, err := rows(t.Context(), db)
	if err != nil || len(want) == 0 {
		t.Fatalf("%d rows in the log: %v", len(want), err)
	}
	var records []*kgo.Record
	Until(t, fmt.Sprintf("all %d committed events on the topic", len(want)), func() (int, bool) {
		var err error
		if records, err = Published(t.Context(), broker, Topic); err != nil {
			return 0, false
		}
		return len(records), len(records) >= len(want)
	})
	if err := once(want, records); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, each once", len(want))
}

func once(want map[string]committed, records []*kgo.Record) error {
	seen := make(map[string]bool, len(want))
	last := make(map[string]int64)
	var errs []error
	for _, r := range records {
		id := Header(r, relaying.HeaderEventID)
		row, ok := want[id]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s of %s is on the topic and was never committed", id, r.Key))
			continue
		case seen[id]:
			errs = append(errs, fmt.Errorf("%s/%d is on the topic twice, again at partition %d offset %d", row.key, row.version, r.Partition, r.Offset))
			continue
		}
		seen[id] = true
		if row.version == 0 {
			if before := last[row.key]; row.position < before {
				errs = append(errs, fmt.Errorf("message %d of %s comes after %d", row.position, row.key, before))
			}
			last[row.key] = row.position
			continue
		}
		if row.version != last[row.key]+1 {
			errs = append(errs, fmt.Errorf("%s/%d follows %s/%d", row.key, row.version, row.key, last[row.key]))
		}
		last[row.key] = row.version
	}
	for id, row := range want {
		if !seen[id] {
			errs = append(errs, fmt.Errorf("%s/%d (%s) is not on the topic", row.key, row.version, id))
		}
	}
	if n := len(errs); n > 10 {
		errs = append(slices.Clip(errs[:10]), fmt.Errorf("and %d more", n-10))
	}
	return errors.Join(errs...)
}

// rows returns what is in the log for [Topic] by event id.
func rows(ctx context.Context, db *postgres.DB) (map[string]committed, error) {
	found, err := db.Pool().QueryContext(ctx, `SELECT event_id, aggregate_id, coalesce(version, 0), position FROM tenon.events WHERE topic = $1`, Topic)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	all := make(map[string]committed)
	for found.Next() {
		var id string
		var c committed
		if err := found.Scan(&id, &c.key, &c.version, &c.position); err != nil {
			return nil, err
		}
		all[id] = c
	}
	return all, found.Err()
}
