package applicationtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// RepositoryFixture is a repository without aggregates and the log in the same database.
type RepositoryFixture[A domain.Aggregate] struct {
	Store      eventlog.Store
	Repository application.Repository[A]

	AggregateType string       // as the repository names it in errors and finds it in the log
	Types         *codec.Types // the names of its events
	Codec         codec.Codec  // nil: JSON over Types

	New     func() A     // a new aggregate with another id each time, with at least one event recorded
	Change  func(A)      // records at least one event more; called up to three times on one aggregate
	Unknown string       // an id of the right form that no aggregate has
	Compare []cmp.Option // how states are compared, beside the default: all fields, empty is nil
}

// Repository tests application.Repository: what was saved comes back, and who was late learns it.
func Repository[A domain.Aggregate](t *testing.T, fixture func(t testing.TB) RepositoryFixture[A]) {
	t.Helper()
	runChecks(t, fixture, repositoryChecks[A]())
}

func repositoryChecks[A domain.Aggregate]() []check[RepositoryFixture[A]] {
	return []check[RepositoryFixture[A]]{
		{"an unknown aggregate is not found", unknownAggregate[A]},
		{"a saved aggregate comes back as it was", saveAndLoad[A]},
		{"a changed aggregate comes back as it was", changeAndLoad[A]},
		{"several aggregates are saved in one call", saveSeveral[A]},
		{"saving none has no effect", saveNone[A]},
		{"a stale aggregate is a conflict", staleSave[A]},
		{"an aggregate made twice is a conflict", madeTwice[A]},
		{"of concurrent writers exactly one wins", writersRace[A]},
		{"what is rolled back was never there", rolledBackSave[A]},
		{"a transaction loads what it wrote", loadInTransaction[A]},
		{"loaded aggregates share no state", noSharedState[A]},
	}
}

// save commits the aggregates' state and events like a unit of work.
func (f *RepositoryFixture[A]) save(ctx context.Context, changed ...A) error {
	err := unit(ctx, f.Store, func(tx eventlog.Tx) error { return f.write(ctx, tx, changed...) })
	if err == nil {
		for _, a := range changed {
			domain.Committed(a)
		}
	}
	return err
}

func (f *RepositoryFixture[A]) write(ctx context.Context, tx eventlog.Tx, changed ...A) error {
	if err := f.Repository.Save(ctx, tx, changed); err != nil {
		return step("save", err)
	}
	var records []eventlog.Record
	for _, a := range changed {
		for i, e := range domain.Recorded(a) {
			r, err := f.record(ctx, domain.IDOf(a), domain.Stored(a)+domain.Version(i)+1, e)
			if err != nil {
				return err
			}
			records = append(records, r)
		}
	}
	return step("append", tx.Append(ctx, records))
}

func (f *RepositoryFixture[A]) record(ctx context.Context, id string, v domain.Version, e domain.Event) (eventlog.Record, error) {
	name, schema, err := f.Types.NameOf(e)
	if err != nil {
		return eventlog.Record{}, err
	}
	r := eventlog.Record{
		ID: uuid.Must(uuid.NewV7()), Topic: topicOf, AggregateType: f.AggregateType, AggregateID: id, Version: v,
		Type: name, SchemaVersion: schema, RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	if f.Codec == nil {
		r.Payload, err = json.Marshal(e)
		return r, err
	}
	meta := codec.Meta{ID: r.ID, Type: name, SchemaVersion: schema, AggregateType: r.AggregateType, AggregateID: id}
	r.Payload, err = f.Codec.Encode(ctx, meta, e)
	return r, err
}

// stored returns an error unless loading gives the aggregate as it is in memory after its events were committed.
func (f *RepositoryFixture[A]) stored(ctx context.Context, tx eventlog.Tx, want A) error {
	got, err := f.Repository.Load(ctx, tx, domain.IDOf(want))
	if err != nil {
		return step("load", err)
	}
	switch {
	case domain.IDOf(got) != domain.IDOf(want):
		return fmt.Errorf("id is %q, want %q", domain.IDOf(got), domain.IDOf(want))
	case domain.Stored(got) != version(want):
		return fmt.Errorf("stored version is %d, want %d", domain.Stored(got), version(want))
	case len(domain.Recorded(got)) > 0:
		return fmt.Errorf("%d events are recorded on a loaded aggregate", len(domain.Recorded(got)))
	}
	options := append([]cmp.Option{
		cmp.Exporter(func(t reflect.Type) bool { return t != reflect.TypeFor[domain.Root]() }),
		cmpopts.IgnoreTypes(domain.Root{}), // compared above; want may still have events recorded
		cmpopts.EquateEmpty(),
	}, f.Compare...)
	if diff := cmp.Diff(want, got, options...); diff != "" {
		return fmt.Errorf("state differs (-saved +loaded):\n%s", diff)
	}
	return nil
}

// version returns what the aggregate's version is, recorded events included.
func version(a domain.Aggregate) domain.Version {
	return domain.Stored(a) + domain.Version(len(domain.Recorded(a)))
}

func unknownAggregate[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	load := func(tx eventlog.Tx) error {
		_, err := f.Repository.Load(ctx, tx, f.Unknown)
		var missing *domain.NotFoundError
		if !errors.As(err, &missing) {
			return fmt.Errorf("error is %v, want *domain.NotFoundError", err)
		}
		if want := (domain.NotFoundError{Type: f.AggregateType, ID: f.Unknown}); *missing != want {
			return fmt.Errorf("error is %+v, want %+v", *missing, want)
		}
		return nil
	}
	return errors.Join(load(nil), step("in a transaction", rollingBack(ctx, f.Store, load)))
}

func saveAndLoad[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	a := f.New()
	if err := f.save(ctx, a); err != nil {
		return err
	}
	return f.stored(ctx, nil, a)
}

func changeAndLoad[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	a := f.New()
	if err := f.save(ctx, a); err != nil {
		return err
	}
	f.Change(a) // the aggregate that made it
	if err := f.save(ctx, a); err != nil {
		return step("changed once", err)
	}
	loaded, err := f.Repository.Load(ctx, nil, domain.IDOf(a))
	if err != nil {
		return err
	}
	f.Change(loaded) // and one that was loaded, twice in a unit
	f.Change(loaded)
	if err := f.save(ctx, loaded); err != nil {
		return step("changed after loading", err)
	}
	return f.stored(ctx, nil, loaded)
}

func saveSeveral[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	first, second, third := f.New(), f.New(), f.New()
	if err := f.save(ctx, first, second); err != nil {
		return err
	}
	f.Change(second)
	f.Change(first)
	if err := f.save(ctx, third, second, first); err != nil {
		return step("new and changed together", err)
	}
	return errors.Join(f.stored(ctx, nil, first), f.stored(ctx, nil, second), f.stored(ctx, nil, third))
}

func saveNone[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	return unit(ctx, f.Store, func(tx eventlog.Tx) error { return f.Repository.Save(ctx, tx, nil) })
}
