package tenon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// Config is everything that can be set from outside. [LoadConfig] reads it from the environment and a file; a program
// that builds it itself starts from LoadConfig too and changes fields.
type Config struct {
	HTTPAddr        string        // TENON_HTTP_ADDR
	DataDir         string        // TENON_DATA_DIR: data of embedded servers
	DatabaseURL     string        // TENON_DATABASE_URL; empty: embedded PostgreSQL
	DatabaseConns   int           // TENON_DATABASE_CONNECTIONS
	KafkaBrokers    []string      // TENON_KAFKA_BROKERS; empty: embedded Kafka
	Compression     string        // TENON_KAFKA_COMPRESSION of what is published
	KafkaSecurity   KafkaSecurity // TENON_KAFKA_TLS and the like
	PostgresPort    int           // TENON_POSTGRES_PORT of the embedded server; 0: a free one
	KafkaPort       int           // TENON_KAFKA_PORT of the embedded broker; 0: a free one
	MavenRepository string        // TENON_MAVEN_REPOSITORY: where embedded PostgreSQL may be fetched from
	Partitions      int           // TENON_TOPIC_PARTITIONS of topics that don't exist yet
	Replication     int           // TENON_TOPIC_REPLICATION of topics that don't exist yet; 0: the broker's default
	Relay           string        // TENON_RELAY: exactly-once, watermill, none
	DebeziumSlot    string        // TENON_DEBEZIUM_SLOT that a connector reads with TENON_RELAY=none
	RelayLanes      int           // TENON_RELAY_LANES that a new log is divided into
	RelayLease      time.Duration // TENON_RELAY_LEASE: how long a relay that died keeps its lanes
	CloudEvents     string        // TENON_RELAY_CLOUDEVENTS: ce_source; empty: no CloudEvents headers
	RelayLinger     time.Duration // TENON_RELAY_LINGER: how long the watermill relay's producer gathers records for a request
	Projections     string        // TENON_PROJECTIONS_SOURCE: kafka, log
	ParkUnknown     bool          // TENON_PROJECTIONS_UNKNOWN: whether projections park events of types that nothing registers
	InboxKeep       time.Duration // TENON_INBOX_KEEP: how long ids are remembered against repeats; 0: for ever
	AppliedKeep     time.Duration // TENON_APPLIED_KEEP: how long an aggregate's version is remembered against repeats; 0: for ever
	ProjectionLanes int           // TENON_PROJECTIONS_LANES: by how many readers of the log a projection is fed
	ReadWait        time.Duration // TENON_READ_WAIT: how long a read with a token waits, where it doesn't say
	Rebuild         bool          // TENON_PROJECTIONS_REBUILD: whether a changed version of a projection is built at the start
	Roles           []Role        // TENON_ROLES
	Migrate         bool          // TENON_MIGRATE: whether serve brings the schemas up to date
	StartupTimeout  time.Duration // TENON_STARTUP_TIMEOUT: how long serve waits for PostgreSQL and Kafka; 0: for ever
	ShutdownTimeout time.Duration // TENON_SHUTDOWN_TIMEOUT: how long what is in hand may take at the end
	LogLevel        slog.Level    // TENON_LOG_LEVEL
	LogFormat       string        // TENON_LOG_FORMAT: text, json

	values map[string]value // by setting name, of the kernel and of contexts
}

// Role is a part of the program that can run apart from the others.
type Role string

// The roles.
const (
	RoleAPI         Role = "api"         // HTTP ports
	RoleRelay       Role = "relay"       // log to Kafka
	RoleProjections Role = "projections" // Kafka to read models
	RoleHandlers    Role = "handlers"    // Kafka and log to the contexts' message handlers
)

// value is a setting in force, and where it came from.
type value struct {
	text   string
	source string // "default", "file", "environment"
}

// Setting is a setting of a context, "TENON_" before its name. The kernel's own are declared in the same way.
type Setting struct {
	Name    string             // "TENON_ORDER_CURRENCY"
	Default string             //
	Doc     string             // one line: what it does, unit, what is allowed
	Secret  bool               // shown only masked
	Check   func(string) error // nil: anything goes. The error says what is allowed.
}

// LoadConfig reads the settings of the kernel and of the contexts: the environment (os.Environ form) wins over the file
// that TENON_CONFIG names, the file over defaults. All problems come back joined, each with the setting's name, what
// was given and what is allowed; a TENON_ name that isn't a setting is one of them.
func LoadConfig(environ []string, contexts ...Context) (Config, error) {
	settings := allSettings(contexts)
	given := readEnviron(environ)
	var errs []error
	if path := given[configFile].text; path != "" {
		fromFile, err := readConfigFile(path)
		if err != nil {
			errs = append(errs, err)
		}
		for name, v := range fromFile {
			if _, ok := given[name]; !ok {
				given[name] = v
			}
		}
	}
	cfg := Config{values: make(map[string]value)}
	for _, s := range settings {
		v, ok := given[s.Name]
		if !ok {
			v = value{text: s.Default, source: "default"}
		}
		delete(given, s.Name)
		cfg.values[s.Name] = v
		if err := s.apply(&cfg, v.text); err != nil {
			errs = append(errs, fmt.Errorf("%s (%s): %w, not %q", s.Name, v.source, err, s.shown(v.text)))
		}
	}
	errs = append(errs, cfg.KafkaSecurity.check(cfg.KafkaBrokers)...)
	for name, v := range given {
		errs = append(errs, fmt.Errorf("%s (%s): there is no such setting%s", name, v.source, suggestion(name, settings)))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return cfg, errors.Join(errs...)
}

// configFile names the setting that names the file.
const configFile = "TENON_CONFIG"

func readEnviron(environ []string) map[string]value {
	given := make(map[string]value)
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		// Empty means not set, as container platforms write it.
		if strings.HasPrefix(name, "TENON_") && text != "" {
			given[name] = value{text: text, source: "environment"}
		}
	}
	return given
}

// readConfigFile reads NAME=value lines; empty lines and lines that start with # don't count.
func readConfigFile(path string) (map[string]value, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: no file %q", configFile, path)
		}
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	given := make(map[string]value)
	var errs []error
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, v, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			errs = append(errs, fmt.Errorf("%s line %d: want NAME=value", path, i+1))
			continue
		}
		given[name] = value{text: strings.Trim(strings.TrimSpace(v), `"`), source: fmt.Sprintf("%s line %d", path, i+1)}
	}
	return given, errors.Join(errs...)
}

// untilStarted bounds ctx by the time that servers may take to be there.
func (c Config) untilStarted(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.StartupTimeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.StartupTimeout,
		fmt.Errorf("not reached within %v (TENON_STARTUP_TIMEOUT)", c.StartupTimeout))
}
