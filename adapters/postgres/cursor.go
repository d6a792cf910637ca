package postgres

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ErrForeignCursor says that a cursor belongs to another log, or to this one before it was set back to an earlier
// state. What it has passed can't be known: its reader must begin anew, or its own state be restored to go with the
// log.
var ErrForeignCursor = errors.New("cursor of another log")

// Cursor is a place in the log: everything that Before sees is read; so are, of what Window sees besides, the records
// up to Position. The next window opens when this one is finished. The technique is that of PgQ's ticks.
type Cursor struct {
	Log      uuid.UUID // identity of the log, made with its schema
	Before   Snapshot  // S1
	Window   Snapshot  // S2; zero when no window is open
	First    int64     // least position in Window of a transaction from Before.Xmax on, noRecords if there is none
	Position int64
}

const (
	cursorForm = "v1/log/before/window/first/position"
	noRecords  = int64(1<<63 - 1)
)

// ParseCursor reads the text form. The empty text is the beginning of any log.
func ParseCursor(text eventlog.Cursor) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	parts := strings.Split(string(text), "/")
	if len(parts) != strings.Count(cursorForm, "/")+1 || parts[0] != "v1" {
		return Cursor{}, fmt.Errorf("cursor %q: want %s", shortenCursor(text), cursorForm)
	}
	var c Cursor
	var errs [5]error
	c.Log, errs[0] = uuid.Parse(parts[1])
	c.Before, errs[1] = ParseSnapshot(parts[2])
	if parts[3] != "" {
		c.Window, errs[2] = ParseSnapshot(parts[3])
	}
	c.First, errs[3] = strconv.ParseInt(parts[4], 10, 64)
	c.Position, errs[4] = strconv.ParseInt(parts[5], 10, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return Cursor{}, fmt.Errorf("cursor %q: want %s: %w", shortenCursor(text), cursorForm, err)
	}
	if c.IsOpen() && c.Window.Xmax < c.Before.Xmax || c.First < 0 || c.Position < 0 {
		return Cursor{}, fmt.Errorf("cursor %q: its window ends before it begins, or a position is below 0", shortenCursor(text))
	}
	return c, nil
}

func shortenCursor(text eventlog.Cursor) string { return string(text[:min(len(text), 120)]) }

// Text returns the form that ParseCursor reads. It grows with the number of transactions that ran when the window was
// opened.
func (c Cursor) Text() eventlog.Cursor {
	window := ""
	if c.IsOpen() {
		window = c.Window.String()
	}
	return eventlog.Cursor(fmt.Sprintf("v1/%s/%s/%s/%d/%d", c.Log, c.Before, window, c.First, c.Position))
}

// IsOpen reports whether the cursor is inside a window.
func (c Cursor) IsOpen() bool { return !c.Window.IsZero() }

// IsEmpty reports whether it is known without looking that nothing is left of the open window.
func (c Cursor) IsEmpty() bool { return c.First == noRecords && len(c.Before.endedBy(c.Window)) == 0 }

// Passed returns the cursor when the record at position is handled: last says that it was the window's last.
func (c Cursor) Passed(position int64, last bool) Cursor {
	if last {
		return c.Finished()
	}
	c.Position = position
	return c
}

// Finished returns the cursor when all of the open window is handled.
func (c Cursor) Finished() Cursor { return Cursor{Log: c.Log, Before: c.Window} }
