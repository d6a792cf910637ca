// Package freeport finds ports on the loopback interface for servers that keep them over restarts.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

// Ports are chosen below the ranges that Linux (32768) and macOS (49152) give to outgoing connections:
// one of those could take the port while its server restarts, a client's own reconnect included.
const (
	first = 15000
	last  = 31999
)

// Processes look in different parts of the range, and a process never finds a port twice: a server that is down for a while
// is to find its port again, while tests beside it start others.
const (
	parts  = 64
	inPart = (last - first + 1) / parts
)

// found are the ports that this process has found.
var found sync.Map //nolint:gochecknoglobals // ports are the machine's

var errNone = fmt.Errorf("no free port found between %d and %d", first, last)

// Find returns preferred if it can be listened on, else a random free port. Another process may
// take it before the caller does.
func Find(preferred int) (int, error) {
	if preferred > 0 && Try(preferred) == nil {
		return preferred, nil
	}
	for range inPart {
		if port := first + os.Getpid()%parts*inPart + rand.IntN(inPart); fresh(port) {
			return port, nil
		}
	}
	for range 200 {
		if port := first + rand.IntN(last-first+1); Try(port) == nil {
			return port, nil
		}
	}
	return 0, errNone
}

// fresh reports whether the port is free and wasn't found before.
func fresh(port int) bool {
	if Try(port) != nil {
		return false
	}
	_, before := found.LoadOrStore(port, true)
	return !before
}

// Try returns nil if the port can be listened on, else the reason without an address.
func Try(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return Cause(err)
	}
	return l.Close()
}

// Cause strips the address that net puts around the reason.
func Cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
