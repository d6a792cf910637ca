package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// RelayFixture is an empty log and a broker with a relay between them. The suite's topics have names that no other test uses,
// so that fixtures may share a broker.
type RelayFixture struct {
	Store eventlog.Store

	// NewRelay returns another relay of the same installation: one after the other it is a restart, two at once are two nodes.
	NewRelay func() relaying.Relay

	// Published returns what a read_committed consumer finds on the topic, from the beginning; a partition's records in
	// order. A topic that isn't there has none.
	Published func(ctx context.Context, topic string) ([]Published, error)

	// ExactlyOnce says that no record may appear twice.
	ExactlyOnce bool

	// BreakBroker and BreakLog start an outage and return what ends it. Nil: the checks that need them are skipped.
	BreakBroker, BreakLog func() (mend func())
}

// Published is a record on a topic.
type Published struct {
	Key     string
	Headers []relaying.Header
	Payload []byte
}

// Relay tests relaying.Relay: what is committed is published, in order, through restarts and outages.
func Relay(t *testing.T, fixture func(t testing.TB) RelayFixture) {
	t.Helper()
	runChecks(t, fixture, relayChecks())
}

func relayChecks() []check[RelayFixture] {
	return slices.Concat(relayContentChecks(), relayOrderChecks(), relayLifeChecks())
}

// newTopic returns a topic name that nobody has used.
func newTopic() string { return "domain.thing-" + uuid.NewString() + ".events" }

// on sets the topic of the records.
func on(topic string, records ...eventlog.Record) []eventlog.Record {
	for i := range records {
		records[i].Topic = topic
	}
	return records
}

// header returns the value of a header, "" if it is absent.
func (p *Published) header(name string) string {
	for _, h := range p.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// arrived returns nil when each of the records is on the topic and nothing else is.
func (f *RelayFixture) arrived(ctx context.Context, topic string, want []eventlog.Record) ([]Published, error) {
	published, err := f.Published(ctx, topic)
	if err != nil {
		return nil, err
	}
	times := make(map[string]int)
	for i := range published {
		times[published[i].header(relaying.HeaderEventID)]++
	}
	missing, doubled := 0, 0
	for i := range want {
		id := want[i].ID.String()
		switch n := times[id]; {
		case n == 0:
			missing++
		case n > 1:
			doubled++
		}
		delete(times, id)
	}
	switch {
	case len(times) > 0:
		return published, finalError{fmt.Errorf("%s has %d records that were never committed: %v", topic, len(times), times)}
	case doubled > 0 && f.ExactlyOnce:
		return published, finalError{fmt.Errorf("%s has %d of %d records twice or more", topic, doubled, len(want))}
	case missing > 0:
		return published, fmt.Errorf("%s has %d of %d records", topic, len(want)-missing, len(want))
	}
	return published, nil
}

// publishes waits until the records are on the topic and nothing else is. Patience begins anew as long as more arrive: a
// relay may be slow on a machine that does other things too, but not stand still.
func (f *RelayFixture) publishes(ctx context.Context, topic string, want []eventlog.Record) ([]Published, error) {
	var published []Published
	for most := 0; ; most = len(published) {
		err := until(ctx, func() error {
			var err error
			published, err = f.arrived(ctx, topic, want)
			return err
		})
		if err == nil || ctx.Err() != nil || len(published) <= most || errors.As(err, new(finalError)) {
			return published, err
		}
	}
}

// inOrder reports a key of which a later record first appears before an earlier one. want is in the order of commits. What
// an at-least-once relay repeats may appear again.
func inOrder(want []eventlog.Record, published []Published) error {
	place := make(map[string]int, len(want))
	for i := range want {
		place[want[i].ID.String()] = i
	}
	last := make(map[string]int)
	seen := make(map[string]bool)
	for i := range published {
		p := &published[i]
		id := p.header(relaying.HeaderEventID)
		if seen[id] {
			continue
		}
		seen[id] = true
		if before, ok := last[p.Key]; ok && place[id] < before {
			return fmt.Errorf("key %q: record %d of the log appears after record %d", p.Key, place[id], before)
		}
		last[p.Key] = place[id]
	}
	return nil
}
