package projection_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

type (
	opened struct{ Name string }
	raised struct{ By int }
)

// tally is the row of the tests.
type tally struct {
	ID      string
	Version domain.Version
	Name    string
	Sum     int
}

// tallies is a table that counts its statements.
type tallies struct {
	*memory.Table[tally]

	loads, stores int
}

func (t *tallies) Load(ctx context.Context, tx eventlog.Tx, keys []string) ([]*tally, error) {
	t.loads++
	var rows []*tally
	for _, key := range keys {
		row, ok, err := t.Get(ctx, tx, key)
		if err != nil {
			return nil, err
		}
		if ok {
			rows = append(rows, &row)
		}
	}
	return rows, nil
}

func (t *tallies) Store(ctx context.Context, tx eventlog.Tx, rows []*tally) error {
	t.stores++
	for _, r := range rows {
		if err := t.Put(ctx, tx, r.ID, *r); err != nil {
			return err
		}
	}
	return nil
}

func declareTally(table projection.Table[tally]) *projection.Declaration[*projection.Rows[tally]] {
	d := projection.DeclareRows("tally", 1, table, func(r *tally) (*string, *domain.Version) { return &r.ID, &r.Version }, "things")
	projection.Begins(d, "thing.opened", func(e projection.Of[opened]) tally { return tally{Name: e.Event.Name} })
	projection.Changes(d, "thing.raised", func(r *tally, e projection.Of[raised]) { r.Sum += e.Event.By })
	return d
}

func happened(id string, version domain.Version, eventType string, body domain.Event) projection.Event {
	return projection.Event{
		Record: eventlog.Record{ID: uuid.New(), Type: eventType, AggregateType: "thing", AggregateID: id, Version: version}, Event: body,
	}
}

// tallied applies batches and returns the table.
func tallied(t testing.TB, batches ...[]projection.Event) (*tallies, error) {
	t.Helper()
	log := memory.NewLog()
	table := &tallies{Table: memory.NewTable[tally](log)}
	p := declareTally(table).Projection()
	for _, batch := range batches {
		tx, err := log.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(t.Context(), tx, batch); err != nil {
			return table, errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return table, nil
}

func TestRowsFoldABatchWithOneLoadAndOneStore(t *testing.T) {
	t.Parallel()
	table, err := tallied(t, []projection.Event{
		happened("a", 1, "thing.opened", opened{"A"}), happened("b", 1, "thing.opened", opened{"B"}),
		happened("a", 2, "thing.raised", raised{3}), happened("a", 3, "thing.raised", raised{4}),
	}, []projection.Event{happened("b", 2, "thing.raised", raised{5}), happened("b", 3, "thing.raised", raised{6})})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]tally{"a": {"a", 3, "A", 7}, "b": {"b", 3, "B", 11}}
	if diff := cmp.Diff(want, rowsOf(t, table)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if table.loads != 2 || table.stores != 2 {
		t.Errorf("%d loads and %d stores for 2 batches", table.loads, table.stores)
	}
}

func TestRowsPassBySeenEventsInAndAcrossBatches(t *testing.T) {
	t.Parallel()
	first := happened("a", 1, "thing.opened", opened{"A"})
	second, third := happened("a", 2, "thing.raised", raised{3}), happened("a", 3, "thing.raised", raised{4})
	table, err := tallied(t, []projection.Event{first, second, first, second, third}, []projection.Event{second, third}, []projection.Event{first})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]tally{"a": {"a", 3, "A", 7}}, rowsOf(t, table)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if table.stores != 1 {
		t.Errorf("%d stores, want 1: repeats change nothing", table.stores)
	}
}

func TestRowsRefuseAChangeOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := tallied(t, []projection.Event{happened("lost", 2, "thing.raised", raised{3})})
	if err == nil || !strings.Contains(err.Error(), "lost") || !strings.Contains(err.Error(), "thing.raised") {
		t.Errorf("Apply: %v, want an error that names the aggregate and the event", err)
	}
}

func TestDeclaredProjectionNamesWhatItCannotHandle(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]projection.Event{
		"thing.closed":        happened("a", 1, "thing.closed", opened{}),
		"projection_test.rai": happened("a", 1, "thing.opened", raised{}),
	} {
		if _, err := tallied(t, []projection.Event{e}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Apply: %v, want an error with %q", err, want)
		}
	}
}

func TestDeclaredProjectionDecodesIntoTheReadersStructs(t *testing.T) {
	t.Parallel()
	d := declareTally(&tallies{})
	type renamed struct{ To string }
	projection.OnSchema(d, "thing.renamed", 2, func(*projection.Rows[tally], projection.Of[renamed]) error { return nil })
	codec.Upcast(d.Events(), "thing.renamed", 1, func(old struct{ Name string }) (renamed, error) { return renamed{To: old.Name}, nil })
	p := d.Projection()
	if diff := cmp.Diff([]string{"thing.opened", "thing.raised", "thing.renamed"}, p.Types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	c := codec.JSON{Types: p.Events}
	for payload, want := range map[string]domain.Event{`1{"Name":"x"}`: renamed{"x"}, `2{"To":"y"}`: renamed{"y"}} {
		got, err := c.Decode(t.Context(), codec.Meta{Type: "thing.renamed", SchemaVersion: int(payload[0] - '0')}, []byte(payload[1:]))
		if err != nil || got != want {
			t.Errorf("decode %s: %v, %v, want %v", payload, got, err, want)
		}
	}
}

func TestRunnerReportsATypeThatIsHandledTwice(t *testing.T) {
	t.Parallel()
	d := declareTally(&tallies{})
	projection.Begins(d, "thing.opened", func(projection.Of[struct{}]) tally { return tally{} })
	_, err := projection.NewRunner(projection.RunnerConfig{Projection: d.Projection()})
	if err == nil || !strings.Contains(err.Error(), `"thing.opened"`) {
		t.Errorf("NewRunner: %v, want an error that names thing.opened", err)
	}
}

func rowsOf(t testing.TB, table *tallies) map[string]tally {
	t.Helper()
	rows, err := table.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return maps.Collect(rows)
}
