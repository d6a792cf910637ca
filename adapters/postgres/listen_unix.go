//go:build unix

package postgres

import (
	"errors"
	"syscall"
)

// listen reports whether the connection is open as far as this side knows, and nothing has come that nobody read; known is
// whether that could be found out.
func listen(socket syscall.RawConn) (quiet, known bool) {
	if socket == nil {
		return false, false
	}
	err := socket.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK)
		return true
	})
	return err == nil && quiet, true
}
