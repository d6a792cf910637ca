//go:build !linux

package embeddedtest

import "os"

func fastDir() string { return os.TempDir() }
