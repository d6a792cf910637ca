//go:build !unix

package postgres

import "syscall"

// listen can't find out here, so that transactions begin at once.
func listen(syscall.RawConn) (quiet, known bool) { return false, false }
