package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/bench/measure"
)

const growthPage = 1000

// growth is what an event costs to read and to append while the log grows.
func (w world) growth() measure.Case {
	c := measure.Case{
		Name: "growth of the log",
		About: fmt.Sprintf("The whole log is read in pages of %d by the reader that relays and rebuilds use; then 16 clients append for %v through the "+
			"whole kernel. The smallest log is the limit.", growthPage, w.sizes.Append),
		Metrics: []measure.Metric{{Name: "read", Unit: "µs/event", Lower: true}, {Name: "append", Unit: "µs/event", Lower: true}},
	}
	name := func(n int64) string { return fmt.Sprintf("%d events", n) }
	for i, n := range w.sizes.Growth {
		by := measure.Competitor{Name: name(n), Role: measure.Ours, Round: func(ctx context.Context, lap *measure.Lap) error { return w.grown(ctx, lap, n) }}
		if i == 0 {
			by.Role = measure.Limit
		} else {
			for _, m := range c.Metrics {
				c.Goals = append(c.Goals, measure.Goal{
					Metric: m.Name, Of: name(n), Against: name(w.sizes.Growth[0]), AtLeast: 0.8,
					Unmet: "No statement's plan depends on the log's size, see docs/growth.md: what the caches hold, and the rounds' spread.",
				})
			}
		}
		c.Competitors = append(c.Competitors, by)
	}
	return c
}

func (w world) grown(ctx context.Context, lap *measure.Lap, n int64) error {
	url, err := w.rig.Database(ctx, lap, logged(n))
	if err != nil {
		return err
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return err
	}
	lap.Cleanup(db.Close)
	if err := db.Ping(ctx); err != nil {
		return err
	}
	began := time.Now()
	read, err := readAll(ctx, db)
	if err != nil {
		return err
	}
	lap.Record("read", float64(time.Since(began).Microseconds())/float64(read))
	if read != n {
		return fmt.Errorf("read %d events, want %d", read, n)
	}
	p := &program{url: url, roles: "api", conns: 16}
	if _, err := p.start(ctx, lap); err != nil {
		return err
	}
	return w.grow(ctx, lap, p, url, n)
}

// grow appends to a log of n events.
func (w world) grow(ctx context.Context, lap *measure.Lap, p *program, url string, n int64) error {
	appended, elapsed, err := w.flooded(ctx, 16, func(ctx context.Context, seq int64) error {
		_, err := p.makeThing(ctx, makeThing{Event: happened{Seq: seq, Text: text(seq)}})
		return err
	})
	if err != nil {
		return err
	}
	lap.Record("append", float64(elapsed.Microseconds())/float64(appended.measured))
	return errors.Join(
		count(ctx, url, `SELECT count(*) FROM tenon.events`, n+appended.all),
		count(ctx, url, `SELECT count(*) FROM bench.things`, appended.all),
	)
}

// readAll reads the log from its beginning and returns the number of events.
func readAll(ctx context.Context, r eventlog.Reader) (n int64, err error) {
	var after eventlog.Cursor
	for more := true; more; {
		page, err := r.Read(ctx, after, growthPage)
		if err != nil {
			return n, err
		}
		n += int64(len(page.Records))
		after, more = page.Next, page.More
	}
	return n, nil
}
