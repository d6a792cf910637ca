package lanes

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ended does what is next when the feed has ended: after an error nothing, at the layout's end closing the lane, else
// saying that it holds and waiting for the end to be set.
func (t *tenure) ended(ctx context.Context, f *feed) error {
	switch {
	case f.err != nil:
		return f.err
	case f.final != "":
		return t.close(ctx, f.final)
	}
	if err := t.relay.cfg.Layouts.Hold(ctx, t.epoch, t.lane.Number, t.cursor); err != nil {
		return fmt.Errorf("say that the lane holds: %w", err)
	}
	t.relay.wantBeat()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.ordered:
		}
		if l, _ := t.orders(); l.Next == 0 || l.Final != "" {
			return nil
		}
		if err := t.carryOut(ctx); err != nil {
			return err
		}
	}
}

// close stores that the lane has ended, so that whoever takes it with an old layout in mind stops.
func (t *tenure) close(ctx context.Context, final eventlog.Cursor) error {
	b := t.batch()
	b.Progress.Cursor, b.Progress.Closed = final, true
	if err := t.commit(ctx, b); err != nil {
		return err
	}
	return t.sayClosed(ctx)
}

func (t *tenure) sayClosed(ctx context.Context) error {
	if err := t.relay.cfg.Layouts.Close(ctx, t.epoch, t.lane.Number); err != nil {
		return fmt.Errorf("say that the lane is closed: %w", err)
	}
	t.relay.wantBeat()
	return errClosed
}

// wantBeat asks for a beat before its time.
func (r *Relay) wantBeat() {
	select {
	case r.beatNow <- struct{}{}:
	default:
	}
}
