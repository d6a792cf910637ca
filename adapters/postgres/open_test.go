package postgres_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

func TestOpenRefusesSettings(t *testing.T) {
	t.Parallel()
	const secret = "hun/ter2"
	for name, tt := range map[string]struct {
		cfg  postgres.Config
		want string
	}{
		"no URL":             {postgres.Config{}, "URL is empty: want postgres://"},
		"password unescaped": {postgres.Config{URL: "postgres://u:" + secret + "@h/d"}, "special characters in the password as %XX"},
		"other scheme":       {postgres.Config{URL: "mysql://u:hun@h/d"}, `scheme "mysql"`},
		"unknown ssl mode":   {postgres.Config{URL: "postgres://u:hun%2Fter2@h/d?sslmode=perhaps"}, "sslmode"},
		"password as option": {postgres.Config{URL: "postgres://h/d?sslmode=perhaps&password=hun%2Fter2"}, "sslmode"},
		"negative MaxConns":  {postgres.Config{URL: "postgres://h/d", MaxConns: -1}, "MaxConns is -1: want 1 or more"},
	} {
		_, err := postgres.Open(t.Context(), tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		} else if strings.Contains(err.Error(), "hun") {
			t.Errorf("%s: error %q holds the password", name, err)
		}
	}
}

func TestWaitReadyWaitsForServer(t *testing.T) {
	t.Parallel()
	server := embeddedtest.Server(t)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	db := openURL(t, server.URL())
	if err := db.Ping(t.Context()); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("ping of a dead server: %v, want ErrUnavailable", err)
	}
	done := make(chan error, 1)
	go func() { done <- db.WaitReady(t.Context()) }()
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWaitReadyEndsWithContext(t *testing.T) {
	t.Parallel()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	listener.Close() // nobody listens there now
	db := openURL(t, "postgres://u:secret@"+listener.Addr().String()+"/d?sslmode=disable")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- db.WaitReady(ctx) }()
	cancel()
	err := <-done
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want context.Canceled and no password", err)
	}
}

func TestWaitReadyGivesUpWhereWaitingIsOfNoUse(t *testing.T) {
	t.Parallel()
	base := embeddedtest.Database(t)
	wrong := base[:strings.LastIndex(base, "/")] + "/nosuch?sslmode=disable"
	for name, url := range map[string]string{"no such database": wrong, "no TLS": urlWith(t, base, "sslmode", "require")} {
		if err := openURL(t, url).WaitReady(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestEveryConnectionCommitsSynchronously(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	for given, want := range map[string]string{"off": "on", "local": "local", "on": "on"} {
		db := openURL(t, urlWith(t, url, "options", "-c synchronous_commit="+given))
		if got := queryValue[string](t, db, "SHOW synchronous_commit"); got != want {
			t.Errorf("synchronous_commit is %s where the server has %s, want %s", got, given, want)
		}
	}
}

func TestConnectionsCarryTheirName(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	for want, cfg := range map[string]postgres.Config{
		"tenon": {URL: url}, "from url": {URL: urlWith(t, url, "application_name", "from url")}, "relay": {URL: url, AppName: "relay"},
	} {
		if got := queryValue[string](t, openConfig(t, cfg), "SHOW application_name"); got != want {
			t.Errorf("application_name %q, want %q", got, want)
		}
	}
}

func TestStatementsArePreparedOncePerConnection(t *testing.T) {
	t.Parallel()
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 1})
	for range 3 {
		store(t, db, message("k"))
		queryValue[int](t, db, "SELECT $1::int", 1)
	}
	if n := queryValue[int](t, db, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%$1%'"); n != 2 {
		t.Errorf("%d statements prepared, want the append and the query", n)
	}
}

func TestStatementIsPreparedAnewWhenItsTableChanged(t *testing.T) {
	t.Parallel()
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 1})
	exec(t, db, "CREATE TABLE public.t (a int)")
	read := func() error {
		rows, err := db.Pool().QueryContext(t.Context(), "SELECT * FROM public.t WHERE $1 > 0", 1)
		if err != nil {
			return err
		}
		return errors.Join(rows.Err(), rows.Close())
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "ALTER TABLE public.t ADD b int")
	_ = read() // the server refuses the old statement
	if err := read(); err != nil {
		t.Errorf("after a change of its table the statement stays broken: %v", err)
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err, want error
	}{
		"bad connection":      {driver.ErrBadConn, eventlog.ErrUnavailable},
		"end of file":         {io.ErrUnexpectedEOF, eventlog.ErrUnavailable},
		"network":             {&net.OpError{Op: "dial", Err: errors.New("refused")}, eventlog.ErrUnavailable},
		"shutdown":            {&pq.Error{Code: "57P01"}, eventlog.ErrUnavailable},
		"starting":            {&pq.Error{Code: "57P03"}, eventlog.ErrUnavailable},
		"too many clients":    {&pq.Error{Code: "53300"}, eventlog.ErrUnavailable},
		"read-only":           {&pq.Error{Code: "25006"}, eventlog.ErrUnavailable},
		"serialization":       {&pq.Error{Code: "40001"}, eventlog.ErrTransient},
		"deadlock":            {&pq.Error{Code: "40P01"}, eventlog.ErrTransient},
		"lock timeout":        {&pq.Error{Code: "55P03"}, eventlog.ErrTransient},
		"stopped too long":    {&pq.Error{Code: "25P03"}, eventlog.ErrUnavailable},
		"constraint":          {&pq.Error{Code: "23514"}, nil},
		"caller's own ending": {context.DeadlineExceeded, nil},
	} {
		got := postgres.Wrap(t.Context(), tt.err)
		if !errors.Is(got, tt.err) {
			t.Errorf("%s: %v has lost its cause", name, got)
		}
		for _, kind := range []error{eventlog.ErrUnavailable, eventlog.ErrTransient} {
			if errors.Is(got, kind) != (kind == tt.want) {
				t.Errorf("%s: %v is %v: %v", name, got, kind, errors.Is(got, kind))
			}
		}
		if again := postgres.Wrap(t.Context(), got); again.Error() != got.Error() {
			t.Errorf("%s: wrapped twice: %v", name, again)
		}
	}
	if postgres.Wrap(t.Context(), nil) != nil {
		t.Error("nil became an error")
	}
}

// The server's own functions are shadowed, because a standby or an old server isn't to be had here.
func TestConnectionsRefuseServers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		shadow, want string
		kind         error
	}{
		"standby":    {"pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'", "server is a standby", eventlog.ErrUnavailable},
		"old server": {"current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT ''120022'''", "is 120022, want 130000", postgres.ErrServerVersion},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := migratedURL(t)
			db := openURL(t, url)
			exec(t, db, "CREATE SCHEMA shadow")
			exec(t, db, "CREATE FUNCTION shadow."+tt.shadow)
			err := openURL(t, urlWith(t, url, "options", "-c search_path=shadow,pg_catalog")).Ping(t.Context())
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
