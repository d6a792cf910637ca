package postgres

import (
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
)

// projectionPage knows where in the log a runner is that has applied a part of a page.
type projectionPage struct {
	first     int64 // offset of the first delivery
	positions []int64
	after     eventlog.Cursor // before the page
	next      eventlog.Cursor // behind it
}

// cursor returns the place behind the delivery before offset to.
func (p *projectionPage) cursor(to int64) (eventlog.Cursor, error) {
	n := to - p.first
	switch {
	case n < 1 || n > int64(len(p.positions)):
		return "", fmt.Errorf("offset %d is not behind one of the %d records from %d on", to, len(p.positions), p.first)
	case n == int64(len(p.positions)):
		return p.next, nil
	}
	next, err := ParseCursor(p.next)
	if err != nil {
		return "", err
	}
	if next.IsOpen() {
		return next.Passed(p.positions[n-1], false).Text(), nil
	}
	// The page was the last of its window, which next has passed.
	c, err := ParseCursor(p.after)
	if err != nil {
		return "", err
	}
	if !c.IsOpen() {
		c = Cursor{Log: next.Log, Before: c.Before, Window: next.Before} // First only spares the server a look at less
	}
	return c.Passed(p.positions[n-1], false).Text(), nil
}
