// Package migrations holds the SQL that makes and changes the database's schemas: one directory per schema, its files
// run in the order of their numbers, each once, by postgres.Migrate. There is no way down: a file that is released
// never changes, what it did is undone by a later one.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed kernel/*.sql
var kernel embed.FS

// Kernel returns the files of the kernel's schema, tenon: the log and what its readers store.
func Kernel() fs.FS { return sub(kernel, "kernel") }

func sub(files fs.FS, dir string) fs.FS {
	s, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // dir is a constant that is no valid path
	}
	return s
}
