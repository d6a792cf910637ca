package orderapp_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
)

// tally counts events by type.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) Count(eventType string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[eventType]++
}

func TestCommittedEventsAreCounted(t *testing.T) {
	t.Parallel()
	counter := &tally{counts: map[string]int{}}
	s := open(t, func(c *orderapp.Config) { c.Counter, c.MaxOpenOrders = counter, 2 })
	sold, regretted := send(s, two("ann")).ID, send(s, two("ann")).ID
	fail(s, two("ann")) // rolled back, hence not counted
	send(s, orderapp.Confirm{ID: sold})
	send(s, orderapp.Confirm{ID: sold}) // records nothing
	send(s, orderapp.Ship{ID: sold, Tracking: "1Z"})
	send(s, orderapp.Deliver{ID: sold})
	send(s, orderapp.Cancel{ID: regretted, Reason: "no"})
	want := map[string]int{"order.created": 2, "order.confirmed": 1, "order.shipped": 1, "order.delivered": 1, "order.cancelled": 1}
	if diff := cmp.Diff(want, counter.counts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCommittedEventsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := open(t, func(c *orderapp.Config) { c.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	ctx := application.WithMetadata(t.Context(), application.Metadata{CorrelationID: "flow-1"})
	v, err := application.Send(ctx, s.m, two("ann"))
	check(t, err)
	var got struct {
		Msg, Level  string
		Order       string `json:"order_id"`
		Version     int
		Correlation string `json:"correlation_id"`
	}
	check(t, json.Unmarshal(log.Bytes(), &got))
	if got.Msg != "order.created" || got.Level != "INFO" || got.Order != string(v.ID) || got.Version != 1 || got.Correlation != "flow-1" {
		t.Errorf("log has %s", log.String())
	}
}
