package applicationtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/domain"
)

type start struct {
	application.Returns[domain.Version]
	ID string
}

type add struct {
	application.Returns[application.Done]
	ID, Who string
}

var errNobody = errors.New("nobody counts")

func handleStart(_ context.Context, u *application.Unit, c start) (domain.Version, error) {
	t := new(tally)
	domain.Begin(t, c.ID)
	t.count()
	application.Add(u, t)
	return t.Version(), nil
}

func handleAdd(ctx context.Context, u *application.Unit, c add) (application.Done, error) {
	t, err := application.Get[tally](ctx, u, c.ID)
	if err != nil {
		return application.Done{}, err
	}
	domain.Record(t, counted{Who: c.Who})
	u.Publish(application.Message{Topic: "notices", Key: c.ID, Type: "noticed", Payload: c.Who})
	if c.Who == "" {
		return application.Done{}, errNobody
	}
	return application.Done{}, nil
}

func newBench(t testing.TB) *applicationtest.Bench {
	log := memory.NewLog()
	return applicationtest.NewBench(t, log, func(b *application.Builder) {
		application.Register[tally](b, "tally", memory.NewRepository[tally](log, "tally", deep), nil)
		application.Event[counted](b, "tally.counted", 1)
		application.Handle(b, handleStart)
		application.Handle(b, handleAdd)
	})
}

func TestRunShowsWhatOneCommandRecorded(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	if out := applicationtest.Run(bench, start{ID: "a"}); out.Err != nil || out.Result != 1 {
		t.Errorf("result %d, error %v", out.Result, out.Err)
	}
	bench.Clock.Advance(time.Hour)
	out := applicationtest.Run(bench, add{ID: "a", Who: "Ann"})
	if diff := cmp.Diff([]domain.Event{counted{Who: "Ann"}}, out.Events); diff != "" || out.Err != nil {
		t.Errorf("error %v, events (-want +got):\n%s", out.Err, diff)
	}
	if len(out.Records) != 2 || !out.Records[1].IsMessage() || !out.Records[0].RecordedAt.Equal(bench.Clock.Now()) {
		t.Errorf("records are %+v, want the event and the message, at the clock's time", out.Records)
	}
}

func TestRunShowsNothingAfterAnError(t *testing.T) {
	t.Parallel()
	bench := newBench(t)
	applicationtest.Run(bench, start{ID: "a"})
	out := applicationtest.Run(bench, add{ID: "a"})
	if !errors.Is(out.Err, errNobody) || len(out.Records) > 0 || len(out.Events) > 0 {
		t.Errorf("outcome is %+v, want the error alone", out)
	}
}
