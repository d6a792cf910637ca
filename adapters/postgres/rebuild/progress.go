package rebuild

import (
	"context"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

// Progress is how far a version that reads the log is through what was there when it began.
type Progress struct {
	Done float64       // from 0 to 1
	Left time.Duration // an estimate, from the speed so far; 0: nothing to tell it from
}

// Progress returns how far a version that is being built is. Positions have gaps: it is an estimate.
func (v *Versions) Progress(ctx context.Context, of Version) (Progress, error) {
	var row struct {
		Cursors []string
		Now     time.Time
	}
	err := v.db.Pool().SelectContext(ctx, &row.Cursors, `SELECT cursor FROM tenon.projection_lanes WHERE projection = $1 AND version = $2`,
		of.Projection, of.Number)
	if err == nil {
		err = v.db.Pool().GetContext(ctx, &row.Now, `SELECT clock_timestamp()`)
	}
	if err != nil {
		return Progress{}, postgres.Wrap(ctx, err)
	}
	var p Progress
	for _, text := range row.Cursors {
		c, err := postgres.ParseCursor(eventlog.Cursor(text))
		if err != nil {
			return Progress{}, err
		}
		done := 1.0
		if c.Before.IsZero() && of.UpTo > 0 { // in the first window, which is read by position
			done = min(float64(c.Position)/float64(of.UpTo), 1)
		}
		p.Done += done / float64(len(row.Cursors))
	}
	if passed := row.Now.Sub(of.BegunAt); p.Done > 0 && p.Done < 1 && passed > 0 {
		p.Left = time.Duration(float64(passed) * (1 - p.Done) / p.Done).Round(time.Second)
	}
	return p, nil
}
