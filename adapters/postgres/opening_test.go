package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

// opening runs do in a transaction that is given up, after a first statement unless do brings it.
func opening(t *testing.T, db *postgres.DB, first bool, do func(postgres.Querier) error) error {
	t.Helper()
	tx := beginTx(t, db)
	defer tx.Rollback()
	if !first {
		if _, err := postgres.SQL(tx).ExecContext(t.Context(), "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	}
	return do(postgres.SQL(tx))
}

// A statement that goes out with BEGIN means what it means later: parameters are quoted there, and their types not named.
func TestFirstStatementReadsItsParametersAsALaterOneDoes(t *testing.T) {
	t.Parallel()
	db := open(t)
	for name, c := range map[string]struct {
		as   string
		args []any
	}{
		"quotes":              {"$1::text", []any{`it's "a" \ and \\ ` + "\n" + `$1 ;--`}},
		"nothing":             {"$1::text", []any{nil}},
		"integer":             {"$1::bigint", []any{int64(-9223372036854775808)}},
		"float":               {"$1::float8", []any{1.5e300}},
		"truth":               {"$1::boolean", []any{true}},
		"time":                {"$1::timestamptz", []any{time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))}},
		"bytes":               {"$1::bytea", []any{[]byte{0, 1, 255}}},
		"text that is bytea":  {"$1::bytea", []any{`\x41`}},
		"bytes that are json": {"$1::json", []any{[]byte(`{"a":1}`)}},
		"array":               {"$1::text[]", []any{`{"a\\b","c'd"}`}},
		"uuid":                {"$1::uuid", []any{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}},
		"two":                 {"$2::text || $1::text", []any{"a", "b"}},
		"in a text with ;":    {"$1::text || ';'", []any{"a"}},
		"commented":           {"$1::text -- no more", []any{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got [2]any
			for i := range got {
				for range 2 { // prepared by the first one
					err := opening(t, db, i == 0, func(q postgres.Querier) error {
						return q.QueryRowxContext(t.Context(), "SELECT "+c.as, c.args...).Scan(&got[i])
					})
					if err != nil {
						t.Fatalf("first: %v: %v", i == 0, err)
					}
				}
			}
			if diff := cmp.Diff(got[1], got[0]); diff != "" {
				t.Errorf("later, first:\n%s", diff)
			}
		})
	}
}

func TestFirstStatementReturnsItsRowsAndCounts(t *testing.T) {
	t.Parallel()
	db := open(t)
	exec(t, db, "CREATE TABLE public.things (id bigint PRIMARY KEY)")
	for _, want := range []int64{0, 1, 3} {
		var ids []int64
		err := opening(t, db, true, func(q postgres.Querier) error {
			return q.SelectContext(t.Context(), &ids, "SELECT g FROM generate_series(1, $1::bigint) g", want)
		})
		if err != nil || int64(len(ids)) != want {
			t.Errorf("%d rows, %v; want %d", len(ids), err, want)
		}
		tx := beginTx(t, db)
		result, err := postgres.SQL(tx).ExecContext(t.Context(), "INSERT INTO public.things SELECT g FROM generate_series(1, $1::bigint) g", want)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := result.RowsAffected(); n != want || err != nil {
			t.Errorf("%d rows written, %v; want %d", n, err, want)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
	if n := queryValue[int](t, db, "SELECT count(*) FROM public.things"); n != 0 {
		t.Errorf("%d rows after rollbacks", n)
	}
}

// Whoever goes on after an error writes nothing outside the transaction.
func TestErrorOfTheFirstStatementFailsTheTransaction(t *testing.T) {
	t.Parallel()
	db := open(t)
	exec(t, db, "CREATE TABLE public.things (id bigint PRIMARY KEY)")
	for name, wrong := range map[string]string{
		"while it runs":        "SELECT 1 / $1::integer",
		"when it is prepared":  "SELECT $1::nonsense",
		"without a parameter":  "SELECT 1 / 0",
		"while rows are read":  "SELECT 1 / (3 - g) FROM generate_series(1, $1 + 5) g",
		"in one with a text ;": "SELECT 1 / $1::integer, ';'",
		"for there are two":    "SELECT $1::integer; INSERT INTO public.things VALUES (7)",
	} {
		var args []any
		if name != "without a parameter" {
			args = append(args, 0)
		}
		tx := beginTx(t, db)
		rows, err := postgres.SQL(tx).QueryContext(t.Context(), wrong, args...)
		if err == nil {
			for rows.Next() { //nolint:revive // until the error
			}
			err = rows.Err()
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := postgres.SQL(tx).ExecContext(t.Context(), "INSERT INTO public.things VALUES ($1)", 1); err == nil {
			t.Errorf("%s: the next statement was taken", name)
		}
		if err := tx.Rollback(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := queryValue[int](t, db, "SELECT count(*) FROM public.things"); n != 0 {
		t.Errorf("%d rows were written outside a transaction", n)
	}
}

// A statement that was prepared before a table changed is prepared anew.
func TestFirstStatementAfterItsTableChanged(t *testing.T) {
	t.Parallel()
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 1})
	exec(t, db, "CREATE TABLE public.things (id bigint PRIMARY KEY)")
	for i := range 3 {
		err := opening(t, db, true, func(q postgres.Querier) error {
			rows, err := q.QueryxContext(t.Context(), "SELECT * FROM public.things WHERE id = $1", 1)
			if err != nil {
				return err
			}
			return rows.Close()
		})
		if err != nil {
			t.Error(err)
		}
		exec(t, db, fmt.Sprintf("ALTER TABLE public.things ADD COLUMN c%d text", i))
	}
}

func TestTransactionOfNothingSendsNothing(t *testing.T) {
	t.Parallel()
	count, through := countWaits(t, migratedURL(t))
	db := openConfig(t, postgres.Config{URL: through, MaxConns: 1})
	exec(t, db, "SELECT 1")
	before := count.n.Load()
	for range 3 {
		commit(t, beginTx(t, db))
		if err := beginTx(t, db).Rollback(); err != nil {
			t.Error(err)
		}
	}
	if got := count.n.Load() - before; got != 0 {
		t.Errorf("%d round trips, want none", got)
	}
}

// Connections that the server closed while they were idle fail nobody: another one is taken before anything is sent.
func TestTransactionsAfterTheServerClosedIdleConnections(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	db, other := openConfig(t, postgres.Config{URL: url, MaxConns: 4}), openURL(t, url)
	for range 5 {
		var held [4]eventlog.Tx
		for i := range held {
			held[i] = beginTx(t, db)
			if _, err := postgres.SQL(held[i]).ExecContext(t.Context(), "SELECT $1::integer", i); err != nil {
				t.Fatal(err)
			}
		}
		for _, tx := range held {
			commit(t, tx)
		}
		const rest = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
		queryValue[int](t, other, "SELECT count(pg_terminate_backend(pid)) "+rest)
		waitFor(t, "the connections to end", func() bool { return queryValue[int](t, other, "SELECT count(*) "+rest) == 0 })
		for i := range held {
			tx := beginTx(t, db)
			if _, err := postgres.SQL(tx).ExecContext(t.Context(), "SELECT $1::integer", i); err != nil {
				t.Errorf("transaction %d: %v", i, err)
			}
			held[i] = tx
		}
		for _, tx := range held {
			commit(t, tx)
		}
	}
}

// A context that ends while the first statement runs stops it; nothing is left of the transaction.
func TestFirstStatementStopsWithItsContext(t *testing.T) {
	t.Parallel()
	db := open(t)
	holder := beginTx(t, db)
	if _, err := postgres.SQL(holder).ExecContext(t.Context(), "SELECT pg_advisory_xact_lock($1)", 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	tx, done := beginTx(t, db), make(chan error, 1)
	go func() {
		_, err := postgres.SQL(tx).ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", 1)
		done <- err
	}()
	waitFor(t, "the statement to wait", func() bool { return waiting(t, db) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) && err == nil {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	commit(t, holder)
	if err := tx.Commit(t.Context()); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("commit after rollback: %v", err)
	}
}
