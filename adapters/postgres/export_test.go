package postgres

// The statement behind Read, for tests of its plans.
const PageSQL = pageSQL

// PageArgs returns PageSQL's parameters.
func PageArgs(c Cursor, limit int) []any { return pageArgs(c, limit) }
