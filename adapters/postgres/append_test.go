package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

func TestAppendKeepsEveryField(t *testing.T) {
	t.Parallel()
	db := open(t)
	full := event("ordre-é", 7)
	full.SchemaVersion, full.CorrelationID, full.CausationID, full.Actor = 3, "corr", "cause", "O'Hara \\ {\"x\"}"
	full.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	full.Metadata = map[string]string{"a": "b,c", `q"uote`: `back\slash`}
	bare := message("")
	store(t, db, full, bare)
	got, _ := drain(t, db, "", 10)
	if diff := cmp.Diff([]eventlog.Record{full, bare}, got, cmpopts.IgnoreFields(eventlog.Record{}, "Position")); diff != "" {
		t.Errorf("what was read differs (-appended +read):\n%s", diff)
	}
}

func TestAppendKeepsPayloadBytes(t *testing.T) {
	t.Parallel()
	db := open(t)
	payloads := []string{
		"{ \"b\" : 1 ,\t\"a\":2,\n\"a\" : 1.2345678901234567E19, \"n\": null, \"e\": [ ] }", `"\u00e9 é \\ \" \u0000"`, ` 1.50 `, `null`,
		`{"big":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`, `"` + strings.Repeat("x{},\\\"", 20_000)[:60_000] + `"`,
	}
	var records []eventlog.Record
	for i, p := range payloads {
		r := event("o", domain.Version(i+1))
		r.Payload = []byte(p)
		records = append(records, r)
	}
	store(t, db, records...)
	got, _ := drain(t, db, "", 100)
	for i, r := range got {
		if string(r.Payload) != payloads[i] {
			t.Errorf("payload %d: read %.80q, appended %.80q", i, r.Payload, payloads[i])
		}
	}
}

func TestAppendThousandInOrder(t *testing.T) {
	t.Parallel()
	db := open(t)
	var records []eventlog.Record
	for i := range 1000 {
		records = append(records, event("o-"+strconv.Itoa(i*7919%1000), 1))
	}
	store(t, db, records...)
	got, _ := drain(t, db, "", 300)
	if diff := cmp.Diff(names(records), names(got)); diff != "" {
		t.Errorf("positions aren't in the order given (-given +read):\n%s", diff)
	}
}

func TestAppendNothing(t *testing.T) {
	t.Parallel()
	tx := beginTx(t, open(t))
	if err := tx.Append(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestAppendConflictNamesVersions(t *testing.T) {
	t.Parallel()
	db := open(t)
	store(t, db, append(events("a", 1, 3), events("b", 1, 5)...)...)
	tx := beginTx(t, db)
	batch := append(events("a", 4, 1), events("b", 5, 2)...)
	err := tx.Append(t.Context(), append(batch, events("new", 1, 1)...))
	want := &domain.ConflictError{Type: "order", ID: "b", Expected: 4, Actual: 5}
	conflict, ok := errors.AsType[*domain.ConflictError](err)
	if !ok || *conflict != *want {
		t.Fatalf("got %v, want %v", err, want)
	}
	if err := tx.Commit(t.Context()); err == nil {
		t.Error("commit after a conflict succeeded")
	}
	if got, _ := drain(t, db, "", 100); len(got) != 8 {
		t.Errorf("%d records, want the 8 from before", len(got))
	}
}

func TestAppendConflictWithOneConnection(t *testing.T) {
	t.Parallel()
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 1})
	store(t, db, events("a", 1, 1)...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conflict, ok := errors.AsType[*domain.ConflictError](beginTx(t, db).Append(ctx, events("a", 1, 1)))
	if !ok || conflict.Actual != 1 {
		t.Errorf("got %v, want a conflict with version 1: looking it up needs no second connection", conflict)
	}
}

func TestAppendWaitsForRival(t *testing.T) {
	t.Parallel()
	db := open(t)
	first, second := beginTx(t, db), beginTx(t, db)
	appendTo(t, first, events("a", 1, 2)...)
	done := make(chan error, 1)
	go func() { done <- second.Append(t.Context(), events("a", 1, 1)) }()
	waitFor(t, "the second to wait", func() bool { return waiting(t, db) == 1 })
	commit(t, first)
	conflict, ok := errors.AsType[*domain.ConflictError](<-done)
	if !ok || conflict.Actual != 2 {
		t.Errorf("got %v, want a conflict with version 2", conflict)
	}
}

// waiting counts the connections to the test's database that wait for a lock.
func waiting(t testing.TB, db *postgres.DB) int {
	t.Helper()
	return queryValue[int](t, db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
}

func TestAppendDuplicateEvent(t *testing.T) {
	t.Parallel()
	db := open(t)
	first := event("a", 1)
	store(t, db, first)
	again := event("b", 1)
	again.ID = first.ID
	err := beginTx(t, db).Append(t.Context(), []eventlog.Record{again})
	if !errors.Is(err, postgres.ErrDuplicateEvent) || !strings.Contains(err.Error(), "events_event_id_key") {
		t.Errorf("got %v, want ErrDuplicateEvent", err)
	}
	if err := beginTx(t, db).Append(t.Context(), []eventlog.Record{first}); !errors.Is(err, postgres.ErrDuplicateEvent) {
		t.Errorf("a unit stored before gave %v, want ErrDuplicateEvent: its versions are its own", err)
	}
}

func TestAppendSameVersionTwiceInUnit(t *testing.T) {
	t.Parallel()
	err := beginTx(t, open(t)).Append(t.Context(), []eventlog.Record{event("a", 1), event("a", 1)})
	if err == nil || errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), "twice in one unit") {
		t.Errorf("got %v, want an error that says what is wrong with the unit", err)
	}
}

func TestAppendRefusesBadRecords(t *testing.T) {
	t.Parallel()
	db := open(t)
	tests := map[string]struct {
		spoil func(*eventlog.Record)
		want  string
	}{
		"payload is text":       {func(r *eventlog.Record) { r.Payload = []byte("hello") }, "payload isn't JSON"},
		"payload is empty":      {func(r *eventlog.Record) { r.Payload = nil }, "payload isn't JSON"},
		"payload has a NUL":     {func(r *eventlog.Record) { r.Payload = []byte("\"a\x00b\"") }, "payload isn't JSON"},
		"payload isn't UTF-8":   {func(r *eventlog.Record) { r.Payload = []byte("\"\xff\"") }, "payload isn't UTF-8"},
		"id has a NUL":          {func(r *eventlog.Record) { r.AggregateID = "a\x00" }, `aggregate id "a\x00"`},
		"id is missing":         {func(r *eventlog.Record) { r.AggregateID = "" }, "aggregate id is missing"},
		"id is too long":        {func(r *eventlog.Record) { r.AggregateID = strings.Repeat("é", 101) }, "aggregate id has 101 characters: want 100 or fewer"},
		"type is missing":       {func(r *eventlog.Record) { r.Type = "" }, "event type is missing"},
		"topic is too long":     {func(r *eventlog.Record) { r.Topic = strings.Repeat("x", 250) }, "topic has 250 characters"},
		"correlation too long":  {func(r *eventlog.Record) { r.CorrelationID = strings.Repeat("x", 201) }, "correlation id has 201"},
		"metadata isn't UTF-8":  {func(r *eventlog.Record) { r.Metadata = map[string]string{"k": "\xff"} }, `metadata "k"`},
		"schema version is 0":   {func(r *eventlog.Record) { r.SchemaVersion = 0 }, "schema version 0"},
		"version is negative":   {func(r *eventlog.Record) { r.Version = -1 }, "version -1"},
		"no event id":           {func(r *eventlog.Record) { r.ID = [16]byte{} }, "event id is missing"},
		"message without topic": {func(r *eventlog.Record) { *r = message("k"); r.Topic = "" }, "topic is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, good := event("o", 2), event("o-"+name, 1)
			tt.spoil(&bad)
			tx := beginTx(t, db)
			err := tx.Append(t.Context(), []eventlog.Record{good, bad})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), bad.ID.String()) {
				t.Errorf("got %v, want %q and the event's id", err, tt.want)
			}
			appendTo(t, tx, good) // nothing was sent
			commit(t, tx)
		})
	}
}

func TestTextsAsLongAsAppendAllowsAreStored(t *testing.T) {
	t.Parallel()
	db := open(t)
	r := event(strings.Repeat("é", 100), 1)
	r.Topic, r.Type, r.AggregateType = strings.Repeat("t", 249), strings.Repeat("é", 200), strings.Repeat("é", 100)
	r.CorrelationID, r.CausationID, r.Actor = strings.Repeat("é", 200), strings.Repeat("é", 200), strings.Repeat("é", 200)
	r.Traceparent, r.Payload = strings.Repeat("0", 100), json.RawMessage("1")
	store(t, db, r)
}

// Whoever writes rows by hand can't write what is silently never relayed or folded.
func TestTableRefusesWhatNoReaderWouldFind(t *testing.T) {
	t.Parallel()
	db := open(t)
	const insert = `INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id,
		event_type, payload) VALUES (now(), $1, gen_random_uuid(), 1, $2, 't', 'a', 'b', 'e', '1')`
	for _, c := range []struct {
		version any
		bucket  int
		fits    bool
	}{{1, 0, true}, {nil, 1023, true}, {0, 0, false}, {1, 1024, false}, {nil, -1, false}} {
		_, err := db.Pool().ExecContext(t.Context(), insert, c.version, c.bucket)
		if refused := pq.As(err, pqerror.CheckViolation) != nil; refused == c.fits || c.fits && err != nil {
			t.Errorf("version %v, bucket %d: %v", c.version, c.bucket, err)
		}
	}
}

func TestLogIsInsertOnly(t *testing.T) {
	t.Parallel()
	db := open(t)
	store(t, db, event("a", 1))
	for _, change := range []string{"UPDATE tenon.events SET actor = 'x'", "DELETE FROM tenon.events", "TRUNCATE tenon.events"} {
		if _, err := db.Pool().ExecContext(t.Context(), change); err == nil || !strings.Contains(err.Error(), "only ever inserted into") {
			t.Errorf("%s: got %v, want a refusal", change, err)
		}
	}
}
