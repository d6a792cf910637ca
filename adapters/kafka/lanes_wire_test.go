package kafka_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var errCut = errors.New("the test has cut the network")

// wire is a node's way to the brokers, which a test cuts, mutes and watches.
type wire struct {
	mu       sync.Mutex
	down     bool
	conns    map[*conn]bool
	requests map[kmsg.Key]int

	muted atomic.Bool                      // requests get lost without a sign
	at    atomic.Pointer[func(*conn) bool] // called when a transaction is about to be ended; false: the request isn't sent
}

func newWire(t testing.TB) *wire {
	n := &wire{conns: make(map[*conn]bool), requests: make(map[kmsg.Key]int)}
	t.Cleanup(n.cut)
	return n
}

func (n *wire) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	down := n.down
	n.mu.Unlock()
	if down {
		return nil, errCut
	}
	plain, err := new(net.Dialer).DialContext(ctx, kind, address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: plain, n: n}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		_ = plain.Close()
		return nil, errCut
	}
	n.conns[c] = true
	return c, nil
}

// cut ends all connections and lets none be made until mend.
func (n *wire) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = true
	for c := range n.conns {
		_ = c.Conn.Close()
	}
	clear(n.conns)
}

func (n *wire) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
}

// count returns how many requests of a kind were sent so far.
func (n *wire) count(key kmsg.Key) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.requests[key]
}

// atEnd calls f the next time that a transaction is about to be ended.
func (n *wire) atEnd(f func(*conn) bool) { n.at.Store(&f) }

// loseAnswer cuts the network when the transaction is ended: before the broker knows, or after it has answered.
func (n *wire) loseAnswer(committed bool) {
	n.atEnd(func(c *conn) bool {
		if !committed {
			n.cut()
			return false
		}
		c.answered.Store(true)
		return true
	})
}

// conn is one connection. The client writes a request with one call.
type conn struct {
	net.Conn
	n        *wire
	answered atomic.Bool // the next bytes from the broker are lost, and the network with them
}

func (c *conn) Write(b []byte) (int, error) {
	if len(b) >= 6 {
		key := kmsg.Key(int16(binary.BigEndian.Uint16(b[4:])))
		c.n.mu.Lock()
		c.n.requests[key]++
		c.n.mu.Unlock()
		if key == kmsg.EndTxn {
			if f := c.n.at.Swap(nil); f != nil && !(*f)(c) {
				return 0, errCut
			}
		}
	}
	if c.n.muted.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.answered.Load() {
		c.n.cut()
		return 0, errCut
	}
	return n, err
}
