package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
)

// side is one of the ways that a benchmark compares.
type side struct {
	name string
	unit func(context.Context) error
}

// duel runs the sides in turn, in rounds, so that a machine which slows down slows both, and reports their rates and
// the ratio of the second to the first.
func duel(b *testing.B, clients int, sides [2]side) {
	b.Helper()
	const rounds = 6
	var spent [2]time.Duration
	var done [2]int
	each := max(b.N/(2*rounds), 20*clients)
	for i := range 2 * rounds {
		start := time.Now()
		storm(b, clients, each, sides[i%2].unit)
		if i > 1 { // the first round opens connections and prepares statements
			spent[i%2] += time.Since(start)
			done[i%2] += each
		}
	}
	var rates [2]float64
	for i, s := range sides {
		rates[i] = float64(done[i]) / spent[i].Seconds()
		b.ReportMetric(rates[i], s.name+"/s")
	}
	b.ReportMetric(rates[1]/rates[0], "ratio")
}

// storm carries out n units by that many clients.
func storm(b *testing.B, clients, n int, unit func(context.Context) error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := unit(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// BenchmarkGroup compares units of one event, each in a transaction written by hand, with AppendUnit.
func BenchmarkGroup(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			db, url := benchDB(b, clients)
			plain := openSQL(b, url, clients)
			duel(b, clients, [2]side{
				{"naive", func(ctx context.Context) error { return naive(ctx, plain) }},
				{"grouped", func(ctx context.Context) error {
					return db.AppendUnit(ctx, []eventlog.Record{event(uuid.NewString(), 1)})
				}},
			})
			reportGroups(b, db)
		})
	}
}

// BenchmarkKernel compares a unit of one state row and one event through mediator, unit of work and codec with the
// transaction written by hand.
func BenchmarkKernel(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			db, url := benchDB(b, clients)
			plain, m := openSQL(b, url, clients), notepad(b, db, true)
			duel(b, clients, [2]side{
				{"byhand", func(ctx context.Context) error { return byHand(ctx, plain) }},
				{"kernel", func(ctx context.Context) error {
					_, err := application.Send(ctx, m, jot{Events: 1})
					return err
				}},
			})
		})
	}
}

func reportGroups(b *testing.B, db *postgres.DB) {
	b.Helper()
	if s := db.GroupStats(); s.Statements > 0 {
		b.ReportMetric(float64(s.Units)/float64(s.Statements), "units/statement")
	}
}

func openSQL(b *testing.B, url string, clients int) *sql.DB {
	b.Helper()
	db := must(sql.Open("postgres", url))(b)
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(clients)
	db.SetMaxIdleConns(clients)
	return db
}

// naive stores one event in a transaction of its own.
func naive(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := insertEvent(ctx, tx, event(uuid.NewString(), 1)); err != nil {
		return err
	}
	return tx.Commit()
}
