package applicationtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// topicOf is where the suites' events go unless a check says otherwise.
const topicOf = "domain.thing.events"

// event returns an aggregate's event with every column filled.
func event(id string, v domain.Version) eventlog.Record {
	r := message(id)
	r.AggregateType, r.Version, r.Type = "thing", v, "thing.changed"
	return r
}

// message returns a record that is no aggregate's event.
func message(key string) eventlog.Record {
	eventID := uuid.Must(uuid.NewV7())
	return eventlog.Record{
		ID: eventID, Topic: topicOf, AggregateID: key, Type: "thing.noticed", SchemaVersion: 2,
		Payload:       []byte(`{"n":1}`),
		Metadata:      map[string]string{"tenant": "blue", "": "empty key", "quote": `"\u0041` + "\n"},
		CorrelationID: "correlation-" + key, CausationID: "causation-" + key,
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Actor: "Zoë",
		RecordedAt: new(Clock).Now(),
	}
}

// events returns the events of one aggregate with versions from to to.
func events(id string, from, to domain.Version) []eventlog.Record {
	var all []eventlog.Record
	for v := from; v <= to; v++ {
		all = append(all, event(id, v))
	}
	return all
}

// unit runs what is given in a transaction and commits it, or rolls it back after an error.
func unit(ctx context.Context, s eventlog.Store, work func(tx eventlog.Tx) error) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit(ctx)
}

// appendAll commits the records as one unit.
func appendAll(ctx context.Context, s eventlog.Store, records ...eventlog.Record) error {
	return unit(ctx, s, func(tx eventlog.Tx) error { return tx.Append(ctx, records) })
}

// stream reads one aggregate of the suites' type to its end.
func stream(ctx context.Context, s eventlog.Streams, tx eventlog.Tx, id string, after domain.Version) ([]eventlog.Record, error) {
	var all []eventlog.Record
	for r, err := range s.Stream(ctx, tx, "thing", id, after) {
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// drain follows the cursors from after until there is nothing more, and returns all records and the last cursor.
func drain(ctx context.Context, r eventlog.Reader, after eventlog.Cursor, limit int) ([]eventlog.Record, eventlog.Cursor, error) {
	var all []eventlog.Record
	for empty := 0; empty < 100; {
		page, err := r.Read(ctx, after, limit)
		if err != nil {
			return nil, after, err
		}
		if len(page.Records) > limit {
			return nil, after, fmt.Errorf("page of %d records, limit was %d", len(page.Records), limit)
		}
		all, after = append(all, page.Records...), page.Next
		if !page.More {
			return all, after, nil
		}
		if len(page.Records) == 0 {
			empty++
		}
	}
	return nil, after, errors.New("reader says for ever that there is more, and gives nothing")
}

// sameRecords compares all columns but the position, which only the log knows. No metadata may be read as an empty map.
func sameRecords(want, got []eventlog.Record) error {
	diff := gocmp.Diff(want, got, cmpopts.IgnoreFields(eventlog.Record{}, "Position"), cmpopts.EquateEmpty())
	if diff != "" {
		return fmt.Errorf("records differ (-want +got):\n%s", diff)
	}
	return nil
}

// sameIDs compares which records there are, in any order.
func sameIDs(want, got []eventlog.Record) error {
	sorted := func(records []eventlog.Record) []string {
		var all []string
		for i := range records {
			all = append(all, records[i].ID.String())
		}
		slices.SortFunc(all, cmp.Compare[string])
		return all
	}
	if diff := gocmp.Diff(sorted(want), sorted(got), cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("record ids differ (-committed +read):\n%s", diff)
	}
	return nil
}

// inVersionOrder reports an aggregate whose events aren't there one after the other, from version 1.
func inVersionOrder(records []eventlog.Record) error {
	heads := make(map[string]domain.Version)
	for i := range records {
		r := &records[i]
		if r.IsMessage() {
			continue
		}
		if head := heads[r.AggregateID]; r.Version != head+1 {
			return fmt.Errorf("%s %s: version %d follows %d", r.AggregateType, r.AggregateID, r.Version, head)
		}
		heads[r.AggregateID] = r.Version
	}
	return nil
}
