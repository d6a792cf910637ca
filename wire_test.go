package tenon_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tenon-go/tenon"
	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/ports/consumer"
)

// run builds and runs a program with these contexts on servers of the test's own and returns the error that ends it.
func run(t testing.TB, contexts ...tenon.Context) error {
	t.Helper()
	cfg, err := tenon.LoadConfig([]string{
		"TENON_HTTP_ADDR=127.0.0.1:0", "TENON_DATA_DIR=" + t.TempDir(), "TENON_DATABASE_URL=" + embeddedtest.Database(t),
		"TENON_KAFKA_BROKERS=" + embeddedtest.Broker(t),
	}, contexts...)
	if err != nil {
		t.Fatal(err)
	}
	app, err := tenon.New(cfg, tenon.Streams{Out: io.Discard, Err: io.Discard}, contexts...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		select {
		case <-app.Ready():
			cancel()
		case <-ctx.Done():
		}
	}()
	defer cancel()
	return app.Run(ctx)
}

func TestAProgramWithoutContextsStartsAndStops(t *testing.T) {
	t.Parallel()
	if err := run(t); err != nil {
		t.Error(err)
	}
}

func TestContextsThatCannotRunAreRefusedByName(t *testing.T) {
	t.Parallel()
	nothing := func(*tenon.Wiring) error { return nil }
	for _, c := range []struct {
		name     string
		contexts []tenon.Context
		says     string
	}{
		{"without a name", []tenon.Context{{Wire: nothing}}, `context ""`},
		{"two of one name", []tenon.Context{{Name: "a", Wire: nothing}, {Name: "a", Wire: nothing}}, `context "a"`},
		{"without Wire", []tenon.Context{{Name: "a"}}, `context "a"`},
		{"a schema without migrations", []tenon.Context{{Name: "a", Wire: nothing, Schema: "a"}}, `context "a"`},
		{
			"whose wiring fails",
			[]tenon.Context{{Name: "a", Wire: func(*tenon.Wiring) error { return errors.New("no luck") }}},
			"context a: no luck",
		},
		{
			"with two handlers of one name",
			[]tenon.Context{{Name: "a", Wire: func(w *tenon.Wiring) error {
				w.Consume(consumer.Handler{Name: "h", Topic: "t"})
				w.Subscribe(consumer.Handler{Name: "h"})
				return nil
			}}},
			`two handlers are named "h"`,
		},
		{
			"with a projection of unknown events",
			[]tenon.Context{{Name: "a", Wire: func(w *tenon.Wiring) error {
				w.Project(projection.Projection{
					Name: "p", Version: 1, Topics: []string{"t"}, Types: []string{"thing.painted"},
					Apply: func(context.Context, eventlog.Tx, []projection.Event) error { return nil },
				})
				return nil
			}}},
			`projection p handles events of type "thing.painted", which no context registers`,
		},
		{"with a projection of several topics", readsCounters("counter.started", "counter.ended"), "on several topics, counter.ended and counter.started"},
		{"with a projection of an event that isn't there", readsCounters("counter.stared"), `"counter.stared", which aggregate "counter" doesn't have`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := run(t, c.contexts...); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

// counter is an aggregate whose types of events have topics of their own.
type counter struct{ domain.Root }

func (*counter) Apply(domain.Event) {}

type (
	started struct{}
	ended   struct{}
)

// readsCounters is a context with a projection of counters' events, each type on a topic of its name.
func readsCounters(types ...string) []tenon.Context {
	return []tenon.Context{{Name: "a", Wire: func(w *tenon.Wiring) error {
		application.Register(w.Builder, "counter", application.EventSourced[counter](w.DB, w.Builder.Codec(), "counter"), application.TopicPerEvent)
		application.Event[started](w.Builder, "counter.started", 1)
		application.Event[ended](w.Builder, "counter.ended", 1)
		p := projection.Declare("p", 1, func() nothing { return nothing{} }, types...)
		projection.On(p, types[0], func(nothing, projection.Of[started]) error { return nil })
		for _, t := range types[1:] {
			projection.On(p, t, func(nothing, projection.Of[ended]) error { return nil })
		}
		w.Project(p.Projection())
		return nil
	}}}
}

// nothing is a fold that keeps nothing.
type nothing struct{}

func (nothing) Load(context.Context, eventlog.Tx, []projection.Event) error { return nil }
func (nothing) Store(context.Context, eventlog.Tx) error                    { return nil }

// One type of event of an aggregate on its own topic is in order, and so are those of two aggregates.
func TestAProjectionOfOneTopicOfAnAggregateStarts(t *testing.T) {
	t.Parallel()
	if err := run(t, readsCounters("counter.started", "shop.opened")...); err != nil {
		t.Error(err)
	}
}

func TestASettingThatNobodyDeclaredPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(string), "TENON_NOBODY") {
			t.Errorf("recovered %v, want a panic naming the setting", p)
		}
	}()
	_ = run(t, tenon.Context{Name: "a", Wire: func(w *tenon.Wiring) error { w.Setting("TENON_NOBODY"); return nil }})
}
