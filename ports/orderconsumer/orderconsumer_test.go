package orderconsumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
	"github.com/tenon-go/tenon/ports/consumer"
	"github.com/tenon-go/tenon/ports/orderconsumer"
)

const orderID = "0199c3a4-7c1e-7d42-9d6a-0f5b1f6f2a11"

// shipped returns the event as its topic carries it.
func shipped(t testing.TB) eventlog.Record {
	t.Helper()
	payload, err := json.Marshal(order.Shipped{ID: orderID, Tracking: "1Z", At: time.Date(2026, 3, 14, 15, 2, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return eventlog.Record{
		ID: uuid.New(), Topic: "domain.order.events", AggregateType: "order", AggregateID: orderID, Version: 3,
		Type: order.TypeShipped, SchemaVersion: 1, Payload: payload, CorrelationID: "flow",
	}
}

// messages is a subscription of what is given.
type messages []eventlog.Record

func (m messages) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for i := range m {
			one := consuming.Message(consuming.LogDelivery(&m[i]))
			out <- one
			select {
			case <-one.Acked():
			case <-one.Nacked():
			}
		}
		<-ctx.Done()
	}()
	return out, nil
}

func (messages) Close() error { return nil }

// run has the handler handle the records, then stops.
func run(t testing.TB, log *memory.Log, h consumer.Handler, records ...eventlog.Record) {
	t.Helper()
	router, err := consumer.New(consumer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	err = router.Add(h, consumer.Source{Subscriber: messages(records), Effects: memory.NewConsumerInbox(log)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	applicationtest.Eventually(t, func() error {
		if s := router.Stats(h.Name); s.Handled+s.Repeated+s.DeadLettered+s.Passed < int64(len(records)) {
			return errors.New("not all records are handled")
		}
		return nil
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAnnouncements compares the announcement with the golden file: readers of other programs depend on it.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	event := shipped(t)
	h := orderconsumer.Announcements(application.NewBuilder(application.Config{Store: log}), event.Topic)
	run(t, log, h, event, event)
	page, err := log.Read(t.Context(), "", 10)
	if err != nil || len(page.Records) != 1 {
		t.Fatalf("%d records (%v), want one announcement of an event that came twice", len(page.Records), err)
	}
	golden, err := os.ReadFile("testdata/shipment.announced.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	r := page.Records[0]
	if string(r.Payload)+"\n" != string(golden) {
		t.Errorf("payload %s, golden file says %s", r.Payload, golden)
	}
	if r.Topic != "order.shipments" || r.Type != "shipment.announced" || r.AggregateID != orderID || r.SchemaVersion != 1 {
		t.Errorf("record %+v, want a message of that topic, type and key", r)
	}
	if r.CausationID != event.ID.String() || r.CorrelationID != "flow" {
		t.Errorf("cause %q and correlation %q, want the event's", r.CausationID, r.CorrelationID)
	}
}

// kept are notifications as a table keeps them.
type kept struct {
	rows *memory.Table[orderapp.Notification]
}

func (k kept) Add(ctx context.Context, tx eventlog.Tx, n orderapp.Notification) error {
	return k.rows.Put(ctx, tx, uuid.NewString(), n)
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	k := kept{memory.NewTable[orderapp.Notification](log)}
	event := shipped(t)
	other := event
	other.Type, other.ID = order.TypeDelivered, uuid.New()
	run(t, log, orderconsumer.Notifications(k), event, other, event)
	rows, err := k.rows.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, row := range rows {
		if n++; row.Order != orderID || row.Event != event.ID || row.Tracking != "1Z" {
			t.Errorf("notification %+v, want order, event and tracking number", row)
		}
	}
	if n != 1 {
		t.Errorf("%d notifications of one shipped order, want 1", n)
	}
}
