// Package debezium configures Debezium's connector for PostgreSQL so that it carries the log to Kafka in a relay's place.
//
// A [Connector] gives the settings: as a properties file for a standalone worker of Kafka Connect, as JSON for the REST API of a
// distributed one. Records have the topic, key, headers and value that the relays give them, with the exceptions that
// docs/debezium.md lists; a distributed worker with exactly-once support for sources sends each once, a standalone one at least
// once. The slot that the connector reads is made by postgres.Capture. No password is in a configuration, only where it is found.
package debezium

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Connector describes the connector. Zero values that have no default are refused.
type Connector struct {
	DatabaseURL string // postgres://host:port/database?sslmode=...; a password in it is not used
	User        string // empty: the URL's
	Password    string // where the worker finds it; empty: [DefaultPassword]
	Slot        string // of postgres.Capture
	Publication string // of postgres.Capture
	Columns     []string

	Partitions  int    // of topics that the connector makes
	Replication int    // of the same; 0: the broker's default
	CloudEvents string // ce_source; empty: no CloudEvents headers

	// Distributed demands exactly-once support of the worker, which a standalone one doesn't have.
	Distributed bool

	Heartbeat time.Duration // how often the slot moves on while nothing happens; 0: 10s
	Poll      time.Duration // how long a record waits at most for others; 0: 50ms
}

// DefaultPassword asks the worker's FileConfigProvider, named file, for a key of a file.
const DefaultPassword = "${file:/etc/tenon/debezium.properties:password}" //nolint:gosec // says where it is

// heartbeatPrefix marks the messages that the connector writes into the server's log to move its slot on. Nobody reads them.
const heartbeatPrefix = "tenon-heartbeat"

// Setting is one setting of the connector.
type Setting struct{ Name, Value string }

// Settings returns the settings in the order in which they are best read. The error names all that is missing or wrong.
func (c *Connector) Settings() ([]Setting, error) {
	database, err := c.database()
	if err != nil {
		return nil, err
	}
	all := []Setting{
		{"connector.class", "io.debezium.connector.postgresql.PostgresConnector"},
		{"tasks.max", "1"},
	}
	all = append(all, database...)
	all = append(all, c.source()...)
	all = append(all, c.router()...)
	all = append(all, c.cloudEvents()...)
	all = append(all,
		Setting{"topic.creation.default.partitions", strconv.Itoa(max(c.Partitions, 1))},
		Setting{"topic.creation.default.replication.factor", c.replication()},
	)
	if c.Distributed {
		all = append(all, Setting{"exactly.once.support", "required"})
	}
	return all, nil
}

func (c *Connector) replication() string {
	if c.Replication == 0 {
		return "-1"
	}
	return strconv.Itoa(c.Replication)
}

// database returns how the server is reached.
func (c *Connector) database() ([]Setting, error) {
	u, err := url.Parse(c.DatabaseURL)
	if err != nil {
		return nil, errors.New("database URL: it can't be read") // the error would show the password
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "5432"
	}
	user, password := c.User, c.Password
	if user == "" && u.User != nil {
		user = u.User.Username()
	}
	if password == "" {
		password = DefaultPassword
	}
	var errs []error
	want := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	want(host != "", "database URL: it names no host")
	want(strings.Trim(u.Path, "/") != "", "database URL: it names no database")
	want(user != "", "user: neither given nor in the database URL")
	want(c.Slot != "", "slot: it is missing")
	want(c.Publication != "", "publication: it is missing")
	want(len(c.Columns) > 0, "columns: none given")
	if _, _, err := net.SplitHostPort(net.JoinHostPort(host, port)); err != nil {
		errs = append(errs, fmt.Errorf("database URL: %w", err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return append([]Setting{
		{"database.hostname", host},
		{"database.port", port},
		{"database.user", user},
		{"database.password", password},
		{"database.dbname", strings.Trim(u.Path, "/")},
	}, tls(u.Query())...), nil
}

// tls returns the URL's parameters about TLS under the connector's names for them. lib/pq takes require where none is given, and
// certificates as files in PEM; the connector's driver wants the key in PKCS-8 DER.
func tls(q url.Values) []Setting {
	mode := q.Get("sslmode")
	if mode == "" {
		mode = "require"
	}
	all := []Setting{{"database.sslmode", mode}}
	for _, p := range [][2]string{{"sslrootcert", "database.sslrootcert"}, {"sslcert", "database.sslcert"}, {"sslkey", "database.sslkey"}} {
		if v := q.Get(p[0]); v != "" {
			all = append(all, Setting{p[1], v})
		}
	}
	return all
}

// source returns what is read.
func (c *Connector) source() []Setting {
	heartbeat, poll := c.Heartbeat, c.Poll
	if heartbeat == 0 {
		heartbeat = 10 * time.Second
	}
	if poll == 0 {
		poll = 50 * time.Millisecond
	}
	columns := make([]string, len(c.Columns))
	for i, name := range c.Columns {
		columns[i] = "tenon.events." + name
	}
	return []Setting{
		{"topic.prefix", "tenon"},
		{"plugin.name", "pgoutput"},
		{"slot.name", c.Slot},
		{"publication.name", c.Publication},
		{"publication.autocreate.mode", "disabled"},
		{"table.include.list", "tenon.events"},
		{"column.include.list", strings.Join(columns, ",")},
		// The slot was made before: what it holds is sent, nothing else is read, also when the offsets are lost.
		{"snapshot.mode", "no_data"},
		{"tombstones.on.delete", "false"},
		{"extended.headers.enabled", "false"},
		{"poll.interval.ms", strconv.FormatInt(poll.Milliseconds(), 10)},
		{"heartbeat.interval.ms", strconv.FormatInt(heartbeat.Milliseconds(), 10)},
		{"heartbeat.action.query", "SELECT pg_logical_emit_message(true, '" + heartbeatPrefix + "', '')"},
		{"message.prefix.exclude.list", heartbeatPrefix},
		{"key.converter", "org.apache.kafka.connect.storage.StringConverter"},
		{"value.converter", "org.apache.kafka.connect.storage.StringConverter"},
		{"header.converter", "org.apache.kafka.connect.storage.StringConverter"},
	}
}

// router returns the transforms that make a record of a row: Debezium's outbox event router.
func (c *Connector) router() []Setting {
	transforms := "outbox,drop"
	if c.CloudEvents != "" {
		transforms = "specversion,lift,outbox,drop,source,contenttype"
	}
	return []Setting{
		{"transforms", transforms},
		{"transforms.outbox.type", "io.debezium.transforms.outbox.EventRouter"},
		{"transforms.outbox.route.by.field", "topic"},
		{"transforms.outbox.route.topic.replacement", "${routedByValue}"},
		{"transforms.outbox.table.field.event.id", "event_id"},
		{"transforms.outbox.table.field.event.key", "aggregate_id"},
		{"transforms.outbox.table.field.event.payload", "payload"},
		{"transforms.outbox.table.fields.additional.placement", c.placement()},
		// The router's own header, beside ours with the same value.
		{"transforms.drop.type", "org.apache.kafka.connect.transforms.DropHeaders"},
		{"transforms.drop.headers", "id"},
	}
}

// placement says which column becomes which header, in the order of the relays' headers: their names are the columns'.
func (c *Connector) placement() string {
	var all []string
	for _, h := range relaying.Headers(&eventlog.Record{}) {
		all = append(all, strings.ReplaceAll(h.Name, "-", "_")+":header:"+h.Name)
	}
	all = append(all, "event_id:header:"+relaying.HeaderMessageID)
	if c.CloudEvents != "" {
		all = append(all, "event_id:header:ce_id", "event_type:header:ce_type", "recorded_at:header:ce_time", "aggregate_id:header:ce_subject")
	}
	return strings.Join(all, ",")
}

// cloudEvents returns the transforms for the headers that are no columns.
func (c *Connector) cloudEvents() []Setting {
	if c.CloudEvents == "" {
		return nil
	}
	insert := func(name, header, value string) []Setting {
		return []Setting{
			{"transforms." + name + ".type", "org.apache.kafka.connect.transforms.InsertHeader"},
			{"transforms." + name + ".header", header},
			{"transforms." + name + ".value.literal", value},
		}
	}
	// InsertHeader takes 1.0 for a number and writes 1. A field that is inserted before the router and moved is a text.
	all := []Setting{
		{"transforms.specversion.type", "org.apache.kafka.connect.transforms.InsertField$Value"},
		{"transforms.specversion.static.field", "specversion"},
		{"transforms.specversion.static.value", "1.0"},
		{"transforms.lift.type", "org.apache.kafka.connect.transforms.HeaderFrom$Value"},
		{"transforms.lift.fields", "specversion"},
		{"transforms.lift.headers", "ce_specversion"},
		{"transforms.lift.operation", "move"},
	}
	all = append(all, insert("source", "ce_source", c.CloudEvents)...)
	return append(all, insert("contenttype", "content-type", "application/json")...)
}
