package tenon_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestRebaseRefusesWrongArguments(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"--to is missing: want copy, now or start": {"--reason", "x"},
		`--to is "there": want copy, now or start`: {"--to", "there", "--reason", "x"},
		"reason is missing":                        {"--to", "now"},
		"who decides is missing":                   {"--to", "now", "--reason", "x", "--by", ""},
		`unknown command "x"`:                      {"x", "--to", "now", "--reason", "y"},
	} {
		status, _, errOut := execute(t, nil, append([]string{"relay", "rebase"}, args...)...)
		if status != 2 || !strings.Contains(errOut, says) {
			t.Errorf("%v: status %d, said %q; want 2 and %q", args, status, errOut, says)
		}
	}
}

// lostProgress is a database whose only lane has a copy of its progress, after which two events were recorded.
func lostProgress(t *testing.T) string {
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
	if _, err := postgres.NewRelayMembers(db).Beat(t.Context(), "node-a", 1, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	log := postgres.NewLaneLog(db)
	id, err := log.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end, err := log.Freeze(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	board, err := postgres.NewRelayBoard(db, postgres.RelayBoardConfig{})
	if err != nil {
		t.Fatal(err)
	}
	p := relaying.Progress{Log: id.Log, Timeline: id.Timeline, Epoch: 1, Lane: relaying.Lane{Of: 1}, Cursor: end, Batches: 12}
	if err := board.Report(t.Context(), []relaying.Report{{Node: "node-a", Progress: p}}); err != nil {
		t.Fatal(err)
	}
	if err := relaytest.Append(t.Context(), db, relaytest.Event("a", 1), relaytest.Event("a", 2)); err != nil {
		t.Fatal(err)
	}
	return url
}

func TestRebaseCommand(t *testing.T) {
	t.Parallel()
	url := lostProgress(t)
	environ := []string{"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + embeddedtest.Broker(t)}
	for i, step := range []struct {
		args string
		says []string
	}{
		{"--to copy", []string{"0     2           2                2", "was seen in layout 1 after 12 batches", "nothing was moved"}},
		{"--to now", []string{"was seen in layout 1 after 12 batches"}}, // so it wasn't
		{"--to now --yes", []string{"lane 0 goes on after 13 batches; newest event before it: position 2", "rebase 1 is done"}},
		{"--to start", []string{"0     stays       0                2", "lane 0: nothing is wrong"}},
	} {
		args := append([]string{"relay", "rebase", "--by", "anna", "--reason", "ticket 4711"}, strings.Fields(step.args)...)
		status, out, errOut := execute(t, environ, args...)
		for _, says := range step.says {
			if status != 0 || !strings.Contains(out, says) {
				t.Errorf("%d, %s: status %d, said %q, %q; want 0 and %q", i, step.args, status, out, errOut, says)
			}
		}
	}
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var got string
	const rows = `SELECT string_agg(concat_ws(' ', destination, decided_by, reason, outcome = '' AND done_at >= decided_at), ';') FROM tenon.relay_rebases`
	if err := db.QueryRowContext(t.Context(), rows).Scan(&got); err != nil || got != "now anna ticket 4711 t" {
		t.Errorf("recorded %q, %v", got, err)
	}
}

func TestRebaseNeedsARelayThatRan(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Database(t)
	environ := []string{"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + embeddedtest.Broker(t)}
	if status, _, errOut := execute(t, environ, "migrate"); status != 0 {
		t.Fatal(errOut)
	}
	status, _, errOut := execute(t, environ, "relay", "rebase", "--to", "now", "--reason", "x", "--by", "anna", "--yes")
	if status != 1 || !strings.Contains(errOut, "no relay of lanes has run on this log") {
		t.Errorf("status %d, said %q", status, errOut)
	}
}
