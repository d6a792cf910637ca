package tenon_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon"
)

func shopContext() tenon.Context {
	return tenon.Context{Name: "shop", Settings: []tenon.Setting{{
		Name: "TENON_SHOP_LIMIT", Default: "10", Doc: "a number", Check: func(v string) error {
			if v == "many" {
				return errors.New("want a number")
			}
			return nil
		},
	}}}
}

func TestDefaults(t *testing.T) {
	cfg, err := tenon.LoadConfig(nil, shopContext())
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		Addr, Dir, URL, Relay string
		Brokers               []string
		Roles                 []tenon.Role
		Startup               time.Duration
	}
	got := shown{cfg.HTTPAddr, cfg.DataDir, cfg.DatabaseURL, cfg.Relay, cfg.KafkaBrokers, cfg.Roles, cfg.StartupTimeout}
	want := shown{
		"127.0.0.1:8080", ".tenon", "", "exactly-once", nil,
		[]tenon.Role{tenon.RoleAPI, tenon.RoleRelay, tenon.RoleProjections, tenon.RoleHandlers},
		time.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWrongSettingsAreAllReportedWithWhatIsAllowed(t *testing.T) {
	_, err := tenon.LoadConfig([]string{
		"TENON_HTTP_ADDR=8080", "TENON_DATABASE_URL=mysql://root:hunter2@db/x", "TENON_KAFKA_BROKERS=kafka", "TENON_RELAY=fast",
		"TENON_ROLES=api,cook", "TENON_LOG_LEVEL=loud", "TENON_LOG_FORMAT=xml", "TENON_STARTUP_TIMEOUT=soon",
		"TENON_DATABASE_CONNECTIONS=2", "TENON_TOPIC_PARTITIONS=0", "TENON_SHOP_LIMIT=many", "TENON_HTPP_ADDR=127.0.0.1:1",
		"TENON_KAFKA_PORT=70000", "TENON_MIGRATE=maybe", "TENON_ELEPHANTS=3", "TENON_RELAY_CLOUDEVENTS=true", "PATH=/bin",
	}, shopContext())
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`TENON_HTTP_ADDR (environment): want host:port such as "127.0.0.1:8080", not "8080"`,
		`TENON_DATABASE_URL (environment): want postgres://user:password@host:port/database, not "mysql://root:xxxxx@db/x"`,
		`TENON_KAFKA_BROKERS (environment): want host:port, comma separated, such as "kafka1:9092,kafka2:9092", not "kafka"`,
		`TENON_RELAY (environment): want exactly-once or watermill or none, not "fast"`,
		`TENON_ROLES (environment): want api, relay, projections, handlers, comma separated, not "api,cook"`,
		`TENON_LOG_LEVEL (environment): want debug or info or warn or error, not "loud"`,
		`TENON_LOG_FORMAT (environment): want text or json, not "xml"`,
		`TENON_STARTUP_TIMEOUT (environment): want a duration from 0 such as "30s" or "2m", not "soon"`,
		`TENON_DATABASE_CONNECTIONS (environment): want a whole number from 4 to 1000, not "2"`,
		`TENON_TOPIC_PARTITIONS (environment): want a whole number from 1 to 1000, not "0"`,
		`TENON_KAFKA_PORT (environment): want a whole number from 0 to 65535, not "70000"`,
		`TENON_MIGRATE (environment): want auto or off, not "maybe"`,
		`TENON_RELAY_CLOUDEVENTS (environment): want where events come from, such as "/shop" or "https://shop.example", not "true"`,
		`TENON_SHOP_LIMIT (environment): want a number, not "many"`,
		`TENON_HTPP_ADDR (environment): there is no such setting: did you mean TENON_HTTP_ADDR?`,
		"TENON_ELEPHANTS (environment): there is no such setting; `tenon config` lists them",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password is in the error:\n%v", err)
	}
}

func TestSettingsOfKafkasSecurityMustFitTogether(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"TENON_KAFKA_TLS=on"}, "the embedded broker has neither: set TENON_KAFKA_BROKERS"},
		{[]string{"TENON_KAFKA_BROKERS=a:1", "TENON_KAFKA_CA=ca.pem"}, "TENON_KAFKA_CA: it needs TENON_KAFKA_TLS=on"},
		{[]string{"TENON_KAFKA_BROKERS=a:1", "TENON_KAFKA_TLS=on", "TENON_KAFKA_CERT=c.pem"}, "TENON_KAFKA_CERT, TENON_KAFKA_KEY: want both"},
		{[]string{"TENON_KAFKA_BROKERS=a:1", "TENON_KAFKA_SASL=PLAIN", "TENON_KAFKA_USER=u"}, "TENON_KAFKA_PASSWORD: TENON_KAFKA_SASL needs it"},
		{[]string{"TENON_KAFKA_BROKERS=a:1", "TENON_KAFKA_SASL=PLAIN"}, "TENON_KAFKA_USER: TENON_KAFKA_SASL needs it"},
		{[]string{"TENON_KAFKA_BROKERS=a:1", "TENON_KAFKA_PASSWORD=hunter2"}, "TENON_KAFKA_PASSWORD: it needs TENON_KAFKA_SASL"},
		{[]string{"TENON_KAFKA_BROKERS=a:1", "TENON_KAFKA_SASL=LOGIN"}, "SCRAM-SHA-512"},
	} {
		_, err := tenon.LoadConfig(c.env)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: error %v, want %q and no password", c.env, err, c.want)
		}
	}
}

func TestEnvironmentWinsOverFileAndFileOverDefault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenon.env")
	text := "# settings\n\nTENON_LOG_LEVEL=warn\nTENON_HTTP_ADDR = \"127.0.0.1:9\"\nTENON_KAFKA_BROKERS=a:1, b:2\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := tenon.LoadConfig([]string{"TENON_CONFIG=" + path, "TENON_HTTP_ADDR=127.0.0.1:10", "TENON_RELAY="})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.HTTPAddr != "127.0.0.1:10" || cfg.LogLevel.String() != "WARN" || cfg.Relay != "exactly-once" {
		t.Errorf("address %q, level %v, relay %q; want the environment's, the file's, the default", cfg.HTTPAddr, cfg.LogLevel, cfg.Relay)
	}
	if diff := cmp.Diff([]string{"a:1", "b:2"}, cfg.KafkaBrokers); diff != "" {
		t.Error(diff)
	}
}

func TestWrongFilesAreReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenon.env")
	if err := os.WriteFile(path, []byte("TENON_LOG_LEVEL=warn\nnonsense\nTENON_RELAY=fast\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want []string
	}{
		{path, []string{path + " line 2: want NAME=value", "TENON_RELAY (" + path + " line 3): want exactly-once or watermill or none"}},
		{filepath.Join(t.TempDir(), "none"), []string{"TENON_CONFIG: no file"}},
	} {
		_, err := tenon.LoadConfig([]string{"TENON_CONFIG=" + c.path})
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v: want %q", err, want)
			}
		}
	}
}

func FuzzLoadConfig(f *testing.F) {
	f.Add("TENON_HTTP_ADDR", ":")
	f.Add("TENON_DATABASE_URL", "postgres://%zz")
	f.Add("TENON_KAFKA_BROKERS", ",,")
	f.Add("TENON_ROLES", "")
	f.Fuzz(func(t *testing.T, name, text string) {
		cfg, err := tenon.LoadConfig([]string{name + "=" + text})
		if err == nil && (cfg.HTTPAddr == "" || len(cfg.Roles) == 0 || cfg.Partitions < 1) {
			t.Errorf("%s=%q was taken and gave %+v", name, text, cfg)
		}
	})
}
