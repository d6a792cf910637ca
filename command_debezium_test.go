package tenon_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
)

// shipped compares got with a file that users take. TENON_UPDATE=1 writes the file.
func shipped(t testing.TB, path, got string) {
	t.Helper()
	path = filepath.FromSlash(path)
	if os.Getenv("TENON_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path) //nolint:gosec // a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

const shopURL = "postgres://shop:hunter2@db:5432/shop?sslmode=verify-full&sslrootcert=/etc/tenon/ca.pem"

func TestDebeziumConfigIsWhatIsShippedWithoutAPassword(t *testing.T) {
	for _, c := range []struct {
		file    string
		environ []string
		args    []string
	}{
		{"deploy/debezium/connector.properties", nil, nil},
		{"deploy/debezium/connector.json", nil, []string{"--json"}},
		{
			"testdata/debezium_config.json",
			[]string{
				"TENON_RELAY_CLOUDEVENTS=/shop \"1\"", "TENON_TOPIC_PARTITIONS=12", "TENON_TOPIC_REPLICATION=3", "TENON_DEBEZIUM_SLOT=shop_outbox",
				"TENON_KAFKA_BROKERS=a:1", "TENON_KAFKA_SASL=PLAIN", "TENON_KAFKA_USER=me", "TENON_KAFKA_PASSWORD=hunter3",
				"TENON_DATABASE_URL=postgres://shop:hunter2@db/shop?sslcert=/c.pem&sslkey=/k.pem&sslpassword=hunter4",
			},
			[]string{"--json", "--user", "reader", "--password", "${env:DEBEZIUM_PASSWORD}"},
		},
	} {
		environ := append([]string{"TENON_DATABASE_URL=" + shopURL, "TENON_RELAY=none"}, c.environ...)
		status, out, errOut := execute(t, environ, append([]string{"debezium", "config"}, c.args...)...)
		if status != 0 || errOut != "" || strings.Contains(out, "hunter") {
			t.Errorf("%s: status %d, said %q", c.file, status, out+errOut)
		}
		if strings.HasSuffix(c.file, ".json") && !json.Valid([]byte(out)) {
			t.Errorf("%s is no JSON", c.file)
		}
		shipped(t, c.file, out)
	}
}

func TestDebeziumConfigSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		environ []string
		args    []string
		status  int
		says    string
	}{
		{nil, []string{"config"}, 1, "TENON_DATABASE_URL isn't set"},
		{[]string{"TENON_DATABASE_URL=" + shopURL, "TENON_DEBEZIUM_SLOT=My Slot"}, []string{"config"}, 2, "TENON_DEBEZIUM_SLOT (environment): want 1 to 63 of a-z"},
		{[]string{"TENON_DATABASE_URL=" + shopURL}, []string{"config", "x"}, 2, "unknown command"},
	} {
		status, out, errOut := execute(t, c.environ, append([]string{"debezium"}, c.args...)...)
		if status != c.status || out != "" || !strings.Contains(errOut, c.says) {
			t.Errorf("%v: status %d, said %q; want %d and %q", c.args, status, out+errOut, c.status, c.says)
		}
	}
}

// A slot from its beginning to its end, as the guide has it.
func TestDebeziumCommands(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Server(t, embeddedtest.Parameter("wal_level", "logical")).URL()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	_, err = db.Pool().Exec(`INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type, payload)
		VALUES (now(), 1, gen_random_uuid(), 1, 0, 't', 'thing', 'a', 'thing.made', '{}')`)
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"TENON_DATABASE_URL=" + url, "TENON_RELAY=none"}
	for _, step := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"relay", "status"}, 0, "TENON_RELAY=none: no relay runs here and there is no replication slot: something else must forward the log"},
		{[]string{"debezium", "status"}, 1, "no replication slot tenon_outbox on this database: `tenon debezium setup` makes it"},
		{[]string{"debezium", "wait"}, 1, "no replication slot tenon_outbox"},
		{[]string{"debezium", "setup"}, 0, "replication slot tenon_outbox is made"},
		{[]string{"debezium", "setup"}, 0, "is there already"},
		{[]string{"debezium", "setup"}, 0, "1 events from before it were not sent by a relay"},
		{[]string{"debezium", "status"}, 0, "nobody reads it"},
		{[]string{"debezium", "status", "--json"}, 0, `"unsentFromBefore": 1`},
		{[]string{"debezium", "wait", "--timeout", "1ms"}, 1, "wait for the reader of replication slot tenon_outbox"},
		{[]string{"relay", "status"}, 0, "TENON_RELAY=none: no relay runs here. replication slot tenon_outbox: nobody reads it"},
		{[]string{"relay", "status"}, 0, "1 events from before it were never sent"},
		{[]string{"relay", "status", "--json"}, 0, `"slot": "tenon_outbox"`},
		{[]string{"debezium", "remove"}, 0, "there is no replication slot"},
		{[]string{"debezium", "remove"}, 0, "there is no replication slot"},
		{[]string{"debezium", "status"}, 1, "no replication slot"},
	} {
		status, out, errOut := execute(t, environ, step.args...)
		if status != step.status || !strings.Contains(out+errOut, step.says) {
			t.Errorf("%v: status %d, said %q; want %d and %q", step.args, status, out+errOut, step.status, step.says)
		}
	}
}
