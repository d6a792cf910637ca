package kafka

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestDeliverReadsWhatARelayWrites(t *testing.T) {
	t.Parallel()
	want := eventlog.Record{
		Position: 5, ID: uuid.New(), AggregateType: "thing", AggregateID: "a", Version: 3, Type: "thing.happened", SchemaVersion: 2,
		CorrelationID: "c", CausationID: "d", Traceparent: "00-0-0-00",
	}
	r := &kgo.Record{Offset: 9, Key: []byte("a"), Value: []byte("{}")}
	for _, h := range relaying.Headers(&want) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value)})
	}
	want.Topic, want.Payload = "t", []byte("{}")
	got := deliver(projection.Partition{Topic: "t"}, r)
	if got.Err != nil || got.Offset != 9 || string(got.Key) != "a" || string(got.Value) != "{}" {
		t.Errorf("delivery %+v isn't the record", got)
	}
	if diff := cmp.Diff(want, got.Record); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestDeliverTakesTheLastOfTwoHeaders(t *testing.T) {
	t.Parallel()
	r := &kgo.Record{Headers: []kgo.RecordHeader{
		{Key: relaying.HeaderEventID, Value: []byte(uuid.NewString())},
		{Key: relaying.HeaderEventType, Value: []byte("first")},
		{Key: relaying.HeaderEventType, Value: []byte("last")},
	}}
	if got := deliver(projection.Partition{}, r).Record.Type; got != "last" {
		t.Errorf("type %q, want the last", got)
	}
}

func FuzzDeliver(f *testing.F) {
	f.Add("event-id", []byte("01890a5d-ac96-774b-bcce-b302099a8057"), "event-type", []byte("t"), "version", []byte("7"))
	f.Add("event-id", []byte("x"), "event-type", []byte(""), "version", []byte("-1"))
	f.Add("", []byte(nil), "schema-version", []byte("99999999999999999999"), "position", []byte("\xff"))
	f.Fuzz(func(t *testing.T, n1 string, v1 []byte, n2 string, v2 []byte, n3 string, v3 []byte) {
		r := &kgo.Record{Key: v1, Value: v2, Headers: []kgo.RecordHeader{{Key: n1, Value: v1}, {Key: n2, Value: v2}, {Key: n3, Value: v3}}}
		d := deliver(projection.Partition{Topic: "t"}, r)
		if len(d.Headers) != 3 || d.Headers[1].Name != n2 || d.Headers[1].Value != string(v2) || !bytes.Equal(d.Value, v2) {
			t.Errorf("delivery %+v lost something", d)
		}
		if d.Err == nil {
			if d.Record.ID == uuid.Nil && !bytes.Contains(append(append(v1, v2...), v3...), []byte("0000")) || d.Record.Type == "" || d.Record.Version < 0 {
				t.Errorf("record %+v has no id, no type or a negative version", d.Record)
			}
			return
		}
		if !errors.Is(d.Err, relaying.ErrHeaders) || !cmp.Equal(d.Record, eventlog.Record{}) {
			t.Errorf("error %v with record %+v, want ErrHeaders and an empty record", d.Err, d.Record)
		}
	})
}
