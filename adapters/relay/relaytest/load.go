package relaytest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Topic is where the load's events go.
const Topic = "domain.thing.events"

// Load writes units of work until its context ends: over one to three aggregates, with messages among them. Some roll
// back; some take their transaction id early and commit late, so that positions, ids and commits disagree in order.
// Outages are waited through.
type Load struct {
	db    *postgres.DB
	units atomic.Int64
	done  sync.WaitGroup
}

// aggregates is how many each writer has.
const aggregates = 3

// StartLoad starts writers, each with aggregates of its own.
func StartLoad(ctx context.Context, db *postgres.DB, writers int) *Load {
	l := &Load{db: db}
	for w := range writers {
		l.done.Go(func() { l.write(ctx, w) })
	}
	return l
}

// Wait waits until the writers have ended.
func (l *Load) Wait() { l.done.Wait() }

// Passes waits until n more units were written.
func (l *Load) Passes(t testing.TB, n int64) {
	t.Helper()
	goal := l.units.Load() + n
	Until(t, "the load to go on", func() (int, bool) { return int(l.units.Load()), l.units.Load() >= goal })
}

func (l *Load) write(ctx context.Context, writer int) {
	heads := make(map[string]int)
	pause := time.NewTicker(20 * time.Millisecond) // a relay under the race detector must be able to keep up
	defer pause.Stop()
	for round := 0; ctx.Err() == nil; round++ {
		u := newUnit(writer, round, heads)
		err := l.commit(ctx, u)
		switch {
		case err == nil && !u.rollBack:
			maps.Copy(heads, u.heads)
			l.units.Add(1)
		case err != nil: // an outage: it isn't known what became of the unit
			if stored, err := Heads(ctx, l.db); err == nil {
				heads = stored
			}
		}
		<-pause.C
	}
}

// unit is a unit of work.
type unit struct {
	records  []eventlog.Record
	heads    map[string]int // of its aggregates, once it is committed
	rollBack bool
	early    bool // takes its transaction id before it writes
	late     bool // waits before it commits
}

func newUnit(writer, round int, heads map[string]int) unit {
	u := unit{heads: make(map[string]int), rollBack: round%5 == 4, early: round%2 == 0, late: round%3 == 0}
	for i := range 1 + round%aggregates {
		id := fmt.Sprintf("w%d-%d", writer, i)
		u.heads[id] = heads[id]
		for range 1 + (round+i)%2 {
			u.heads[id]++
			u.records = append(u.records, Event(id, u.heads[id]))
		}
	}
	if round%4 == 0 {
		m := Event(fmt.Sprintf("message-%d", writer), 0)
		m.AggregateType = ""
		u.records = append(u.records, m)
	}
	return u
}

// Event returns an event of aggregate id on [Topic]; version 0 makes it a message.
func Event(id string, version int) eventlog.Record {
	return eventlog.Record{
		ID: uuid.Must(uuid.NewV7()), Topic: Topic, AggregateType: "thing", AggregateID: id, Version: domain.Version(version),
		Type: "thing.happened", SchemaVersion: 1, Payload: fmt.Appendf(nil, `{"version":%d}`, version), RecordedAt: time.Now(),
	}
}

func (l *Load) commit(ctx context.Context, u unit) error {
	tx, err := l.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if u.early {
		if _, err := postgres.SQL(tx).ExecContext(ctx, `SELECT pg_current_xact_id()`); err != nil {
			return err
		}
		linger()
	}
	if err := tx.Append(ctx, u.records); err != nil || u.rollBack {
		return err
	}
	if u.late {
		linger()
	}
	return tx.Commit(ctx)
}

// linger lets others come between. How long is no condition that a test depends on.
func linger() { time.Sleep(rand.N(4 * time.Millisecond)) } //nolint:gosec // no secret

// Heads returns the newest version of each aggregate.
func Heads(ctx context.Context, db *postgres.DB) (map[string]int, error) {
	rows, err := db.Pool().QueryContext(ctx, `SELECT aggregate_id, max(version) FROM tenon.events WHERE version IS NOT NULL GROUP BY aggregate_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	heads := make(map[string]int)
	for rows.Next() {
		var id string
		var version int
		if err := rows.Scan(&id, &version); err != nil {
			return nil, err
		}
		heads[id] = version
	}
	return heads, rows.Err()
}

// Append commits the records as one unit.
func Append(ctx context.Context, db *postgres.DB, records ...eventlog.Record) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if err := tx.Append(ctx, records); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
