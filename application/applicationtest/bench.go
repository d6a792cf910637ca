package applicationtest

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Log is an empty log, as memory.NewLog makes one.
type Log interface {
	eventlog.Store
	eventlog.Reader
}

// Bench runs commands through their handlers, one after the other, and shows what each of them recorded. Not safe for
// concurrent use.
type Bench struct {
	Clock *Clock // the time of the units of work

	t        testing.TB
	log      Log
	mediator *application.Mediator
	codec    codec.Codec
	after    eventlog.Cursor
}

// NewBench returns a bench over the log. wire registers aggregates, events and handlers, as the program does; what is wrong
// with that ends the test.
func NewBench(t testing.TB, log Log, wire func(b *application.Builder)) *Bench {
	t.Helper()
	clock := new(Clock)
	b := application.NewBuilder(application.Config{Store: log, Now: clock.Now, Logger: slog.New(slog.DiscardHandler)})
	wire(b)
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return &Bench{Clock: clock, t: t, log: log, mediator: m, codec: b.Codec()}
}

// Outcome is what became of a command.
type Outcome[R any] struct {
	Result  R
	Err     error
	Events  []domain.Event    // what was committed, decoded, in the order of the log
	Records []eventlog.Record // the same with all columns, and the messages
}

// Run sends a command or query and returns what became of it. Commands that ran before it are its past.
func Run[C application.Request[R], R any](b *Bench, c C) Outcome[R] {
	b.t.Helper()
	ctx := b.t.Context()
	var out Outcome[R]
	out.Result, out.Err = application.Send(ctx, b.mediator, c)
	var err error
	if out.Records, b.after, err = drain(ctx, b.log, b.after, 1000); err != nil {
		b.t.Fatalf("read the log after %T: %v", c, err)
	}
	if out.Events, err = b.decode(ctx, out.Records); err != nil {
		b.t.Fatalf("decode what %T recorded: %v", c, err)
	}
	return out
}

func (b *Bench) decode(ctx context.Context, records []eventlog.Record) ([]domain.Event, error) {
	var all []domain.Event
	for i := range records {
		r := &records[i]
		if r.IsMessage() {
			continue
		}
		e, err := b.codec.Decode(ctx, codec.Meta{
			ID: r.ID, Type: r.Type, SchemaVersion: r.SchemaVersion, AggregateType: r.AggregateType, AggregateID: r.AggregateID,
		}, r.Payload)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", r.ID, err)
		}
		all = append(all, e)
	}
	return all, nil
}
