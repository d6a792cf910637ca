package orderpg

import (
	"database/sql"
	"fmt"
	"time"
)

// day is a date as text, 2026-03-14: one value for a day, which a time.Time isn't.
type day string

var _ sql.Scanner = (*day)(nil)

// dayOf returns t's day in UTC.
func dayOf(t time.Time) day { return day(t.UTC().Format(time.DateOnly)) }

// Scan takes a date as the driver returns it.
func (d *day) Scan(value any) error {
	t, ok := value.(time.Time)
	if !ok {
		return fmt.Errorf("date came as %T, want time.Time", value)
	}
	*d = day(t.Format(time.DateOnly))
	return nil
}
