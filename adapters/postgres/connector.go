package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ErrServerVersion says that the server is older than the oldest that the log works on.
var ErrServerVersion = errors.New("PostgreSQL is too old")

const minServerVersion = 130000 // xid8 and its functions

// connector opens connections on which the log can be trusted.
type connector struct{ *pq.Connector }

func newConnector(cfg pq.Config) (connector, error) {
	c, err := pq.NewConnectorConfig(cfg)
	if err == nil {
		c.Dialer(dialer{})
	}
	return connector{c}, err
}

// deadAfter is how long a connection lasts whose other end is gone without a word, as when a network drops what is sent. By
// itself the kernel gives such a connection up after 15 minutes and more, for which everything that waits on it would stand still.
const deadAfter = 15 * time.Second

// dialer is lib/pq's own with [deadAfter], which tells the socket to whoever connects.
type dialer struct{}

var _ pq.DialerContext = dialer{}

type socketKey struct{}

// DialContext connects. It is also called to cancel a statement, by a context that carries nothing.
func (dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{ // idle connections are asked, so that their end is noticed as soon as that of busy ones
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: deadAfter / 3, Interval: deadAfter / 3, Count: 2}, Control: giveUpAfter(deadAfter),
	}
	c, err := d.DialContext(ctx, network, address)
	if socket, ok := ctx.Value(socketKey{}).(*syscall.RawConn); ok && err == nil {
		if sc, ok := c.(syscall.Conn); ok {
			*socket, _ = sc.SyscallConn() // nil is an answer
		}
	}
	return c, err
}

// Dial and DialTimeout complete lib/pq's interface, which then calls neither.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout is as Dial is.
func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// Connect checks each connection, not only the first: behind one address another server may answer tomorrow.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	var socket syscall.RawConn
	opened, err := c.Connector.Connect(context.WithValue(ctx, socketKey{}, &socket))
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(pqConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("lib/pq's connection %T lacks methods that are needed here", opened), opened.Close())
	}
	if err := prepareSession(ctx, inner); err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return &conn{pqConn: inner, statements: make(map[string]statement), named: make(map[string]named), socket: socket}, nil
}

// prepareSession refuses a standby, whose snapshots list no running transactions, so that a reader would lose events.
// It undoes synchronous_commit=off: an event that readers have seen must survive a crash. A stronger setting than on
// stays. Where nothing bounds how long a transaction may be idle, it does, see [idleFallback].
func prepareSession(ctx context.Context, inner driver.QueryerContext) error {
	rows, err := inner.QueryContext(ctx, `SELECT pg_is_in_recovery()::text, current_setting('server_version_num'),
		CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END,
		CASE WHEN current_setting('idle_in_transaction_session_timeout') = '0'
			THEN set_config('idle_in_transaction_session_timeout', '`+idleFallback+`', false) END`, nil)
	if err != nil {
		return fmt.Errorf("check the server: %w", err)
	}
	values := make([]driver.Value, 4)
	if err := errors.Join(rows.Next(values), rows.Close()); err != nil {
		return fmt.Errorf("check the server: %w", err)
	}
	if text(values[0]) == "true" {
		return fmt.Errorf("server is a standby, the log is read and written on the primary: %w", eventlog.ErrUnavailable)
	}
	version, err := strconv.Atoi(text(values[1]))
	if err != nil {
		return fmt.Errorf("check the server: %w", err)
	}
	if version < minServerVersion {
		return fmt.Errorf("%w: server_version_num is %d, want %d or more", ErrServerVersion, version, minServerVersion)
	}
	return nil
}

func text(v driver.Value) string {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case string:
		return v
	}
	return fmt.Sprint(v)
}
