package lanes

import (
	"context"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/adapters/relay/internal/pause"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// serve takes the lane and relays it until something fails, ctx ends, or its layout does.
func (w *worker) serve(ctx context.Context, between *pause.Pause) error {
	t, err := w.take(ctx)
	if err != nil {
		return err
	}
	defer t.session.Close()
	if w.taken {
		w.totals.retaken.Add(1)
	}
	w.taken = true
	for ctx.Err() == nil {
		layout, _ := w.orders()
		f, err := t.newFeed(ctx, layout)
		if err != nil {
			return err
		}
		err = t.forward(ctx, f, between)
		f.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// tenure is one taking of a lane: between Take and the first error.
type tenure struct {
	*worker
	session  relaying.Session
	progress relaying.Progress // as committed
	cursor   eventlog.Cursor   // how far the lane is; ahead of progress by pages without records
	moved    time.Time         // when progress was committed last
	parked   map[relaying.Key]relaying.Parked
	foreign  []relaying.Key // parked in the lane's place by an older layout, and none of this lane's
	passed   int64          // position of the last record of the page in hand; 0: none is
	request  int64          // the request in hand; 0: none is
}

// take makes this node the lane's only publisher and finds out where it goes on.
func (w *worker) take(ctx context.Context) (*tenure, error) {
	cfg := &w.relay.cfg
	identity, err := cfg.Log.Identify(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask which log this is: %w", err)
	}
	session, state, err := cfg.Target.Take(ctx, identity.Log, w.lane.Number)
	if err != nil {
		return nil, fmt.Errorf("take the lane: %w", err)
	}
	t := &tenure{worker: w, session: session, moved: time.Now(), parked: make(map[relaying.Key]relaying.Parked)}
	if err := t.begin(ctx, identity, state); err != nil {
		session.Close()
		return nil, err
	}
	return t, nil
}

// begin takes over what the target knows of the lane, or what the board does about one that is new.
func (t *tenure) begin(ctx context.Context, identity relaying.Identity, s relaying.State) error {
	cfg := &t.relay.cfg
	p := s.Progress
	switch {
	case s.IsNew():
		origin, err := cfg.Board.Origin(ctx, t.lane.Number)
		if err != nil {
			return fmt.Errorf("look where the lane begins: %w", err)
		}
		p = relaying.Progress{Log: identity.Log, Epoch: t.epoch, Cursor: origin}
	case p.Epoch > t.epoch:
		return t.overtaken(ctx, p)
	case p.Epoch == t.epoch && p.Closed:
		return t.sayClosed(ctx)
	case p.Epoch < t.epoch:
		return fmt.Errorf("%w: the target knows it in epoch %d, %d is in force; see `tenon relay rebase`", relaying.ErrProgressLost, p.Epoch, t.epoch)
	default:
		if err := cfg.Log.Verify(ctx, p); err != nil {
			return fmt.Errorf("compare the log with the lane's progress: %w", err)
		}
	}
	p.Timeline, p.Lane = identity.Timeline, t.lane
	t.progress, t.cursor = p, p.Cursor
	for _, k := range s.Parked {
		if laneOf(k.Key, t.lane.Of) == t.lane.Number {
			t.parked[k.Key] = k
		} else {
			t.foreign = append(t.foreign, k.Key)
		}
	}
	t.totals.parked.Store(int64(len(t.parked)))
	if p.Batches > 0 {
		t.relay.reporter.note(t.lane.Number, t.report(nil, true))
	}
	return nil
}

// overtaken tells a layout that this node will hear of soon from a database that forgot about it.
func (t *tenure) overtaken(ctx context.Context, p relaying.Progress) error {
	if l, _ := t.orders(); l.Next != 0 && p.Epoch == t.epoch+1 {
		return errClosed // it is about to be in force
	}
	if err := t.relay.cfg.Log.Verify(ctx, p); err != nil {
		return fmt.Errorf("compare the log with the lane's progress: %w", err)
	}
	return fmt.Errorf("the target knows the lane in layout %d, %d is in force here: %w", p.Epoch, t.epoch, eventlog.ErrUnavailable)
}

func laneOf(k relaying.Key, lanes int) int {
	return relaying.LaneOf(eventlog.Bucket(k.AggregateID), lanes)
}

// forward commits what the feed brings until the feed ends, which is an error or, while the layout changes, nil when all
// was said that the lane has to say.
func (t *tenure) forward(ctx context.Context, f *feed, between *pause.Pause) error {
	idle := time.NewTicker(t.relay.cfg.ProgressEvery)
	defer idle.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case p, ok := <-f.pages:
			if !ok {
				return t.ended(ctx, f)
			}
			if err = t.page(ctx, p); err == nil {
				t.well(between)
			}
		case <-t.ordered:
			if l, _ := t.orders(); l.Next != 0 {
				f.hold()
			}
			err = t.carryOut(ctx)
		case <-idle.C:
			err = t.remember(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// page commits the records of a page that aren't held back.
func (t *tenure) page(ctx context.Context, p relaying.Page) error {
	if len(p.Records) == 0 {
		t.cursor = p.Next
		return nil
	}
	t.passed = p.Records[len(p.Records)-1].Position // those that are held back too: the span tells when they were passed
	b := t.sort(p.Records)
	b.Progress = t.progress
	if n := len(b.Records); n > 0 {
		b.Progress.Last = relaying.Mark{Position: b.Records[n-1].Position, Event: b.Records[n-1].ID}
	}
	b.Progress.Cursor = p.Next
	return t.commit(ctx, b)
}

// remember stores how far the lane is when it has long had no records: whoever takes it over would have to pass what it
// has passed again.
func (t *tenure) remember(ctx context.Context) error {
	if t.cursor == t.progress.Cursor && len(t.foreign) == 0 || time.Since(t.moved) < t.relay.cfg.ProgressEvery {
		return nil
	}
	return t.commit(ctx, t.batch())
}

// batch returns one without records that stores how far the lane is.
func (t *tenure) batch() relaying.Batch {
	b := relaying.Batch{Progress: t.progress}
	b.Progress.Cursor = t.cursor
	return b
}

// commit publishes the batch.
func (t *tenure) commit(ctx context.Context, b relaying.Batch) error {
	if _, ends := t.orders(); time.Now().After(ends) {
		return fmt.Errorf("the lease on the lane has ended and could not be renewed: %w", eventlog.ErrUnavailable)
	}
	b.Progress.Batches++
	b.Release = append(b.Release, t.foreign...)
	began := time.Now()
	// A stop lets what is in hand finish: giving it up would cost the next owner more.
	limited, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(t.relay.cfg.StopTimeout, cancel) })()
	t.commits.Store(began.UnixNano())
	err := t.session.Commit(limited, b)
	t.commits.Store(0)
	if err != nil {
		return t.learn(b, err)
	}
	t.committed(b, began)
	return nil
}

// committed takes note of a batch that is out.
func (t *tenure) committed(b relaying.Batch, began time.Time) {
	span := relaying.Span{From: t.progress.Cursor, To: b.Progress.Cursor, Records: len(b.Records), Highest: t.passed}
	if t.passed == 0 {
		span.Records = 0 // what was held back was passed long ago
	}
	t.progress, t.cursor, t.moved, t.foreign, t.passed = b.Progress, b.Progress.Cursor, time.Now(), nil, 0
	for _, p := range b.Park {
		t.parked[p.Key] = p
		t.forget(p.Key)
	}
	for _, k := range b.Release {
		delete(t.parked, k)
	}
	t.widen()
	t.totals.batches.Add(1)
	t.totals.records.Add(int64(len(b.Records)))
	t.totals.parked.Store(int64(len(t.parked)))
	took := time.Since(began)
	report := t.report([]relaying.Span{span}, len(b.Park)+len(b.Release) > 0)
	if len(b.Records) > 0 {
		report.Commit = took
	}
	t.relay.reporter.note(t.lane.Number, report)
	t.relay.cfg.Observe(t.lane.Number, len(b.Records), took)
}
