package relay

import (
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Wrap returns the message in which the record travels from the subscriber to the forwarder, which unwraps it. The
// message that is then published has the event id as uuid, relaying.MessageMetadata and the record's payload,
// and goes to the record's topic. A record without a topic gives an error.
func Wrap(r eventlog.Record) (*message.Message, error) {
	inner := message.NewMessage(r.ID.String(), r.Payload)
	inner.Metadata = relaying.MessageMetadata(&r)
	var outer envelope
	if err := forwarder.NewPublisher(&outer, forwarder.PublisherConfig{}).Publish(r.Topic, inner); err != nil {
		return nil, fmt.Errorf("wrap record %d: %w", r.Position, err)
	}
	outer.wrapped.UUID = inner.UUID
	outer.wrapped.Metadata[relaying.HeaderPosition] = strconv.FormatInt(r.Position, 10)
	outer.wrapped.Metadata[headerTopic] = r.Topic
	return outer.wrapped, nil
}

// headerTopic is on the wrapped message only, for those who report about it.
const headerTopic = "topic"

// envelope keeps what the library's own publisher wrapped, so that its form is the library's to know.
type envelope struct{ wrapped *message.Message }

var _ message.Publisher = (*envelope)(nil)

// Publish implements message.Publisher.
func (e *envelope) Publish(_ string, wrapped ...*message.Message) error {
	e.wrapped = wrapped[0]
	return nil
}

// Close implements message.Publisher.
func (*envelope) Close() error { return nil }
