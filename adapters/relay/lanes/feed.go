package lanes

import (
	"context"
	"fmt"
	"sync"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// firstPage is how many records are asked for while there is no backlog; it doubles while there is one.
const firstPage = 500

// feed reads a lane ahead: while one page is being committed, the next one is read.
type feed struct {
	cfg   *Config
	lane  relaying.Lane
	bytes func() int      // bound of the next page
	final eventlog.Cursor // where reading ends; "": it goes on
	held  chan struct{}   // closed when reading is to end with the window
	once  sync.Once       // closes held

	pages  chan relaying.Page
	err    error // why pages was closed; nil: hold or final was reached
	cancel context.CancelFunc
	done   chan struct{}
}

// newFeed begins to read where the tenure is, as the layout asks.
func (t *tenure) newFeed(ctx context.Context, l relaying.Layout) (*feed, error) {
	f := &feed{cfg: &t.relay.cfg, lane: t.lane, bytes: t.pageBytes, pages: make(chan relaying.Page), held: make(chan struct{}), done: make(chan struct{})}
	if l.Epoch == t.epoch && l.Next != 0 {
		if f.final = l.Final; f.final == "" {
			f.hold()
		}
	}
	at, err := f.bound(ctx, t.cursor)
	if err != nil {
		return nil, err
	}
	reading, cancel := context.WithCancel(ctx)
	f.cancel = cancel
	go func() {
		defer close(f.done)
		defer close(f.pages)
		f.err = f.read(reading, at)
	}()
	return f, nil
}

// hold lets the reading end with the window.
func (f *feed) hold() { f.once.Do(func() { close(f.held) }) }

func (f *feed) holding() bool {
	select {
	case <-f.held:
		return true
	default:
		return false
	}
}

// stop ends the reading and waits for it.
func (f *feed) stop() {
	f.cancel()
	<-f.done
}

// bound returns c inside the last window before final, if there is a final.
func (f *feed) bound(ctx context.Context, c eventlog.Cursor) (eventlog.Cursor, error) {
	if f.final == "" || c == f.final {
		return c, nil
	}
	last, err := f.cfg.Boundary.Until(ctx, c, f.final)
	if err != nil {
		return "", fmt.Errorf("open the layout's last window: %w", err)
	}
	return last, nil
}

func (f *feed) read(ctx context.Context, at eventlog.Cursor) error {
	var woken <-chan struct{} // by a commit since the window was opened; nil: that was before this feed began
	size, between := firstPage, false
	for f.final == "" || at != f.final {
		if between && f.final == "" && f.holding() {
			return nil
		}
		if between {
			woken = f.cfg.Wake.Wait() // before looking, or a commit in between is missed
		}
		page, err := f.cfg.Log.Read(ctx, relaying.Query{
			Lane: f.lane, After: at, Records: min(size, f.cfg.BatchRecords), Bytes: f.bytes(),
			// A lane that was taken again while it holds must not pass where all lanes end, which may be set already.
			Within: f.final == "" && f.holding(),
		})
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		at, between = page.Next, page.Between
		select {
		case f.pages <- page:
		case <-ctx.Done():
			return ctx.Err()
		}
		if between && f.final != "" {
			if at, err = f.bound(ctx, at); err != nil {
				return err
			}
			continue
		}
		if page.More {
			size = min(2*size, f.cfg.BatchRecords)
			continue
		}
		size = firstPage
		if woken == nil {
			continue
		}
		select {
		case <-woken:
		case <-f.held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
