package postgres_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// cut says what the proxy does to the next commit, or what else it is told to look for, that comes by.
type cut int32

const (
	cutNothing cut = iota
	cutBefore      // the server never sees it, and both sides see the connection end
	cutAfter       // the server gets it, the client sees the connection end
	cutHold        // the client sees the connection end, the server gets it once it was asked about it
	cutDelay       // both sides see nothing, but meantime has run before the server gets it
)

// proxy stands between a DB and its server.
type proxy struct {
	target   string
	listener net.Listener
	next     atomic.Int32
	meantime func() // runs while a commit that is cut before, or delayed, is held up; may be nil
	cuts     atomic.Int32
	asked    chan struct{} // receives when a client asks what became of a transaction

	victim, question []byte // how a commit and the question about it are recognised

	pumps sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
}

// newProxy returns a proxy in front of the server that rawURL names, and the URL through it.
func newProxy(t *testing.T, rawURL string) (*proxy, string) {
	t.Helper()
	u := must(url.Parse(rawURL))(t)
	p := &proxy{target: u.Host, listener: must(net.Listen("tcp", "127.0.0.1:0"))(t), asked: make(chan struct{}, 1000)}
	p.victim, p.question = []byte("COMMIT\x00"), []byte("pg_xact_status")
	p.pumps.Go(p.accept)
	t.Cleanup(func() {
		p.listener.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.pumps.Wait()
	})
	u.Host = p.listener.Addr().String()
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		var held sync.Mutex // while a commit is held up, the client doesn't see that the server is gone
		p.pumps.Go(func() {
			_, _ = io.Copy(client, server)
			held.Lock()
			defer held.Unlock()
			client.Close()
		})
		p.pumps.Go(func() {
			p.pump(client, server, &held)
			client.Close()
			server.Close()
		})
	}
}

// pump forwards to the server. lib/pq writes a message at once, so that a commit comes in one piece.
func (p *proxy) pump(client, server net.Conn, held *sync.Mutex) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		message := buffer[:n]
		if bytes.Contains(message, p.victim) {
			switch how := cut(p.next.Swap(int32(cutNothing))); how {
			case cutNothing:
			case cutDelay:
				p.cuts.Add(1)
				p.meantime()
			default:
				p.cut(how, client, server, message, held)
				return
			}
		}
		if bytes.Contains(message, p.question) {
			select {
			case p.asked <- struct{}{}:
			default: // nobody has anything held back for so long
			}
		}
		if _, err := server.Write(message); err != nil {
			return
		}
	}
}

// cutAll ends all connections.
func (p *proxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func (p *proxy) cut(how cut, client, server net.Conn, message []byte, held *sync.Mutex) {
	held.Lock()
	defer held.Unlock()
	p.cuts.Add(1)
	switch how {
	case cutBefore:
		if p.meantime != nil {
			p.meantime()
		}
	case cutAfter:
		client.Close()
		_, _ = server.Write(message)
		p.drain(server)
	case cutHold:
		client.Close()
		<-p.asked
		_, _ = server.Write(message)
		p.drain(server)
	}
}

// drain ends the connection in order: the server reads what was sent, answers, and closes.
func (p *proxy) drain(server net.Conn) {
	if tcp, ok := server.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
