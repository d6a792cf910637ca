package reading_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

func TestAwaitWhatIsThereAsksOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.happened("a", 1, "thing.made")
	r.applied(h)
	if parked, err := r.await(time.Minute, h); parked || err != nil {
		t.Errorf("got %t, %v", parked, err)
	}
	if n := r.asked.times.Load(); n != 1 {
		t.Errorf("the database was asked %d times, want once", n)
	}
}

func TestAwaitIsWokenByTheProjection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reading.SetPoll(r.models, 24*time.Hour)
	r.models.Add(r.list)
	h := r.happened("a", 1, "thing.made")
	done := make(chan error)
	go func() {
		_, err := r.await(time.Minute, h)
		done <- err
	}()
	<-r.asked.begun
	select {
	case err := <-done:
		t.Fatalf("didn't wait: %v", err)
	default:
	}
	r.applied(h)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Of what the read model doesn't handle it never learns: only what it gets is waited for.
func TestAwaitPassesByWhatTheModelDoesntHandle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made := r.happened("a", 1, "thing.made")
	moved := r.happened("a", 2, "thing.moved")
	if _, err := r.await(0, moved); !errors.Is(err, reading.ErrBehind) {
		t.Errorf("the event before isn't there: %v", err)
	}
	r.applied(made)
	other := eventlog.Head{Type: "other", ID: "a", Version: 7}
	if _, err := r.await(0, moved, other); err != nil {
		t.Error(err)
	}
}

func TestAwaitSaysWhatIsBehind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	heads := []eventlog.Head{r.happened("a", 1, "thing.made")}
	r.applied(heads[0])
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		v := domain.Version(1)
		if id == "a" {
			v = 2
		}
		heads = append(heads, r.happened(id, v, "thing.kept"))
	}
	_, err := r.await(time.Nanosecond, heads...)
	behind, ok := errors.AsType[*reading.BehindError](err)
	if !ok || behind.Projection != "list" || len(behind.Lacks) != 3 || behind.More != 2 {
		t.Fatalf("got %+v (%v)", behind, err)
	}
	_, err = r.await(0, heads[1])
	const want = "read model list has not reached version 2 of thing a yet, it is at 1"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAwaitCountsWhatIsParkedAsSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, other := r.happened("a", 1, "thing.made"), r.happened("b", 1, "thing.made")
	r.park(h)
	if parked, err := r.await(time.Minute, h); !parked || err != nil {
		t.Errorf("got %t, %v", parked, err)
	}
	if _, err := r.await(0, h, other); !errors.Is(err, reading.ErrBehind) {
		t.Errorf("one is parked, the other isn't there: %v", err)
	}
	r.applied(other)
	if parked, err := r.await(time.Minute, other); parked || err != nil {
		t.Errorf("got %t, %v", parked, err)
	}
}

func TestAwaitEndsWithItsContextAndWithTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.happened("a", 1, "thing.made")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-r.asked.begun
		cancel(nil)
	}()
	_, err := r.models.Await(ctx, "list", reading.NewToken(h), time.Minute)
	if !errors.Is(err, context.Canceled) || errors.Is(err, reading.ErrBehind) {
		t.Errorf("got %v", err)
	}
	defer r.log.Break()()
	if _, err := r.await(time.Minute, h); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// Many who wait for different things: one of them asks for all, and when it goes another one does.
func TestAwaitManyAskTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reading.SetPoll(r.models, 24*time.Hour)
	r.models.Add(r.list)
	const many = 200
	var heads []eventlog.Head
	for i := range many {
		heads = append(heads, r.happened(strings.Repeat("x", i+1), 1, "thing.made"))
	}
	var all sync.WaitGroup
	errs := make([]error, many)
	for i, h := range heads {
		all.Go(func() { _, errs[i] = r.await(time.Minute, h) })
	}
	<-r.asked.begun
	before := r.asked.times.Load()
	for _, h := range heads {
		r.applied(h)
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	// Each looks once by itself, and once for all whenever something new is there; not each whenever.
	if n := r.asked.times.Load() - before; n > 5*many {
		t.Errorf("the database was asked %d times for %d", n, many)
	}
}

// Somebody looks, finds nothing, and what it waits for is applied before it has told anybody that it waits.
func TestAwaitMissesNothingBetweenLookingAndWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reading.SetPoll(r.models, 24*time.Hour)
	r.models.Add(r.list)
	first, second := r.happened("a", 1, "thing.made"), r.happened("b", 1, "thing.made")
	var once sync.Once
	r.asked.hook = func(heads []eventlog.Head) {
		if !slices.Contains(heads, second) {
			return
		}
		once.Do(func() {
			before := r.asked.times.Load()
			r.applied(second)
			for r.asked.times.Load() == before { // the other one, who is woken, doesn't ask for this one yet
				runtime.Gosched()
			}
		})
	}
	done := make(chan error)
	go func() {
		_, err := r.await(time.Minute, first)
		done <- err
	}()
	applicationtest.Eventually(t, func() error {
		if r.asked.times.Load() < 2 {
			return errors.New("the first one doesn't ask for all yet")
		}
		return nil
	})
	if _, err := r.await(10*time.Second, second); err != nil {
		t.Error(err)
	}
	r.applied(first)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What no signal tells of, because another process feeds the read model, is found by asking again.
func TestAwaitFindsWhatAnotherProcessApplied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.happened("a", 1, "thing.made")
	go func() {
		<-r.asked.begun
		elsewhere := &rig{t: t, log: r.log, points: r.points, models: reading.NewModels(r.asked.Progress)}
		elsewhere.models.Add(r.list)
		elsewhere.applied(h)
	}()
	if _, err := r.await(time.Minute, h); err != nil {
		t.Error(err)
	}
}

func TestModelsThatNobodyCanWaitFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	blind := r.list
	blind.Name, blind.Repeats = "blind", projection.Allowed
	r.models.Add(blind)
	if err := r.models.Check("blind"); !errors.Is(err, reading.ErrCantWait) || !strings.Contains(err.Error(), "blind") {
		t.Errorf("got %v", err)
	}
	if err := r.models.Check("lost"); err == nil || !strings.Contains(err.Error(), `"lost"`) {
		t.Errorf("got %v", err)
	}
	if err := r.models.Check("list"); err != nil {
		t.Error(err)
	}
	if r.models.Signal("blind") != nil {
		t.Error("a model that nobody can wait for has a signal")
	}
}

// A projection whose rows know their versions is asked for those of its own aggregates only.
func TestAwaitRowsThatKnowTheirVersions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rows := map[string]domain.Version{"a": 1}
	known := r.list
	known.Name, known.Repeats = "known", projection.Allowed
	known.Reached = func(_ context.Context, _ eventlog.Tx, ids []string) (map[string]domain.Version, error) {
		if !slices.Equal(ids, []string{"a"}) {
			return nil, errors.New("asked for " + strings.Join(ids, ", "))
		}
		return rows, nil
	}
	r.models.Add(known)
	made, kept := r.happened("a", 1, "thing.made"), r.happened("a", 2, "thing.kept")
	other := eventlog.Head{Type: "other", ID: "not-an-id", Version: 1}
	await := func(heads ...eventlog.Head) error {
		_, err := r.models.Await(t.Context(), "known", reading.NewToken(heads...), 0)
		return err
	}
	if err := await(made, other); err != nil {
		t.Error(err)
	}
	if err := await(kept, other); !errors.Is(err, reading.ErrBehind) {
		t.Errorf("got %v", err)
	}
	rows["a"] = 2
	if err := await(kept); err != nil {
		t.Error(err)
	}
}
