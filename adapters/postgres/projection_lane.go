package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

const (
	retryLimit = 5 * time.Second
	// storeEvery bounds how often a place is stored that no row goes with.
	storeEvery = 200 * time.Millisecond
)

// projectionLane reads one lane of the log for a projection. For one goroutine, which is also the one that calls the runner.
type projectionLane struct {
	feed      *ProjectionLog
	number    int
	of        int
	partition projection.Partition

	cursor  eventlog.Cursor // where the next page begins
	stored  eventlog.Cursor // as in the database at offset next
	next    int64
	page    projectionPage
	batch   []projection.Delivery // a page's, empty between pages
	size    projection.BatchSize
	written time.Time // when the place was last stored, or the lane claimed
	failing time.Duration
	quiet   time.Duration
}

func newProjectionLane(f *ProjectionLog, row feedLane, log uuid.UUID) *projectionLane {
	return &projectionLane{
		feed: f, number: row.Lane, of: row.Lanes, size: projection.NewBatchSize(f.cfg.Batch),
		partition: projection.Partition{Topic: projection.LogTopic, ID: log, Number: int32(row.Lane)}, //nolint:gosec // below MaxLanes
	}
}

// run works on the lane whenever no other node does, until ctx ends.
func (l *projectionLane) run(ctx context.Context, h projection.Handler) error {
	for ctx.Err() == nil {
		held, err := l.claim(ctx)
		switch {
		case err != nil:
			err = l.failed(ctx, err)
		case !held:
			l.feed.outage.end()
			pause(ctx, jitter(l.feed.cfg.Lease/3))
		default:
			err = l.serve(ctx, h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// failed waits after an outage, and returns other errors.
func (l *projectionLane) failed(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() != nil:
		return nil
	case !errors.Is(err, eventlog.ErrUnavailable) && !errors.Is(err, eventlog.ErrTransient) && !errors.Is(err, eventlog.ErrOutcomeUnknown):
		return err
	}
	l.feed.outage.begin(err)
	l.failing = grow(l.failing, firstRetry, retryLimit)
	pause(ctx, jitter(l.failing))
	return nil
}

func (l *projectionLane) works() {
	l.failing = 0
	l.feed.outage.end()
}

// serve hands over the lane's records until ctx ends or somebody else works on the lane. While a page is in the runner's hands
// the next one is read.
func (l *projectionLane) serve(ctx context.Context, h projection.Handler) error {
	from, err := h.Start(ctx, l.partition)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	working, stop := l.graceful(ctx)
	defer stop()
	var ahead chan readPage
	defer func() { drain(ahead) }()
	for ctx.Err() == nil {
		if ahead == nil {
			ahead = l.readAhead(ctx, l.cursor)
		}
		got := <-ahead
		ahead = nil
		if got.err != nil {
			if err := l.failed(ctx, got.err); err != nil {
				return err
			}
			continue
		}
		l.works()
		if got.page.More {
			ahead = l.readAhead(ctx, got.page.Next)
		}
		if from, err = l.hand(working, h, from, got.page); err != nil {
			if errors.Is(err, projection.ErrMoved) || ctx.Err() != nil {
				return nil
			}
			return err
		}
		if got.page.More {
			continue
		}
		if held, err := l.idle(ctx, got.woken); err != nil || !held {
			return l.failed(ctx, err)
		}
		from = l.next
	}
	return nil
}

// graceful returns a context that ends some time after ctx.
func (l *projectionLane) graceful(ctx context.Context) (context.Context, func()) {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		pause(working, l.feed.cfg.Grace)
		cancel()
	})
	return working, func() { stop(); cancel() }
}

type readPage struct {
	page  relaying.Page
	woken <-chan struct{} // closed by a commit after the read began
	err   error
}

// readAhead reads the page after a cursor in the background. Its goroutine ends with the read.
func (l *projectionLane) readAhead(ctx context.Context, after eventlog.Cursor) chan readPage {
	ready, woken, size := make(chan readPage, 1), l.feed.cfg.Signal.Wait(), l.size.Now()
	go func() {
		page, err := l.feed.log.read(ctx, relaying.Query{
			Lane: relaying.Lane{Number: l.number, Of: l.of}, After: after, Records: size, Bytes: l.feed.cfg.Bytes,
		})
		ready <- readPage{page, woken, err}
	}()
	return ready
}

func drain(ahead chan readPage) {
	if ahead != nil {
		<-ahead
	}
}

// hand gives the runner what the projection reads of a page.
func (l *projectionLane) hand(ctx context.Context, h projection.Handler, from int64, page relaying.Page) (int64, error) {
	l.page = projectionPage{first: from, after: l.cursor, next: page.Next}
	batch := l.batch[:0]
	for i := range page.Records {
		r := &page.Records[i]
		if !slices.Contains(l.feed.cfg.Projection.Topics, r.Topic) {
			continue
		}
		batch = append(batch, projection.Delivery{Partition: l.partition, Offset: from + int64(len(batch)), Value: r.Payload, Record: *r})
		d := &batch[len(batch)-1]
		d.Record.Metadata, d.Record.Actor, d.Record.RecordedAt = nil, "", time.Time{}
		l.page.positions = append(l.page.positions, r.Position)
	}
	if len(batch) > 0 {
		began := time.Now()
		next, err := h.Handle(ctx, l.partition, from, batch)
		clear(batch) // what it points to is the runner's
		l.batch = batch
		l.size.Took(len(page.Records), time.Since(began))
		if err != nil {
			return from, err
		}
		from, l.next = next, next
		l.stored, l.written, l.quiet = page.Next, time.Now(), 0
	}
	l.cursor = page.Next
	return from, nil
}

// idle stores the lane's place, if it has moved without a row, or keeps the lane for this node, and waits for a commit, or until
// it is time to look. It returns false when another node works on the lane.
func (l *projectionLane) idle(ctx context.Context, woken <-chan struct{}) (held bool, err error) {
	l.quiet = grow(l.quiet, firstPoll, l.feed.cfg.PollInterval)
	wait, held := min(l.quiet, l.feed.cfg.Lease/3), true
	since := time.Since(l.written)
	switch moved := l.cursor != l.stored; {
	case moved && since >= storeEvery:
		held, err = l.store(ctx)
	case moved:
		wait = min(wait, storeEvery)
	case since >= l.feed.cfg.Lease/3:
		held, err = l.claim(ctx)
	}
	if err != nil || !held {
		return false, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-ctx.Done():
	}
	return true, nil
}
