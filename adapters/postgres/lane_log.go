package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/relaying"
)

// LaneLog is the log as a relay reads it, lane by lane. Its cursors are those of [DB.Read]. Safe for concurrent use.
type LaneLog struct {
	db *DB

	// growth is how many times larger payloads were lately than they are stored, as the bits of a float64. It keeps the
	// server from sending, and the client from dropping, much more than a page may hold.
	growth atomic.Uint64

	// typical is how large the payloads of pages were on average lately, in bytes; 0: not known. Where pages of such payloads
	// stay far from their bound, the server isn't told one.
	typical atomic.Int64

	reach *relaying.Reach
}

var (
	_ relaying.Log      = (*LaneLog)(nil)
	_ relaying.Boundary = (*LaneLog)(nil)
)

// NewLaneLog returns the relay's view of db's log.
func NewLaneLog(db *DB) *LaneLog {
	l := &LaneLog{db: db, reach: relaying.NewReach("PostgreSQL", logSilence, db.logger, time.Now)}
	l.growth.Store(math.Float64bits(1))
	return l
}

const timelineSQL = `substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)`

// Identify returns the id that was made with the log's schema and the timeline of the server's write-ahead log, which
// any role may ask for.
func (l *LaneLog) Identify(ctx context.Context) (relaying.Identity, error) {
	var row struct {
		Log      uuid.NullUUID `db:"log"`
		Timeline string        `db:"timeline"`
	}
	err := l.db.pool.GetContext(ctx, &row, `SELECT (SELECT id FROM tenon.log_identity) AS log, `+timelineSQL+` AS timeline`)
	switch {
	case err != nil:
		return relaying.Identity{}, Wrap(ctx, err)
	case !row.Log.Valid:
		return relaying.Identity{}, errNoIdentity
	}
	l.db.identity.Store(&row.Log.UUID)
	return relaying.Identity{Log: row.Log.UUID, Timeline: row.Timeline}, nil
}

// Read returns the lane's page after a cursor: one statement inside a window, one more where a window opens. It never
// holds more than q.Bytes of payload and one record. An error that wraps [relaying.ErrLogChanged] and
// [ErrForeignCursor] says that the cursor isn't of this log.
func (l *LaneLog) Read(ctx context.Context, q relaying.Query) (relaying.Page, error) {
	page, err := l.read(ctx, q)
	return page, changed(err)
}

// read is Read for readers other than the relay.
func (l *LaneLog) read(ctx context.Context, q relaying.Query) (relaying.Page, error) {
	if err := checkQuery(q); err != nil {
		return relaying.Page{}, err
	}
	c, err := ParseCursor(q.After)
	if err != nil {
		return relaying.Page{}, err
	}
	if q.Within && !c.IsOpen() {
		return relaying.Page{Next: q.After, Between: true}, nil
	}
	older := c.IsOpen()
	if c, err = l.db.enter(ctx, c); err != nil {
		return relaying.Page{}, Wrap(ctx, err)
	}
	if c.IsEmpty() {
		return relaying.Page{Next: c.Finished().Text(), More: older, Between: true}, nil
	}
	page, err := l.page(ctx, c, q)
	page.More = page.More || older && err == nil // what was committed since that window opened
	return page, Wrap(ctx, err)
}

func checkQuery(q relaying.Query) error {
	switch {
	case q.Lane.Of < 1 || q.Lane.Of > relaying.MaxLanes || q.Lane.Number < 0 || q.Lane.Number >= q.Lane.Of:
		return fmt.Errorf("lane %d of %d: want one of 1 to %d lanes, counted from 0", q.Lane.Number, q.Lane.Of, relaying.MaxLanes)
	case q.Records < 1 || q.Bytes < 1:
		return fmt.Errorf("page of %d records and %d bytes: want 1 or more", q.Records, q.Bytes)
	}
	return nil
}

// page asks for a record more than it returns, so that it knows when the window is finished.
func (l *LaneLog) page(ctx context.Context, c Cursor, q relaying.Query) (relaying.Page, error) {
	within := bounds{records: q.Records, bytes: q.Bytes, stored: l.bound(q)} // once: another lane may learn meanwhile
	b, err := separated(func(separator string) (bounded, error) { return l.collect(ctx, c, q, within, separator) })
	if err != nil {
		return relaying.Page{}, err
	}
	l.learn(b)
	if !b.cut {
		return relaying.Page{Records: b.records, Next: c.Finished().Text(), More: len(b.records) == q.Records, Between: true}, nil
	}
	last := b.records[len(b.records)-1]
	return relaying.Page{Records: b.records, Next: c.Passed(last.Position, false).Text(), More: true}, nil
}

// collect runs the page's statement. Where payloads turn out to be much larger than they were, it breaks the connection off
// rather than have the server send all the rest.
func (l *LaneLog) collect(ctx context.Context, c Cursor, q relaying.Query, within bounds, separator string) (bounded, error) {
	query, args := laneQuery(c, q, within.stored, separator)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := l.db.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return bounded{}, err
	}
	return collectBounded(rows, separator, within, cancel)
}

// laneQuery returns the statement for a page and its parameters: bounded by what the server stores unless stored is 0. The
// whole log is read without looking at buckets.
func laneQuery(c Cursor, q relaying.Query, stored int64, separator string) (string, []any) {
	args := append(pageArgs(c, q.Records+1), separator)
	if q.Lane.Of == 1 {
		if stored == 0 {
			return pageSQL, args
		}
		return boundedPageSQL, append(args, stored)
	}
	from, to := q.Lane.Buckets()
	args = append(args, from, to)
	if stored == 0 {
		return lanePageSQL, args
	}
	return boundedLanePageSQL, append(args, stored)
}

// bound returns what the server is told to send at most, 0 for nothing: summing up what it stores takes it as long as all
// else, and is spared where pages were far from the bound.
func (l *LaneLog) bound(q relaying.Query) int64 {
	if typical := l.typical.Load(); typical > 0 && int64(q.Records) <= int64(q.Bytes)/(2*typical) {
		return 0
	}
	return l.stored(q.Bytes)
}

// stored returns how much the server may send by the size in which it stores payloads: it doesn't know their real size
// without unpacking them.
func (l *LaneLog) stored(bytes int) int64 {
	return max(int64(float64(bytes)/math.Float64frombits(l.growth.Load())), 1)
}

// learn falls slowly, so that a few payloads that don't shrink make no surprise of the next that do. Too high a growth
// only makes pages smaller.
func (l *LaneLog) learn(b bounded) {
	if n := int64(len(b.records)); n > 0 {
		l.typical.Store(max(b.bytes/n, (3*l.typical.Load()+b.bytes/n)/4, 1))
	}
	if b.storedBytes == 0 {
		return
	}
	seen, before := float64(b.bytes)/float64(b.storedBytes), math.Float64frombits(l.growth.Load())
	l.growth.Store(math.Float64bits(max(seen, (3*before+seen)/4, 1)))
}

// changed adds what the relay tests for to errors about another log.
func changed(err error) error {
	switch {
	case errors.Is(err, ErrForeignCursor):
		return fmt.Errorf("%w: %w; `tenon relay rebase` decides where the relay goes on", relaying.ErrLogChanged, err)
	case errors.Is(err, errFromOtherServer):
		return fmt.Errorf("%w: %w", relaying.ErrLogChanged, err)
	}
	return err
}

func xidText(xid uint64) string { return strconv.FormatUint(xid, 10) }
