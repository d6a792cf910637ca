//go:build !unix

package embedded

import "os"

const supported = false

func flock(*os.File) error { return ErrUnsupported }

func funlock(*os.File) error { return ErrUnsupported }

func owner(string) (uid, gid uint32, err error) { return 0, 0, ErrUnsupported }
