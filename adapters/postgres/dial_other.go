//go:build !linux

package postgres

import (
	"syscall"
	"time"
)

// giveUpAfter is for kernels that can't: there the connection lasts as long as they retry.
func giveUpAfter(time.Duration) func(network, address string, socket syscall.RawConn) error {
	return nil
}
