package rebuild_test

import (
	"context"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// watch reads a view all the time: it must be of one version as a whole, never an older one than before, and never show less.
type watch struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu   sync.Mutex
	seen map[int]int // versions of the projection, and how often they were seen
}

// shown is what a reader sees of the whole view.
type shown struct {
	Rows    int64 `db:"rows"`
	Version int64 `db:"version"` // all versions together: nothing that is taken away is made up for
	Least   int   `db:"least"`
	Most    int   `db:"most"`
}

func watchView(t testing.TB, db *postgres.DB) *watch {
	t.Helper()
	w := &watch{seen: make(map[int]int)}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(t.Context()))
	w.done.Go(func() {
		var before shown
		for ctx.Err() == nil {
			var now shown
			err := db.Pool().GetContext(ctx, &now, `SELECT count(*) AS rows, coalesce(sum(version), 0)::bigint AS version,
				coalesce(min(made_by), 0) AS least, coalesce(max(made_by), 0) AS most FROM shop.things`)
			if ctx.Err() != nil {
				return
			}
			w.note(t, before, now, err)
			if err == nil {
				before = now
			}
		}
	})
	t.Cleanup(func() { w.cancel(); w.done.Wait() })
	return w
}

func (w *watch) note(t testing.TB, before, now shown, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		t.Errorf("a reader got %v", err)
	case now.Least != now.Most:
		t.Errorf("a reader saw rows of versions %d and %d", now.Least, now.Most)
	case now.Rows < before.Rows || now.Version < before.Version || now.Most < before.Most:
		t.Errorf("a reader saw %+v after %+v", now, before)
	}
	w.seen[now.Most]++
}

// end ends the watch, which must have seen the version.
func (w *watch) end(t testing.TB, version int) {
	t.Helper()
	w.cancel()
	w.done.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[version] == 0 || w.seen[version-1] == 0 {
		t.Errorf("readers saw versions %v, want %d and %d", w.seen, version-1, version)
	}
}
