package reading_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
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
