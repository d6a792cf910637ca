package postgres

// The statements behind Read, for tests of their plans.
const (
	PageSQL   = pageSQL
	WindowSQL = windowSQL
)

// PageArgs returns PageSQL's parameters.
func PageArgs(c Cursor, limit int) []any { return pageArgs(c, limit) }
