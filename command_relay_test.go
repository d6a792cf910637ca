package tenon_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestRelayCommandsRefuseWrongArguments(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"retry order":       "got 1 arguments, want an aggregate type and an id",
		"retry order 1 2":   "got 3 arguments",
		"retry":             "got 0 arguments",
		"retry --all order": "want either a key or --all",
		"skip order o-1":    "reason is missing",
		"skip order":        "got 1 arguments",
		"lanes":             "want the number of lanes",
		"lanes 0":           `"0" lanes: want a whole number from 1 to 64`,
		"lanes 65":          `"65" lanes: want a whole number from 1 to 64`,
		"lanes many":        `"many" lanes`,
		"status x":          `unknown command "x"`,
	} {
		status, _, errOut := execute(t, nil, append([]string{"relay"}, strings.Fields(args)...)...)
		if status != 2 || !strings.Contains(errOut, says) {
			t.Errorf("%s: status %d, said %q; want 2 and %q", args, status, errOut, says)
		}
	}
}

// What is shown can be given as arguments, also of messages, which have no aggregate.
func TestParkedMessageIsShownAsArguments(t *testing.T) {
	t.Parallel()
	url := relayDatabase(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Pool().Exec(`UPDATE tenon.relay_parked SET aggregate_type = '', aggregate_id = 'it''s 1'`); err != nil {
		t.Fatal(err)
	}
	environ := []string{"TENON_DATABASE_URL=" + url, "TENON_RELAY=none"}
	for _, args := range [][]string{{"parked"}, {"retry", "", "it's 1"}, {"requests"}} {
		status, out, errOut := execute(t, environ, append([]string{"relay"}, args...)...)
		if shown := strings.Join(strings.Fields(out), " "); status != 0 || !strings.Contains(shown, `'' 'it'\''s 1'`) {
			t.Errorf("%v: status %d, said %q, %q", args, status, out, errOut)
		}
	}
}

// relayDatabase is a database with two lanes of which lane 0 has a parked key, thing b-0.
func relayDatabase(t *testing.T) string {
	t.Helper()
	url := embeddedtest.Database(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.NewRelayMembers(db).Beat(t.Context(), "node-a", 1, 1<<40); err != nil {
		t.Fatal(err)
	}
	log, err := db.LogIdentity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	board, err := postgres.NewRelayBoard(db, postgres.RelayBoardConfig{})
	if err != nil {
		t.Fatal(err)
	}
	err = board.Report(t.Context(), []relaying.Report{{
		Node: "node-a", Progress: relaying.Progress{Log: log, Timeline: "t", Epoch: 1, Lane: relaying.Lane{Of: 1}, Batches: 12},
		Commit: 12345 * time.Microsecond, ParkedChanged: true, Parked: []relaying.Parked{{
			Key: relaying.Key{AggregateType: "thing", AggregateID: "b-0"}, Position: 1, Event: uuid.Max, Topic: "t", Reason: "too large", Attempts: 1,
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func TestRelayCommands(t *testing.T) {
	t.Parallel()
	environ := []string{"TENON_DATABASE_URL=" + relayDatabase(t), "TENON_RELAY=none"}
	for _, step := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"status"}, 0, "1 lanes of layout 1, 1 nodes"},
		{[]string{"status"}, 0, "node-a"},
		{[]string{"status"}, 0, "12.35ms"},
		{[]string{"parked"}, 0, "too large"},
		{[]string{"requests"}, 0, "nobody has asked"},
		{[]string{"retry", "thing", "x"}, 1, "nothing is parked under this key; `tenon relay parked` lists"},
		{[]string{"skip", "thing", "b-0", "--reason", "a picture", "--by", "anna"}, 0, "request 1: skip thing b-0"},
		{[]string{"skip", "thing", "b-0", "--why", "a picture"}, 1, "request 1 (skip, by anna) is open"},
		{[]string{"retry", "thing", "b-0"}, 1, "request 1 (skip, by anna) is open"},
		{[]string{"retry", "--all"}, 0, "nothing to retry"},
		{[]string{"requests"}, 0, "a picture"},
		{[]string{"lanes", "1"}, 1, "that is the number in force"},
		{[]string{"lanes", "4"}, 0, "change to 4 lanes in the background"},
		{[]string{"lanes", "8"}, 1, "a change from 1 to 4 lanes is under way"},
		{[]string{"status"}, 0, "changing to 4 lanes: 0 have stopped"},
	} {
		status, out, errOut := execute(t, environ, append([]string{"relay"}, step.args...)...)
		if status != step.status || !strings.Contains(out+errOut, step.says) {
			t.Errorf("%v: status %d, said %q; want %d and %q", step.args, status, out+errOut, step.status, step.says)
		}
	}
	_, out, _ := execute(t, environ, "relay", "status", "--json")
	var got struct {
		ChangingTo int
		Lanes      []struct {
			Owner         string
			Batches       int
			CommitSeconds float64
			ParkedKeys    int
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.ChangingTo != 4 || len(got.Lanes) != 1 || got.Lanes[0].Owner != "node-a" ||
		got.Lanes[0].Batches != 12 || got.Lanes[0].CommitSeconds != 0.012345 || got.Lanes[0].ParkedKeys != 1 {
		t.Errorf("JSON %s, error %v", out, err)
	}
}

func TestRelayStatusOfWatermill(t *testing.T) {
	t.Parallel()
	environ := []string{"TENON_DATABASE_URL=" + relayDatabase(t), "TENON_RELAY=watermill"}
	status, out, errOut := execute(t, environ, "relay", "status")
	if status != 0 || !strings.Contains(out, "TENON_RELAY=watermill: it has sent nothing yet") {
		t.Errorf("status %d, %q, %q", status, out, errOut)
	}
}
