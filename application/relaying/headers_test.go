package relaying_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func example() eventlog.Record {
	return eventlog.Record{
		Position: 77, ID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), AggregateType: "order", AggregateID: "o-1",
		Version: 3, Type: "order.shipped", SchemaVersion: 2, CorrelationID: "c", CausationID: "d", Traceparent: "00-1-2-01",
	}
}

// The headers are a published format: names, order and form may not change.
func TestHeadersOfAnEvent(t *testing.T) {
	r := example()
	want := []relaying.Header{
		{Name: "event-id", Value: "01890a5d-ac96-774b-bcce-b302099a8057"},
		{Name: "event-type", Value: "order.shipped"},
		{Name: "schema-version", Value: "2"},
		{Name: "aggregate-type", Value: "order"},
		{Name: "aggregate-id", Value: "o-1"},
		{Name: "version", Value: "3"},
		{Name: "position", Value: "77"},
		{Name: "correlation-id", Value: "c"},
		{Name: "causation-id", Value: "d"},
		{Name: "traceparent", Value: "00-1-2-01"},
	}
	if diff := cmp.Diff(want, relaying.Headers(&r)); diff != "" {
		t.Error(diff)
	}
}

func TestHeadersOfAMessageAreTheSameSetWithoutVersion(t *testing.T) {
	r := eventlog.Record{ID: uuid.New(), AggregateID: "key", Type: "mail.wanted", SchemaVersion: 1}
	headers := relaying.Headers(&r)
	if len(headers) != 10 || headers[5] != (relaying.Header{Name: "version"}) {
		t.Errorf("headers %v: want ten, with an empty version", headers)
	}
}

func TestParseReadsWhatHeadersWrote(t *testing.T) {
	want := example()
	headers := relaying.Headers(&want)
	got, err := relaying.Parse(headers)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("as they were written: %v, %s", err, diff)
	}
	got, err = relaying.Parse(append([]relaying.Header{{Name: "event-type", Value: "first"}, {Name: "foreign"}}, headers...))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("the last of a name counts: %v, %s", err, diff)
	}
}

func TestParseNamesEveryWrongHeader(t *testing.T) {
	_, err := relaying.Parse([]relaying.Header{
		{Name: "event-id", Value: "nonsense"}, {Name: "version", Value: "-1"}, {Name: "position", Value: "x"},
	})
	if !errors.Is(err, relaying.ErrHeaders) {
		t.Fatalf("error %v, want ErrHeaders", err)
	}
	for _, want := range []string{`event-id "nonsense"`, "event-type is missing", `version "-1"`, `position "x"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error doesn't mention %s:\n%v", want, err)
		}
	}
}

func TestParseTakesAnEventOfAForeignProducer(t *testing.T) {
	id := uuid.New()
	r, err := relaying.Parse([]relaying.Header{{Name: "event-id", Value: id.String()}, {Name: "event-type", Value: "x.y"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(eventlog.Record{ID: id, Type: "x.y", SchemaVersion: 1}, r); diff != "" {
		t.Error(diff)
	}
}
