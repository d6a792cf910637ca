package tenon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon"
	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

// noted is an event that the projection of notesContext refuses when it says so.
type noted struct {
	Fail string `json:"fail"`
}

// notesContext has one projection, which writes a row for each event.
func notesContext() tenon.Context {
	return tenon.Context{Name: "notes", Wire: func(w *tenon.Wiring) error {
		application.Event[noted](w.Builder, "thing.noted", 1)
		w.Project(projection.Projection{
			Name: "notes", Version: 1, Topics: []string{"things"}, Types: []string{"thing.noted"},
			Apply: func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
				for _, e := range batch {
					if fail := e.Event.(noted).Fail; fail != "" {
						return errors.New(fail)
					}
					if _, err := postgres.SQL(tx).ExecContext(ctx, `INSERT INTO seen VALUES ($1)`, e.Position); err != nil {
						return postgres.Wrap(ctx, err)
					}
				}
				return nil
			},
		})
		return nil
	}}
}

// lettersDatabase is a database in which events 1 and 2 of thing a, 3 of thing b are parked; 1 and 3 are refused.
func lettersDatabase(t *testing.T) (url string, db *postgres.DB) {
	t.Helper()
	url = embeddedtest.Database(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool().Exec(`CREATE TABLE seen (n bigint)`); err != nil {
		t.Fatal(err)
	}
	var all []deadletter.Event
	for i, id := range []string{"a", "a", "b"} {
		r := eventlog.Record{
			ID: uuid.New(), Type: "thing.noted", SchemaVersion: 1, AggregateType: "thing", AggregateID: id, Version: domain.Version(i + 1), Position: int64(i + 1),
		}
		payload := `{"fail":"out of ink"}`
		if i == 1 {
			payload = `{}`
		}
		all = append(all, deadletter.Event{
			Key: deadletter.Key{
				Place: deadletter.Place{Projection: "notes", Version: 1, Topic: "things"}, AggregateType: "thing", AggregateID: id,
			},
			Offset: int64(i), Headers: relaying.Headers(&r), Payload: []byte(payload), EventID: r.ID, Type: r.Type,
			Failure: deadletter.Failure{Reason: deadletter.Refused, Error: "out of ink"}, ParkedAt: time.Now(),
		})
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(postgres.NewDeadLetters(db).Park(t.Context(), tx, all), tx.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	return url, db
}

func TestDeadLettersCommands(t *testing.T) {
	t.Parallel()
	url, db := lettersDatabase(t)
	environ := []string{"TENON_DATABASE_URL=" + url}
	for _, step := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"list"}, 0, "out of ink"},
		{[]string{"list", "--aggregate-id", "c"}, 0, "nothing is parked"},
		{[]string{"status"}, 0, "notes       1        2           3"},
		{[]string{"show", "1"}, 0, `"payload": "{\"fail\":\"out of ink\"}"`},
		{[]string{"show", "9"}, 1, "event 9: nothing is parked under this; `tenon deadletters list` shows"},
		{[]string{"replay", "2", "--by", "anna"}, 1, "thing a stays parked at event 1: projection notes version 1: out of ink"},
		{[]string{"edit", "1", "--payload", `{"a"`}, 0, "4 bytes now, which isn't JSON; apply"},
		{[]string{"edit", "1", "--payload", `{}`, "--by", "anna", "--why", "a new pen"}, 0, "event 1 has a payload of 2 bytes now"},
		{[]string{"show", "1", "--payload"}, 0, `{}`},
		{[]string{"show", "1"}, 0, `"edited": "{}"`},
		{[]string{"replay", "--event-type", "thing.noted", "--by", "anna"}, 1, "2 events of 2 aggregates were applied"},
		{[]string{"replay", "9"}, 1, "event 9: nothing is parked"},
		{[]string{"discard", "3", "--reason", "a blot", "--by", "bob"}, 0, "event 3 is discarded"},
		{[]string{"replay", "--all"}, 0, "0 events of 0 aggregates"},
		{[]string{"list"}, 0, "nothing is parked"},
		{[]string{"history"}, 0, `bob   "a blot"`},
	} {
		var out, errOut bytes.Buffer
		status := tenon.Execute(t.Context(), append([]string{"deadletters"}, step.args...), environ, tenon.Streams{Out: &out, Err: &errOut}, notesContext())
		if said := out.String() + errOut.String(); status != step.status || !strings.Contains(said, step.says) {
			t.Errorf("%v: status %d, said %q; want %d and %q", step.args, status, said, step.status, step.says)
		}
	}
	var seen []int64
	if err := db.Pool().SelectContext(t.Context(), &seen, `SELECT n FROM seen ORDER BY n`); err != nil || fmt.Sprint(seen) != "[1 2]" {
		t.Errorf("applied %v, %v, want 1 and 2", seen, err)
	}
}

func TestDeadLettersCommandsRefuseWrongArguments(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"show":                  "got 0 arguments, want an event's id",
		"show x":                `"x" isn't an event's id`,
		"replay":                "got 0 arguments",
		"replay 1 --all":        "want either an event's id, or a filter, or --all",
		"replay 1 --topic t":    "want either an event's id, or a filter, or --all",
		"replay 1 --reason x":   "why you replay is --why",
		"edit 1":                "want either --payload or --file",
		"discard 1":             "why is missing",
		"edit x --payload {}":   `"x" isn't an event's id`,
		"list --reason-of-life": "unknown flag",
	} {
		status, _, errOut := execute(t, nil, append([]string{"deadletters"}, strings.Fields(args)...)...)
		if status != 2 || !strings.Contains(errOut, says) {
			t.Errorf("%s: status %d, said %q; want 2 and %q", args, status, errOut, says)
		}
	}
}
