package tenon

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tenon-go/tenon/application/relaying"
)

// What TENON_RELAY may be.
const (
	relayExactlyOnce = "exactly-once"
	relayWatermill   = "watermill"
	relayNone        = "none" // something else forwards
)

// setting is a Setting with its way into a Config.
type setting struct {
	Setting

	set func(*Config, string) error // nil for a context's: read with Wiring.Setting
}

func (s setting) apply(cfg *Config, text string) error {
	if s.Check != nil {
		if err := s.Check(text); err != nil {
			return err
		}
	}
	if s.set == nil {
		return nil
	}
	return s.set(cfg, text)
}

// shown returns text as it may be printed.
func (s setting) shown(text string) string {
	switch {
	case !s.Secret || text == "":
		return text
	case strings.HasSuffix(s.Name, "_URL"), strings.HasSuffix(s.Name, "_REPOSITORY"):
		return masked(text)
	}
	return hidden
}

const hidden = "***"

// masked hides the password of a URL; what is no URL is hidden whole.
func masked(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return hidden
	}
	q := u.Query()
	for name := range q {
		if strings.Contains(strings.ToLower(name), "password") {
			q.Set(name, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

// allSettings returns the kernel's settings, then those of the contexts.
func allSettings(contexts []Context) []setting {
	all := slices.Concat(kernelSettings(), projectionSettings(), kafkaSettings())
	for _, c := range contexts {
		for _, s := range c.Settings {
			all = append(all, setting{Setting: s})
		}
	}
	return all
}

func kernelSettings() []setting {
	return []setting{
		{Setting{configFile, "", "file of NAME=value lines; the environment wins over it", false, nil}, nil},
		{
			Setting{"TENON_HTTP_ADDR", "127.0.0.1:8080", "host:port the API listens on; port 0 takes a free one", false, checkAddr},
			func(c *Config, v string) error { c.HTTPAddr = v; return nil },
		},
		{
			Setting{"TENON_DATA_DIR", ".tenon", "directory of embedded PostgreSQL and Kafka, kept between runs", false, nil},
			func(c *Config, v string) error { c.DataDir = v; return nil },
		},
		{
			Setting{"TENON_DATABASE_URL", "", "postgres://user:password@host:port/database; empty: embedded PostgreSQL", true, checkDatabaseURL},
			func(c *Config, v string) error { c.DatabaseURL = v; return nil },
		},
		number("TENON_DATABASE_CONNECTIONS", "20", "most connections to PostgreSQL, 4 to 1000", 4, 1000, func(c *Config, n int) { c.DatabaseConns = n }),
		{
			Setting{"TENON_KAFKA_BROKERS", "", "host:port, comma separated; empty: embedded Kafka", false, nil},
			func(c *Config, v string) (err error) { c.KafkaBrokers, err = addresses(v); return err },
		},
		{
			Setting{"TENON_MAVEN_REPOSITORY", "", "URL of a Maven repository to fetch PostgreSQL from if neither it nor Maven is installed", true, nil},
			func(c *Config, v string) error { c.MavenRepository = v; return nil },
		},
		number("TENON_POSTGRES_PORT", "0", "port of embedded PostgreSQL; 0: a free one, the same again if it can be had", 0, 65535, func(c *Config, n int) { c.PostgresPort = n }),
		number("TENON_KAFKA_PORT", "0", "port of embedded Kafka; 0: a free one, the same again if it can be had", 0, 65535, func(c *Config, n int) { c.KafkaPort = n }),
		number("TENON_TOPIC_PARTITIONS", "3", "partitions of topics that are made, 1 to 1000", 1, 1000, func(c *Config, n int) { c.Partitions = n }),
		number("TENON_TOPIC_REPLICATION", "0", "replicas of topics that are made; 0: the broker's default", 0, 100, func(c *Config, n int) { c.Replication = n }),
		{
			Setting{
				"TENON_RELAY", relayExactlyOnce,
				"exactly-once; watermill: Watermill's forwarder, at least once; none: something else forwards the log, such as Debezium", false,
				oneOf(relayExactlyOnce, relayWatermill, relayNone),
			},
			func(c *Config, v string) error { c.Relay = v; return nil },
		},
		{
			Setting{"TENON_DEBEZIUM_SLOT", "tenon_outbox", "replication slot of the connector that reads the log with TENON_RELAY=none", false, checkSlot},
			func(c *Config, v string) error { c.DebeziumSlot = v; return nil },
		},
		number("TENON_RELAY_LANES", "1", "lanes that a new log is divided into, 1 to 64; `tenon relay lanes` changes them later", 1, relaying.MaxLanes,
			func(c *Config, n int) { c.RelayLanes = n }),
		duration("TENON_RELAY_LEASE", "10s", "how long a relay that died keeps its lanes; 0: 10s", func(c *Config, d time.Duration) { c.RelayLease = d }),
		{
			Setting{
				"TENON_RELAY_CLOUDEVENTS", "", "ce_source of CloudEvents headers beside Tenon's own (exactly-once), such as /shop; empty: none", false,
				checkSource,
			},
			func(c *Config, v string) error { c.CloudEvents = v; return nil },
		},
		duration("TENON_RELAY_LINGER", "0s", "how long the watermill relay's producer gathers records for a request; see docs/adr/0003",
			func(c *Config, d time.Duration) { c.RelayLinger = d }),
		{
			Setting{"TENON_READ_WAIT", "5s", "how long a request with Tenon-Token waits for a read model, where Prefer: wait=N doesn't say; 1ms to 24s", false, nil},
			func(c *Config, v string) (err error) {
				if c.ReadWait, err = time.ParseDuration(v); err != nil || c.ReadWait < time.Millisecond || c.ReadWait > 24*time.Second {
					return errors.New(`want a duration from 1ms to 24s such as "5s"`)
				}
				return nil
			},
		},
		{
			Setting{"TENON_ROLES", "api,relay,projections,handlers", "what runs in this process, comma separated: api, relay, projections, handlers", false, nil},
			func(c *Config, v string) (err error) { c.Roles, err = roles(v); return err },
		},
		{
			Setting{"TENON_MIGRATE", "auto", "auto: serve brings the database schemas up to date; off: it refuses to start behind them", false, oneOf("auto", "off")},
			func(c *Config, v string) error { c.Migrate = v == "auto"; return nil },
		},
		duration("TENON_STARTUP_TIMEOUT", "1m", "how long serve waits for PostgreSQL and Kafka; 0: for ever", func(c *Config, d time.Duration) { c.StartupTimeout = d }),
		duration("TENON_SHUTDOWN_TIMEOUT", "15s", "how long what is in hand may take when stopping", func(c *Config, d time.Duration) { c.ShutdownTimeout = d }),
		{
			Setting{"TENON_LOG_LEVEL", "info", "debug, info, warn or error", false, oneOf("debug", "info", "warn", "error")},
			func(c *Config, v string) error { return c.LogLevel.UnmarshalText([]byte(v)) },
		},
		{
			Setting{"TENON_LOG_FORMAT", "text", "text or json", false, oneOf("text", "json")},
			func(c *Config, v string) error { c.LogFormat = v; return nil },
		},
	}
}

func number(name, def, doc string, least, most int, set func(*Config, int)) setting {
	return setting{Setting{Name: name, Default: def, Doc: doc}, func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		set(c, n)
		return nil
	}}
}

func duration(name, def, doc string, set func(*Config, time.Duration)) setting {
	return setting{Setting{Name: name, Default: def, Doc: doc}, func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return errors.New(`want a duration from 0 such as "30s" or "2m"`)
		}
		set(c, d)
		return nil
	}}
}

func oneOf(allowed ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(allowed, v) {
			return nil
		}
		return fmt.Errorf("want %s", strings.Join(allowed, " or "))
	}
}

// checkSource refuses what is meant as a switch, and would be published as where events come from.
func checkSource(v string) error {
	if _, err := strconv.ParseBool(v); err == nil || slices.Contains([]string{"on", "off", "yes", "no"}, strings.ToLower(v)) {
		return errors.New(`want where events come from, such as "/shop" or "https://shop.example"`)
	}
	return nil
}

func checkAddr(v string) error {
	_, port, err := net.SplitHostPort(v)
	if n, convErr := strconv.Atoi(port); err != nil || convErr != nil || n < 0 || n > 65535 {
		return errors.New(`want host:port such as "127.0.0.1:8080"`)
	}
	return nil
}

func checkDatabaseURL(v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return errors.New("want postgres://user:password@host:port/database")
	}
	return nil
}

func addresses(v string) ([]string, error) {
	if v == "" {
		return nil, nil
	}
	var all []string
	for a := range strings.SplitSeq(v, ",") {
		a = strings.TrimSpace(a)
		if err := checkAddr(a); err != nil || strings.HasPrefix(a, ":") {
			return nil, errors.New(`want host:port, comma separated, such as "kafka1:9092,kafka2:9092"`)
		}
		all = append(all, a)
	}
	return all, nil
}

func roles(v string) ([]Role, error) {
	var all []Role
	for name := range strings.SplitSeq(v, ",") {
		r := Role(strings.TrimSpace(name))
		if !slices.Contains([]Role{RoleAPI, RoleRelay, RoleProjections, RoleHandlers}, r) {
			return nil, errors.New("want api, relay, projections, handlers, comma separated")
		}
		all = append(all, r)
	}
	return all, nil
}

// suggestion returns ": did you mean X?" when a setting differs from name by little, else nothing.
func suggestion(name string, settings []setting) string {
	best, at := 4, ""
	for _, s := range settings {
		if d := distance(name, s.Name); d < best {
			best, at = d, s.Name
		}
	}
	if at == "" {
		return "; `tenon config` lists them"
	}
	return fmt.Sprintf(": did you mean %s?", at)
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
