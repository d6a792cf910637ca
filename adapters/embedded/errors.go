package embedded

import (
	"errors"
	"fmt"
)

// ErrUnsupported says that this operating system has no embedded PostgreSQL.
var ErrUnsupported = errors.New("embedded servers are not supported on this operating system: " +
	"set TENON_DATABASE_URL and TENON_KAFKA_BROKERS to servers of your own")

var errLocked = errors.New("locked")

// PortError says that the port asked for cannot be listened on.
type PortError struct {
	Service string // "PostgreSQL" or "Kafka"
	Port    int
	Cause   error
}

// Error names the port, the service that wanted it and what to do.
func (e *PortError) Error() string {
	return fmt.Sprintf("port %d for the embedded %s cannot be used: %v; "+
		"stop what listens there, or choose another port (0 takes a free one)", e.Port, e.Service, e.Cause)
}

// Unwrap returns the cause.
func (e *PortError) Unwrap() error { return e.Cause }
