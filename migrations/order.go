package migrations

import (
	"embed"
	"io/fs"
)

//go:embed order/*.sql
var order embed.FS

// Order returns the files of the order context's schema, orders: its state, its counters and its read model.
func Order() fs.FS { return sub(order, "order") }
