package embedded

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are chosen below the ranges that Linux (32768) and macOS (49152) give to outgoing connections:
// one of those could take the port while its server restarts, a client's own reconnect included.
const (
	firstPort = 15000
	lastPort  = 31999
)

var errNoFreePort = fmt.Errorf("no free port found between %d and %d", firstPort, lastPort)

// freePort returns preferred if it can be listened on, else a random free port. Another process may
// take it before the caller does.
func freePort(preferred int) (int, error) {
	if preferred > 0 && tryPort(preferred) == nil {
		return preferred, nil
	}
	for range 200 {
		if port := firstPort + rand.IntN(lastPort-firstPort+1); tryPort(port) == nil {
			return port, nil
		}
	}
	return 0, errNoFreePort
}

func tryPort(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return cause(err)
	}
	return l.Close()
}

// cause strips the address that net puts around the reason.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

func checkPort(service string, port int) error {
	if port < 0 || port > 65535 {
		return &PortError{Service: service, Port: port, Cause: errors.New("a port is 0 to 65535")}
	}
	return nil
}
