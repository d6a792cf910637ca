package postgres

import (
	"context"

	"github.com/tenon-go/tenon/application/relaying"
)

// The statements behind Read, for tests of their plans.
const (
	PageSQL   = pageSQL
	WindowSQL = windowSQL
)

// PageArgs returns PageSQL's parameters.
func PageArgs(c Cursor, limit int) []any { return pageArgs(c, limit) }

// WithheldSQL is the statement behind LaneLog.Withheld.
const WithheldSQL = withheldSQL

// LaneQuery returns the statement for a page of a lane and its parameters.
func LaneQuery(c Cursor, q relaying.Query) (string, []any) { return laneQuery(c, q, int64(q.Bytes)) }

// WithheldArgs returns WithheldSQL's parameters.
func WithheldArgs(after, c Cursor, q relaying.WithheldQuery) []any { return withheldArgs(after, c, q) }

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
