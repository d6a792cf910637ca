package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

// wide is a row of every type of field.
type wide struct {
	ID     string          `db:"id"`
	Number int64           `db:"number"`
	Small  int16           `db:"small" pg:"smallint"`
	Amount string          `db:"amount" pg:"numeric"`
	Ratio  float64         `db:"ratio"`
	On     bool            `db:"on"`
	At     time.Time       `db:"at"`
	Bytes  []byte          `db:"bytes"`
	Key    uuid.UUID       `db:"key"`
	Extra  json.RawMessage `db:"extra" pg:"jsonb"`
	Maybe  *string         `db:"maybe"`
	Later  *time.Time      `db:"later"`
	Cache  int             // no column
}

type total struct {
	Customer string `db:"customer"`
	Day      string `db:"day" pg:"date"`
	Orders   int    `db:"orders"`
}

func tables(t testing.TB) (*postgres.DB, *postgres.Table[wide], *postgres.Table[total]) {
	t.Helper()
	db := open(t)
	_, err := db.Pool().ExecContext(t.Context(), `CREATE SCHEMA shop;
		CREATE TABLE shop.wide (id text PRIMARY KEY, number bigint, small smallint, amount numeric(18,2), ratio double precision, "on" boolean,
			at timestamptz, bytes bytea, key uuid, extra jsonb, maybe text, later timestamptz);
		CREATE TABLE shop.totals (customer text, day date, orders integer, note text DEFAULT 'kept', PRIMARY KEY (customer, day))`)
	if err != nil {
		t.Fatal(err)
	}
	return db, postgres.NewTable[wide]("shop.wide", "id"), postgres.NewTable[total]("shop.totals", "customer", "day")
}

func inTx(t testing.TB, db *postgres.DB, f func(tx eventlog.Tx) error) {
	t.Helper()
	tx := must(db.Begin(t.Context()))(t)
	if err := f(tx); err != nil {
		t.Fatal(err)
	}
	commit(t, tx)
}

func TestTableKeepsEveryTypeOfValue(t *testing.T) {
	t.Parallel()
	db, table, _ := tables(t)
	at := time.Date(2026, 3, 14, 15, 9, 26, 535897000, time.UTC)
	text := `a "quoted", {braced} \ back\slash NULL`
	rows := []*wide{
		{
			ID: text, Number: -1 << 63, Small: -3, Amount: "12.50", Ratio: 1.5e-300, On: true, At: at, Bytes: []byte{0, 255, '"', '\\'},
			Key: uuid.MustParse("7a1d0b8e-1f0c-4b57-9a43-9e3f6a5f3a10"), Extra: json.RawMessage(`{"a": "\"b\\"}`), Maybe: &text, Later: &at,
		},
		{ID: "", Amount: "0.00", At: at.In(time.FixedZone("east", 3600)), Bytes: []byte{}, Extra: json.RawMessage(`null`)},
		{ID: "NULL", Amount: "-0.01", At: time.Unix(0, 0), Bytes: []byte{}, Extra: json.RawMessage(`[]`), Maybe: new(string)},
	}
	inTx(t, db, func(tx eventlog.Tx) error { return table.Insert(t.Context(), tx, rows) })
	inTx(t, db, func(tx eventlog.Tx) error {
		loaded, err := table.Load(t.Context(), tx, []string{text, "", "NULL", "absent"})
		same := cmp.Options{
			cmpopts.SortSlices(func(a, b *wide) bool { return a.ID < b.ID }),
			cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
		}
		if diff := cmp.Diff(rows, loaded, same); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		return err
	})
}

func TestTableStoresUpdatesAndAdds(t *testing.T) {
	t.Parallel()
	db, _, table := tables(t)
	inTx(t, db, func(tx eventlog.Tx) error {
		return table.Store(t.Context(), tx, []*total{{"a", "2026-01-01", 1}, {"a", "2026-01-02", 2}})
	})
	inTx(t, db, func(tx eventlog.Tx) error {
		return table.Store(t.Context(), tx, []*total{{"a", "2026-01-02", 20}, {"b", "2026-01-01", 3}})
	})
	inTx(t, db, func(tx eventlog.Tx) error {
		return table.Add(t.Context(), tx, []*total{{"b", "2026-01-01", 4}, {"c", "2026-01-01", 5}})
	})
	inTx(t, db, func(tx eventlog.Tx) error {
		n, err := table.Update(t.Context(), tx, []*total{{"a", "2026-01-01", 9}, {"nobody", "2026-01-01", 9}})
		if n != 1 {
			t.Errorf("Update changed %d rows, want 1", n)
		}
		return err
	})
	inTx(t, db, func(tx eventlog.Tx) error {
		rows, err := table.Select(t.Context(), tx, []*total{{"a", "2026-01-01", 0}, {"b", "2026-01-01", 0}, {"b", "2026-01-02", 0}})
		if len(rows) != 2 {
			t.Errorf("Select returned %d rows, want those of both keys together", len(rows))
		}
		return err
	})
	var all []string
	err := db.Pool().SelectContext(t.Context(), &all, `SELECT concat_ws(' ', customer, day, orders, note) FROM shop.totals ORDER BY customer, day`)
	want := []string{"a 2026-01-01 9 kept", "a 2026-01-02 20 kept", "b 2026-01-01 7 kept", "c 2026-01-01 5 kept"}
	if diff := cmp.Diff(want, all); err != nil || diff != "" {
		t.Errorf("rows (-want +got): %v\n%s", err, diff)
	}
}

// TestTableAddsAreNotLostNorDeadlock has transactions add to the same rows, given in opposite orders.
func TestTableAddsAreNotLostNorDeadlock(t *testing.T) {
	t.Parallel()
	db, _, table := tables(t)
	const workers, rounds, days = 4, 25, 28
	errs := make(chan error, workers)
	for w := range workers {
		rows := make([]*total, days)
		for d := range days {
			rows[d] = &total{"a", fmt.Sprintf("2026-02-%02d", d+1), 1}
		}
		if w%2 == 1 {
			slices.Reverse(rows)
		}
		go func() { errs <- add(t.Context(), db, table, rows, rounds) }()
	}
	for range workers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	var wrong int
	err := db.Pool().GetContext(t.Context(), &wrong, `SELECT count(*) FILTER (WHERE orders <> $1) + abs(count(*) - $2) FROM shop.totals`, workers*rounds, days)
	if err != nil || wrong != 0 {
		t.Errorf("%d rows are wrong: %v", wrong, err)
	}
}

// add adds the rows as often as that, in a transaction each time.
func add(ctx context.Context, db *postgres.DB, table *postgres.Table[total], rows []*total, times int) error {
	for range times {
		tx, err := db.Begin(ctx)
		if err != nil {
			return err
		}
		if err := table.Add(ctx, tx, rows); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestTableRefusesWhatIsNoTable(t *testing.T) {
	t.Parallel()
	type twice struct {
		A string `db:"a"`
		B string `db:"a"`
	}
	type odd struct {
		A map[string]int `db:"a"`
	}
	for want, declare := range map[string]func(){
		`"nothing"`:     func() { postgres.NewTable[total]("shop.totals", "nothing") },
		"key column":    func() { postgres.NewTable[total]("shop.totals") },
		"want a struct": func() { postgres.NewTable[string]("shop.totals", "a") },
		"field B":       func() { postgres.NewTable[twice]("shop.totals", "a") },
		"field A":       func() { postgres.NewTable[odd]("shop.totals", "a") },
		"no field has":  func() { postgres.NewTable[struct{}]("shop.totals", "a") },
		"but the table has": func() {
			must(postgres.NewTable[total]("shop.totals", "customer", "day").Load(t.Context(), nil, nil))(t)
		},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("panic %q, want one with %q", got, want)
				}
			}()
			declare()
		}()
	}
}
