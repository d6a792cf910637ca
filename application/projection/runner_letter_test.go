package projection_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestLetterIsTheOriginalWithWhatHappened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := projection.Delivery{
		Partition: partition, Offset: 41, Key: []byte("k\xff"), Value: []byte("\x00 no JSON"),
		Headers: []relaying.Header{{Name: "x", Value: "\xfe"}, {Name: "x", Value: ""}}, Err: relaying.ErrHeaders,
	}
	r.handle(t, d)
	letters, parked := r.letters(t), r.parked(t)
	if len(letters) != 1 || len(parked) != 1 || parked[0].Reason != deadletter.Undecodable {
		t.Fatalf("letters %v, parked %+v", letters, parked)
	}
	said := "projection list version 2: " + relaying.ErrHeaders.Error()
	want := relaying.Wire{Key: d.Key, Value: d.Value, Headers: []relaying.Header{
		{Name: "x", Value: "\xfe"},
		{Name: "x", Value: ""},
		{Name: "error", Value: said},
		{Name: "original-topic", Value: "things"},
		{Name: "failed-at", Value: r.clock.Now().UTC().Format(time.RFC3339)},
		{Name: "kafka_dlt-original-topic", Value: "things"},
		{Name: "kafka_dlt-original-partition", Value: "\x00\x00\x00\x02"},
		{Name: "kafka_dlt-original-offset", Value: "\x00\x00\x00\x00\x00\x00\x00)"},
		{Name: "kafka_dlt-original-consumer-group", Value: "group"},
		{Name: "kafka_dlt-exception-message", Value: said},
	}}
	if diff := cmp.Diff(want, letters[0]); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
}
