package tenon_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tenon-go/tenon"
)

// execute runs a command line and returns its status and what it printed.
func execute(t testing.TB, environ []string, args ...string) (status int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	status = tenon.Execute(t.Context(), args, environ, tenon.Streams{Out: &o, Err: &e}, shopContext())
	return status, o.String(), e.String()
}

func TestHelpNamesEveryCommand(t *testing.T) {
	status, out, _ := execute(t, nil, "--help")
	for _, want := range []string{"serve", "migrate", "events", "relay", "debezium", "deadletters", "log", "config", "version"} {
		if !strings.Contains(out, "\n  "+want) {
			t.Errorf("help doesn't name %s", want)
		}
	}
	if status != 0 {
		t.Errorf("status %d, want 0", status)
	}
}

func TestWrongUsageEndsWithStatusTwo(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		says    string
	}{
		{"unknown command", nil, []string{"sevre"}, `unknown command "sevre"`},
		{"unknown flag", nil, []string{"serve", "--fast"}, "unknown flag: --fast"},
		{"extra argument", nil, []string{"config", "x"}, `unknown command "x"`},
		{"events without an id", nil, []string{"events", "order"}, "want an aggregate type and an id"},
		{"wrong setting", []string{"TENON_RELAY=fast"}, []string{"serve"}, "TENON_RELAY (environment): want exactly-once or watermill or none"},
		{"wrong role", nil, []string{"serve", "--roles", "cook"}, "want api, relay, projections, handlers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, errOut := execute(t, c.environ, c.args...)
			if status != 2 || !strings.Contains(errOut, c.says) {
				t.Errorf("status %d, said %q; want 2 and %q", status, errOut, c.says)
			}
		})
	}
}

func TestConfigPrintsWhatIsInForceWithPasswordsMasked(t *testing.T) {
	environ := []string{
		"TENON_DATABASE_URL=postgres://me:hunter2@db/shop?sslpassword=hunter3", "TENON_LOG_LEVEL=debug", "TENON_KAFKA_BROKERS=a:1",
		"TENON_KAFKA_SASL=PLAIN", "TENON_KAFKA_USER=me", "TENON_KAFKA_PASSWORD=a://hunter4",
	}
	status, out, errOut := execute(t, environ, "config")
	if status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	for _, want := range []string{"postgres://me:xxxxx@db/shop?sslpassword=xxxxx", "TENON_SHOP_LIMIT", "debug", "environment"} {
		if !strings.Contains(out, want) {
			t.Errorf("not printed: %s", want)
		}
	}
	_, asJSON, _ := execute(t, environ, "config", "--json")
	var values map[string]string
	if err := json.Unmarshal([]byte(asJSON), &values); err != nil {
		t.Fatal(err)
	}
	if values["TENON_LOG_LEVEL"] != "debug" || values["TENON_SHOP_LIMIT"] != "10" {
		t.Errorf("JSON has %v", values)
	}
	for _, text := range []string{out, asJSON} {
		if strings.Contains(text, "hunter") {
			t.Errorf("a password is printed:\n%s", text)
		}
	}
}

func TestVersionPrintsOneLine(t *testing.T) {
	status, out, _ := execute(t, nil, "version")
	if status != 0 || !strings.HasPrefix(out, "tenon ") || strings.Count(out, "\n") != 1 {
		t.Errorf("status %d, %q", status, out)
	}
}
