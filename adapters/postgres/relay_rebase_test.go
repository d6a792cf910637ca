package postgres_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestNewestIsTheLastThatIsPassed(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	if got := must(l.Newest(t.Context(), must(l.Freeze(t.Context(), nil))(t)))(t); !got.IsZero() {
		t.Errorf("of an empty log: %v", got)
	}
	slow := beginTx(t, db)
	appendTo(t, slow, event("early", 1))
	store(t, db, events("a", 1, 3)...)
	late := beginTx(t, db)
	appendTo(t, late, event("late", 1))
	end := must(l.Freeze(t.Context(), nil))(t)
	inside := must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, Records: 2, Bytes: manyBytes}))(t).Next
	commit(t, slow)
	commit(t, late)
	for name, tt := range map[string]struct {
		at   eventlog.Cursor
		want string // version of a
	}{"frozen": {end, "3"}, "inside a window": {inside, "2"}} {
		want := queryValue[uuid.UUID](t, db, `SELECT event_id FROM tenon.events WHERE aggregate_id = 'a' AND version = $1`, tt.want)
		got := must(l.Newest(t.Context(), tt.at))(t)
		if got.Event != want || got.Position != queryValue[int64](t, db, `SELECT position FROM tenon.events WHERE event_id = $1`, want) {
			t.Errorf("%s: %v, want version %s of a", name, got, tt.want)
		}
	}
	if got := must(l.Newest(t.Context(), ""))(t); !got.IsZero() {
		t.Errorf("of the beginning: %v", got)
	}
}

func TestLeftCountsWhatIsNotPassed(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	slow := beginTx(t, db)
	appendTo(t, slow, events("early", 1, 2)...)
	store(t, db, events("a", 1, 3)...)
	end := must(l.Freeze(t.Context(), nil))(t)
	inside := must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, Records: 2, Bytes: manyBytes}))(t).Next
	commit(t, slow)
	store(t, db, events("b", 1, 4)...)
	whole := relaying.Lane{Of: 1}
	ofA := relaying.Lane{Number: relaying.LaneOf(eventlog.Bucket("a"), 64), Of: 64}
	for name, tt := range map[string]struct {
		lane relaying.Lane
		at   eventlog.Cursor
		most int
		want int
		more bool
	}{
		"all": {whole, "", 9, 9, false}, "too many": {whole, "", 8, 8, true}, "since the end": {whole, end, 9, 6, false},
		"inside a window": {whole, inside, 9, 7, false}, "a lane": {ofA, "", 9, 3, false}, "a lane since": {ofA, end, 9, 0, false},
	} {
		got := must(l.Left(t.Context(), tt.lane, tt.at, tt.most))(t)
		if got.Events != tt.want || got.More != tt.more || got.Oldest.IsZero() != (tt.want == 0) {
			t.Errorf("%s: %+v, want %d, more %v", name, got, tt.want, tt.more)
		}
	}
}

func TestSurveyRefusesForeignCursors(t *testing.T) {
	t.Parallel()
	l := postgres.NewLaneLog(open(t))
	foreign := postgres.Cursor{Log: uuid.New(), Before: postgres.Snapshot{Xmax: 5}}.Text()
	_, newest := l.Newest(t.Context(), foreign)
	_, left := l.Left(t.Context(), relaying.Lane{Of: 1}, foreign, 1)
	for name, err := range map[string]error{"newest": newest, "left": left} {
		if !errors.Is(err, relaying.ErrLogChanged) {
			t.Errorf("%s: %v, want ErrLogChanged", name, err)
		}
	}
}

func TestRebasesAreRecorded(t *testing.T) {
	t.Parallel()
	db := open(t)
	desk := postgres.NewRelayDesk(db)
	r := relaying.Rebase{Identity: must(postgres.NewLaneLog(db).Identify(t.Context()))(t), Epoch: 2, To: "now", By: "anna", Reason: "ticket 4711"}
	done := must(desk.NoteRebase(t.Context(), r))(t)
	failed := must(desk.NoteRebase(t.Context(), r))(t)
	if err := errors.Join(desk.RebaseDone(t.Context(), done, nil), desk.RebaseDone(t.Context(), failed, errors.New("no broker"))); err != nil {
		t.Fatal(err)
	}
	const row = `SELECT concat_ws(' ', epoch, destination, decided_by, reason, done_at IS NOT NULL, outcome) FROM tenon.relay_rebases WHERE id = $1`
	for id, want := range map[int64]string{done: "2 now anna ticket 4711 t ", failed: "2 now anna ticket 4711 t no broker"} {
		if got := queryValue[string](t, db, row, id); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, wrong := range []relaying.Rebase{{To: "now", Reason: "x"}, {To: "now", By: "anna"}, {To: "there", By: "anna", Reason: "x"}} {
		if _, err := desk.NoteRebase(t.Context(), wrong); err == nil {
			t.Errorf("%+v is recorded", wrong)
		}
	}
}
