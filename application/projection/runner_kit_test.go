package projection_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

var partition = projection.Partition{Topic: "things", ID: uuid.MustParse("7a1d0b8e-1f0c-4b57-9a43-9e3f6a5f3a10"), Number: 2}

// noted is the event of the tests. Fail names what Apply does with it.
type noted struct {
	N    int    `json:"n"`
	Fail string `json:"fail,omitempty"`
}

// rig is a runner on the memory adapter. Its projection keeps, per event, how often its effect was stored.
type rig struct {
	*projection.Runner
	cfg     projection.RunnerConfig
	log     *memory.Log
	parking *memory.DeadLetters
	effects *memory.Table[int]
	clock   applicationtest.Clock

	mu    sync.Mutex
	calls [][]int // what Apply was called with
	hook  func(noted) error
}

func newRig(t testing.TB, change ...func(*rig)) *rig {
	t.Helper()
	r := &rig{log: memory.NewLog()}
	r.parking = memory.NewDeadLetters(r.log, r.clock.Now)
	r.effects = memory.NewTable[int](r.log)
	types := new(codec.Types)
	codec.Register[noted](types, "thing.noted", 1)
	r.cfg = projection.RunnerConfig{
		Projection: projection.Projection{
			Name: "list", Version: 2, Topics: []string{"things"}, Types: []string{"thing.noted"}, Apply: r.apply,
		},
		Store: r.log, Checkpoints: memory.NewCheckpoints(r.log), Codec: codec.JSON{Types: types},
		Parking: r.parking, Group: "group", MinBackoff: time.Microsecond, MaxBackoff: time.Millisecond, Now: r.clock.Now,
	}
	for _, c := range change {
		c(r)
	}
	runner, err := projection.NewRunner(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Runner = runner
	return r
}

func (r *rig) apply(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
	var call []int
	for _, e := range batch {
		call = append(call, e.Event.(noted).N)
	}
	r.mu.Lock()
	r.calls = append(r.calls, call)
	r.mu.Unlock()
	for _, e := range batch {
		key := fmt.Sprintf("%03d", e.Event.(noted).N)
		n, _, err := r.effects.Get(ctx, tx, key)
		if err != nil {
			return err
		}
		if err := r.effects.Put(ctx, tx, key, n+1); err != nil {
			return err
		}
		if err := r.fail(e.Event.(noted)); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) fail(e noted) error {
	switch {
	case r.hook != nil:
		return r.hook(e)
	case e.Fail == "panic":
		panic("cannot bear it")
	case e.Fail != "":
		return errors.New(e.Fail)
	}
	return nil
}

// event is a delivery of a noted event with the number of its offset.
func event(t testing.TB, offset int64, fail string) projection.Delivery {
	t.Helper()
	payload, err := json.Marshal(noted{N: int(offset), Fail: fail})
	if err != nil {
		t.Fatal(err)
	}
	return delivery(offset, "thing.noted", string(payload))
}

// delivery is of an aggregate of its own.
func delivery(offset int64, eventType, payload string) projection.Delivery {
	return deliveryOf(fmt.Sprintf("a-%d", offset), offset, eventType, payload)
}

func deliveryOf(aggregate string, offset int64, eventType, payload string) projection.Delivery {
	rec := eventlog.Record{ID: uuid.New(), Type: eventType, SchemaVersion: 1, AggregateType: "thing", AggregateID: aggregate, Payload: []byte(payload)}
	return projection.Delivery{
		Partition: partition, Offset: offset, Key: []byte(aggregate), Value: rec.Payload, Headers: relaying.Headers(&rec), Record: rec,
	}
}

// events are good ones at the offsets from first to last.
func events(t testing.TB, first, last int64) []projection.Delivery {
	t.Helper()
	var all []projection.Delivery
	for o := first; o <= last; o++ {
		all = append(all, event(t, o, ""))
	}
	return all
}

// handle hands a batch over from where the checkpoint is.
func (r *rig) handle(t testing.TB, batch ...projection.Delivery) {
	t.Helper()
	from, err := r.Start(t.Context(), partition)
	if err != nil {
		t.Fatal(err)
	}
	next, err := r.Handle(t.Context(), partition, from, batch)
	if want := batch[len(batch)-1].Offset + 1; err != nil || next != want {
		t.Fatalf("Handle: %d, %v, want %d", next, err, want)
	}
}

// effect returns the numbers of the events whose effects are stored; it fails the test if one was stored twice.
func (r *rig) effect(t testing.TB) []int {
	t.Helper()
	rows, err := r.effects.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for key, times := range rows {
		var n int
		if _, err := fmt.Sscanf(key, "%d", &n); err != nil || times != 1 {
			t.Errorf("the effect of event %s is stored %d times", key, times)
		}
		all = append(all, n)
	}
	return all
}

// letters returns what the log holds for the dead-letter topic, as it is published.
func (r *rig) letters(t testing.TB) []relaying.Wire {
	t.Helper()
	page, err := r.log.Read(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var all []relaying.Wire
	for i := range page.Records {
		w, ok := relaying.WireOf(&page.Records[i])
		if !ok || page.Records[i].Topic != "things.DLT" || !page.Records[i].IsMessage() {
			t.Errorf("the log has %+v, want only copies for things.DLT", page.Records[i])
		}
		all = append(all, w)
	}
	return all
}

// parked returns what is parked, in order.
func (r *rig) parked(t testing.TB) []deadletter.Event {
	t.Helper()
	all, err := r.parking.Events(t.Context(), deadletter.Filter{}, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func numbers(first, last int) []int {
	var all []int
	for n := first; n <= last; n++ {
		all = append(all, n)
	}
	return all
}
