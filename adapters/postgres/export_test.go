package postgres

import (
	"context"

	"github.com/tenon-go/tenon/application/relaying"
)

// The statements behind Read, for tests of their plans.
const (
	PageSQL   = pageSQL
	WindowSQL = windowSQL
	StreamSQL = streamSQL
)

// PageArgs returns PageSQL's parameters.
func PageArgs(c Cursor, limit int) []any { return append(pageArgs(c, limit), separator) }

// WithheldSQL is the statement behind LaneLog.Withheld.
const WithheldSQL = withheldSQL

// LaneQuery returns the statement for a page of a lane and its parameters, bounded by bytes or not.
func LaneQuery(c Cursor, q relaying.Query, bounded bool) (string, []any) {
	if !bounded {
		return laneQuery(c, q, 0, separator)
	}
	return laneQuery(c, q, int64(q.Bytes), separator)
}

// Bounds reports whether the server would be told a bound of bytes.
func (l *LaneLog) Bounds(q relaying.Query) bool { return l.bound(q) > 0 }

// WithheldArgs returns WithheldSQL's parameters.
func WithheldArgs(after, c Cursor, q relaying.WithheldQuery) []any {
	return append(withheldArgs(after, c, q), separator)
}

// Queued returns how many units wait to be sent.
func (db *DB) Queued() int {
	db.group.mu.Lock()
	defer db.group.mu.Unlock()
	return len(db.group.queue)
}

// LagSQL is the statement behind the lag of RelayDesk.Status.
func LagSQL() string { return lagSQL(lanesOfRelay) }

// LagUpTo returns the lag of lane 0, counted up to most.
func LagUpTo(ctx context.Context, db *DB, most int) (relaying.Lag, error) {
	l, err := NewRelayDesk(db).lagsUpTo(ctx, lanesOfRelay, most)
	return l.of(0), err
}
