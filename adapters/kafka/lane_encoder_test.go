package kafka_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/application/eventlog"
)

// A session makes records in memory that it uses again, and takes more where a batch or a text needs it: whatever the sizes of
// the batches before, each record has its own texts.
func TestRecordsOfASessionKeepTheirTexts(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	s, _ := r.node(nil).take(0)
	var want []eventlog.Record
	for n, size := range []int64{3, 700, 1, 700, 2000, 2} {
		from := int64(len(want)) + 1
		batch := r.batch(0, int64(n)+1, from, from+size-1)
		for i := range batch.Records {
			p := &batch.Records[i]
			p.CorrelationID = fmt.Sprint("correlation of ", p.Position)
			p.CausationID = strings.Repeat("x", int(p.Position%190))
			want = append(want, *p)
		}
		r.commit(s, batch)
	}
	got := r.committed(want[0].Topic)
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for _, record := range got {
		headers := make(map[string]string)
		for _, h := range record.Headers {
			headers[h.Key] = string(h.Value)
		}
		var position int
		if _, err := fmt.Sscan(headers["position"], &position); err != nil || position < 1 || position > len(want) {
			t.Fatalf("headers %v: %v", headers, err)
		}
		w := want[position-1]
		if headers["event-id"] != w.ID.String() || headers["correlation-id"] != w.CorrelationID || headers["causation-id"] != w.CausationID ||
			string(record.Key) != w.AggregateID || !bytes.Equal(record.Value, w.Payload) {
			t.Fatalf("record %d has headers %v, key %s and value %s, want %+v", position, headers, record.Key, record.Value, w)
		}
	}
}
