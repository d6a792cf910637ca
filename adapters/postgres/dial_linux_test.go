package postgres

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// A peer that takes nothing more is the nearest that the loopback interface has to a network that drops what is sent.
func TestConnectionWithoutAcknowledgementIsGivenUp(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it doesn't wait
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	d := net.Dialer{Control: giveUpAfter(300 * time.Millisecond)}
	c, err := d.DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	chunk := make([]byte, 1<<20)
	for err == nil {
		_, err = c.Write(chunk)
	}
	if !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("error %v, want ETIMEDOUT", err)
	}
}

func TestConnectionsToTheServerAreGivenUp(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it doesn't wait
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := dialer{}.DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	socket, err := c.(*net.TCPConn).SyscallConn() //nolint:errcheck,forcetypeassert // of that type is what tcp gives
	if err != nil {
		t.Fatal(err)
	}
	for option, want := range map[int]int{tcpUserTimeout: int(deadAfter.Milliseconds()), syscall.TCP_KEEPIDLE: int((deadAfter / 3).Seconds())} {
		var got int
		if e := socket.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, option) }); e != nil || err != nil {
			t.Fatal(e, err)
		}
		if got != want {
			t.Errorf("option %d of TCP is %d, want %d", option, got, want)
		}
	}
}
