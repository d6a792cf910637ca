package reading_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

// rig is a log with a read model, which is fed by hand.
type rig struct {
	t       *testing.T
	log     *memory.Log
	points  *memory.Checkpoints
	letters *memory.DeadLetters
	models  *reading.Models
	list    projection.Projection
	asked   *counted
}

// counted counts how often the database is asked, and tells of the first time.
type counted struct {
	reading.Progress

	times atomic.Int64
	begun chan struct{}
	hook  func(heads []eventlog.Head) // after each question; nil: none
	once  sync.Once
}

func (c *counted) Outstanding(ctx context.Context, p *projection.Projection, heads []eventlog.Head) ([]reading.Outstanding, error) {
	found, err := c.Progress.Outstanding(ctx, p, heads)
	c.times.Add(1)
	c.once.Do(func() { close(c.begun) })
	if c.hook != nil {
		c.hook(heads)
	}
	return found, err
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, log: memory.NewLog()}
	r.points, r.letters = memory.NewCheckpoints(r.log), memory.NewDeadLetters(r.log, nil)
	r.asked = &counted{Progress: memory.NewProgress(r.log, r.points, r.letters), begun: make(chan struct{})}
	r.models = reading.NewModels(r.asked)
	r.list = projection.Projection{Name: "list", Version: 1, Topics: []string{"things"}, Types: []string{"thing.made", "thing.kept"}}
	r.models.Add(r.list)
	return r
}

// happened appends a thing's event.
func (r *rig) happened(id string, v domain.Version, kind string) eventlog.Head {
	r.t.Helper()
	r.inTx(func(tx eventlog.Tx) error {
		return tx.Append(r.t.Context(), []eventlog.Record{{
			ID: uuid.New(), Topic: "things", AggregateType: "thing", AggregateID: id, Version: v, Type: kind, SchemaVersion: 1, Payload: []byte("{}"),
		}})
	})
	return eventlog.Head{Type: "thing", ID: id, Version: v}
}

// applied lets the read model have an event, as a runner does.
func (r *rig) applied(h eventlog.Head) {
	r.t.Helper()
	r.inTx(func(tx eventlog.Tx) error {
		_, err := r.points.Fresh(r.t.Context(), tx, "list", 1, []projection.Event{{Record: eventlog.Record{
			ID: uuid.New(), AggregateType: h.Type, AggregateID: h.ID, Version: h.Version,
		}}})
		return err
	})
	r.models.Signal("list").Raise()
}

func (r *rig) park(h eventlog.Head) {
	r.t.Helper()
	key := deadletter.Key{Place: deadletter.Place{Projection: "list", Version: 1, Topic: "things"}, AggregateType: h.Type, AggregateID: h.ID}
	r.inTx(func(tx eventlog.Tx) error {
		return r.letters.Park(r.t.Context(), tx, []deadletter.Event{{Key: key, Type: "thing.made", ParkedAt: time.Now()}})
	})
}

func (r *rig) inTx(work func(eventlog.Tx) error) {
	r.t.Helper()
	tx, err := r.log.Begin(r.t.Context())
	if err == nil {
		err = errors.Join(work(tx), tx.Commit(r.t.Context()))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) await(patience time.Duration, heads ...eventlog.Head) (bool, error) {
	return r.models.Await(r.t.Context(), "list", reading.NewToken(heads...), patience)
}

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
