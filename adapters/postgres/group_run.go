package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Bounds of a group. A unit that is larger goes out by itself.
const (
	maxGroupRows  = 1000
	maxGroupBytes = 4 << 20
	maxDeadlocks  = 3 // then each unit gets a transaction of its own
)

// run sends groups until the queue is empty.
func (g *group) run() {
	for g.more() {
		// Who gives up waiting for a connection is still in the queue.
		conn, err := g.db.pool.DB.Conn(g.life)
		if err != nil {
			if g.life.Err() != nil {
				err = errClosed
			}
			g.failQueued(fmt.Errorf("append: %w", classify(err)))
			continue
		}
		g.flush(conn, g.take())
	}
}

func (g *group) more() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sending = len(g.queue) > 0
	return g.sending
}

// take removes the next group from the queue: at most one unit per aggregate, those of one aggregate in the order they came.
func (g *group) take() []*pending {
	g.mu.Lock()
	defer g.mu.Unlock()
	var taken, left []*pending
	met := make(map[streamKey]bool)
	rows, bytes := 0, 0
	for i, u := range g.queue {
		if len(taken) > 0 && (rows+len(u.rows) > maxGroupRows || bytes+u.bytes > maxGroupBytes) {
			left = append(left, g.queue[i:]...)
			break
		}
		free := true
		for _, s := range u.streams {
			free = free && !met[s]
			met[s] = true
		}
		if !free {
			left = append(left, u)
			continue
		}
		taken, rows, bytes = append(taken, u), rows+len(u.rows), bytes+u.bytes
	}
	g.queue = left
	return taken
}

// flush sends a group and answers everybody in it, whatever happens.
func (g *group) flush(conn *sql.Conn, units []*pending) {
	f := &flight{group: g, conn: conn}
	defer func() {
		if p := recover(); p != nil {
			g.db.logger.Error("appending a group panicked", "panic", p)
			for _, u := range units {
				u.unsure = true
				u.say(verdict{err: fmt.Errorf("panic: %v", p)})
			}
		}
		f.hangUp()
	}()
	f.settle(units)
}

// flight is a group on its way, and the connection it goes over.
type flight struct {
	group   *group
	conn    *sql.Conn
	trouble time.Time // when the first connection broke
}

func (f *flight) hangUp() {
	if f.conn != nil {
		_ = f.conn.Close() // gives it back to the pool; an error says that it broke, which was noticed before
		f.conn = nil
	}
}

// settle sends the units until each has its answer.
func (f *flight) settle(units []*pending) {
	for deadlocks := 0; len(units) > 0; {
		err := f.send(units)
		switch {
		case err == nil:
			f.stored(units)
			return
		case isUnsure(err):
			// What may be stored is sent again: its ids are unique, so that it can't be stored twice, and the server lets
			// the second attempt wait until the first has ended.
			for _, u := range units {
				u.unsure = true
			}
			units = f.reconnect(units, err)
		case pq.As(err, pqerror.UniqueViolation) != nil:
			units = f.sortOut(units, err)
		case pq.As(err, pqerror.TRDeadlockDetected, pqerror.TRSerializationFailure) != nil && deadlocks < maxDeadlocks:
			deadlocks++
		case kindOf(err) != nil && !errors.Is(kindOf(err), eventlog.ErrTransient):
			refuse(units, classify(err)) // the server refuses work, whoever asks
			return
		default:
			f.apart(units, err)
			return
		}
	}
}

// isUnsure reports whether the statement may have been carried out in spite of err: everything but the server's no.
func isUnsure(err error) bool {
	said := pq.As(err)
	if said == nil {
		return true
	}
	switch said.Code {
	case pqerror.AdminShutdown, pqerror.CrashShutdown, pqerror.CannotConnectNow, pqerror.IdleSessionTimeout, pqerror.DatabaseDropped,
		pqerror.TransactionResolutionUnknown, pqerror.TRStatementCompletionUnknown:
		return true
	}
	return said.Code.Class() == pqerror.ClassConnectionException
}

func (f *flight) stored(units []*pending) {
	for _, u := range units {
		u.say(verdict{})
	}
	f.group.db.signal.Raise()
}

func refuse(units []*pending, err error) {
	for _, u := range units {
		u.say(verdict{err: fmt.Errorf("append: %w", err)})
	}
}

// apart parts a group that fails or waits for the sake of one unit. What may be stored already can't begin anew elsewhere: it
// stays, by itself.
func (f *flight) apart(units []*pending, err error) {
	for _, u := range units {
		switch {
		case !u.unsure:
			u.say(verdict{alone: true})
		case len(units) > 1:
			f.settle([]*pending{u})
		case errors.Is(classify(err), eventlog.ErrTransient): // its first attempt may be what it waits for
			f.settle(f.reconnect(units, err))
		default:
			refuse(units, err)
		}
	}
}

// reconnect returns the units once there is a new connection, or none after answering them.
func (f *flight) reconnect(units []*pending, err error) []*pending {
	first := f.trouble.IsZero()
	if first {
		f.trouble = time.Now()
	}
	f.hangUp()
	ctx, cancel := context.WithDeadline(f.group.life, f.trouble.Add(askFor))
	defer cancel()
	for first || pauseFor(ctx, askAgain) {
		first = false
		conn, connErr := f.group.db.pool.DB.Conn(ctx)
		if connErr == nil {
			f.conn = conn
			return units
		}
		err = connErr
	}
	f.group.db.signal.Raise() // in case they are stored
	refuse(units, classify(err))
	return nil
}

// pauseFor waits; false when ctx ended.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
