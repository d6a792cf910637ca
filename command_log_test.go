package tenon_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon"
	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func openLog(t *testing.T, url string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	return db
}

// startRelay runs a relay with two lanes and returns what ends it.
func startRelay(t *testing.T, db *postgres.DB, broker string) (r *lanes.Relay, end func()) {
	t.Helper()
	target, err := kafka.NewLanes(kafka.Config{Brokers: []string{broker}}, kafka.LanesConfig{Partitions: 3})
	if err != nil {
		t.Fatal(err)
	}
	board, err := postgres.NewRelayBoard(db, postgres.RelayBoardConfig{})
	if err != nil {
		t.Fatal(err)
	}
	log, members := postgres.NewLaneLog(db), postgres.NewRelayMembers(db)
	r, err = lanes.New(lanes.Config{
		Log: log, Boundary: log, Target: target, Members: members, Layouts: members, Board: board, Wake: db.Signal(), Poll: log.Changed,
		PollInterval: 50 * time.Millisecond, RetryMax: 100 * time.Millisecond, Lanes: 2, BatchRecords: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		stop()
		if err := <-done; err != nil {
			t.Errorf("relay: %v", err)
		}
		target.Close()
	}
	t.Cleanup(end)
	return r, end
}

func appendAll(t *testing.T, db *postgres.DB, version int) {
	t.Helper()
	for n := range 12 {
		if err := relaytest.Append(t.Context(), db, relaytest.Event(fmt.Sprintf("k%d", n), version)); err != nil {
			t.Fatal(err)
		}
	}
}

// dumpInto copies all of the kernel's tables as pg_dump and psql would.
func dumpInto(t *testing.T, from, to *postgres.DB) {
	t.Helper()
	var tables []string
	err := from.Pool().Select(&tables, `SELECT relname FROM pg_class WHERE relnamespace = 'tenon'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if table == "log_identity" {
			if _, err := to.Pool().Exec(`DELETE FROM tenon.log_identity`); err != nil {
				t.Fatal(err)
			}
		}
		var rows []string
		if err := from.Pool().Select(&rows, `SELECT to_json(r)::text FROM tenon.`+table+` r`); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if _, err := to.Pool().Exec(`INSERT INTO tenon.`+table+` OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_record(NULL::tenon.`+table+`, $1::json)`, row); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
		}
	}
	_, err = to.Pool().Exec(`SELECT setval(pg_get_serial_sequence('tenon.events', 'position'), (SELECT max(position) FROM tenon.events))`)
	if err != nil {
		t.Fatal(err)
	}
}

// movedLog is a log that was loaded from a server which had counted more transactions. Half of it was relayed there, but for
// a transaction that committed late.
func movedLog(t *testing.T, broker string) (db *postgres.DB, url string) {
	t.Helper()
	old := openLog(t, embeddedtest.Server(t).URL())
	for range 3000 {
		if _, err := old.Pool().Exec(`SELECT pg_current_xact_id()`); err != nil {
			t.Fatal(err)
		}
	}
	_, end := startRelay(t, old, broker)
	late, err := old.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Rollback()
	if err := late.Append(t.Context(), []eventlog.Record{relaytest.Event("late", 1), relaytest.Event("late", 2)}); err != nil {
		t.Fatal(err)
	}
	appendAll(t, old, 1)
	relaytest.Until(t, "the first events on the topic", func() (int, bool) {
		out, err := relaytest.Published(t.Context(), broker, relaytest.Topic)
		return len(out), err == nil && len(out) == 12
	})
	end()
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	appendAll(t, old, 2)
	url = embeddedtest.Server(t).URL()
	db = openLog(t, url)
	dumpInto(t, old, db)
	return db, url
}

func TestLogLoadedIntoAnotherServerIsRebased(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.Broker(t)
	db, url := movedLog(t, broker)
	environ := []string{"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + broker, "TENON_HTTP_ADDR=127.0.0.1:0"}
	for _, roles := range []string{"api", "relay"} {
		var out, errOut strings.Builder
		status := tenon.Execute(t.Context(), []string{"serve", "--roles", roles}, environ, tenon.Streams{Out: &out, Err: &errOut})
		if says := errOut.String(); status != 1 || !strings.Contains(says, "the log was loaded from another server") || !strings.Contains(says, "`tenon log rebase`") {
			t.Errorf("serve --roles %s: status %d, said %q", roles, status, says)
		}
	}
	r, end := startRelay(t, db, broker)
	relaytest.Until(t, "the relay to refuse", func() (int, bool) { return 0, errors.Is(r.Health(), relaying.ErrLogChanged) })
	if says := r.Health().Error(); !strings.Contains(says, "`tenon log rebase`") || strings.Contains(says, "backup") {
		t.Errorf("the relay says %s", says)
	}
	rebase := func(status int, says string, args ...string) {
		t.Helper()
		got, out, errOut := execute(t, environ, append([]string{"log", "rebase", "--by", "anna", "--reason", "ticket 4711"}, args...)...)
		if got != status || !strings.Contains(out+errOut, says) {
			t.Errorf("log rebase %v: status %d, said %q, %q; want %d and %q", args, got, out, errOut, status, says)
		}
	}
	rebase(1, "the log is in use by", "--yes") // a relay runs
	end()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	rebase(0, "its newest events can't be read here")
	rebase(0, "nothing was changed")
	rebase(0, "the relay goes on behind the same events", "--yes")
	db = openLog(t, url)
	startRelay(t, db, broker)
	appendAll(t, db, 3)
	relaytest.CheckOnce(t, db, broker)
	var got string
	const rows = `SELECT string_agg(concat_ws(' ', decided_by, reason, events, to_log = (SELECT id FROM tenon.log_identity), from_log <> to_log), ';') FROM tenon.log_rebases`
	if err := db.Pool().Get(&got, rows); err != nil || got != "anna ticket 4711 26 t t" {
		t.Errorf("recorded %q, %v", got, err)
	}
}

// Between the database's part and Kafka's somebody pulls the plug: the copies are exact, and a person says so.
func TestLogRebaseCutShortIsResolvedByTheCopies(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.Broker(t)
	db, url := movedLog(t, broker)
	log, err := db.LogIdentity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target, err := kafka.NewLanes(kafka.Config{Brokers: []string{broker}}, kafka.LanesConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	order := postgres.LogRebaseOrder{From: log, By: "anna", Reason: "ticket"}
	for n := range 2 {
		s, err := target.View(t.Context(), log, n)
		if err != nil || s.IsNew() {
			t.Fatalf("lane %d: %+v, %v", n, s, err)
		}
		order.Lanes = append(order.Lanes, s)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	own, err := postgres.Open(t.Context(), postgres.Config{URL: url, AppName: postgres.LogRebaseApp})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.NewLogRebase(own).Do(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	if err := own.Close(); err != nil {
		t.Fatal(err)
	}
	db = openLog(t, url)
	r, _ := startRelay(t, db, broker)
	relaytest.Until(t, "the relay to refuse", func() (int, bool) { return 0, errors.Is(r.Health(), relaying.ErrProgressLost) })
	environ := []string{"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + broker}
	if status, _, errOut := execute(t, environ, "relay", "rebase", "--to", "copy", "--by", "anna", "--reason", "x", "--yes"); status != 0 {
		t.Fatal(errOut)
	}
	appendAll(t, db, 3)
	relaytest.CheckOnce(t, db, broker)
}

func TestLogRebaseRefusesWrongArguments(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"reason is missing":      {"--yes"},
		"who decides is missing": {"--reason", "x", "--by", ""},
		`unknown command "x"`:    {"x", "--reason", "y"},
	} {
		status, _, errOut := execute(t, nil, append([]string{"log", "rebase"}, args...)...)
		if status != 2 || !strings.Contains(errOut, says) {
			t.Errorf("%v: status %d, said %q; want 2 and %q", args, status, errOut, says)
		}
	}
}
