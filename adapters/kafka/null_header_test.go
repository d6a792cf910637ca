package kafka

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Both relays publish a message as a connector that reads the table does: NULL is a header without a value, ” an empty one.
func TestVersionOfAMessageHasNoValueAndOtherEmptyColumnsAreEmpty(t *testing.T) {
	t.Parallel()
	r := eventlog.Record{ID: uuid.New(), Topic: "mail", AggregateID: "k", Type: "mail.wanted", SchemaVersion: 1, Payload: []byte(`{}`)}
	published := make(map[string]map[string][]byte)
	e := &encoder{}
	e.begin(1)
	published["exactly-once"] = make(map[string][]byte)
	for _, h := range e.add(&r).Headers {
		published["exactly-once"][h.Key] = h.Value
	}
	m := message.NewMessage(r.ID.String(), r.Payload)
	m.Metadata = relaying.MessageMetadata(&r)
	record, err := newMarshaler().Marshal(r.Topic, m)
	if err != nil {
		t.Fatal(err)
	}
	published["watermill"] = make(map[string][]byte)
	for _, h := range record.Headers {
		published["watermill"][string(h.Key)] = h.Value
	}
	for relay, headers := range published {
		if value, ok := headers[relaying.HeaderVersion]; !ok || value != nil {
			t.Errorf("%s: version is %q (there: %t), want a header without a value", relay, value, ok)
		}
		for _, name := range []string{relaying.HeaderAggregateType, relaying.HeaderCorrelationID, relaying.HeaderCausationID, relaying.HeaderTraceparent} {
			if value, ok := headers[name]; !ok || value == nil || len(value) > 0 {
				t.Errorf("%s: %s is %q (there: %t, nil: %t), want empty", relay, name, value, ok, value == nil)
			}
		}
	}
}
