package tenon

import (
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// ensureTimeout bounds how long a relay's publish may wait for a topic to be made.
const ensureTimeout = 10 * time.Second

// topicMaker publishes to topics that it makes first, with the configured partitions: a topic that a broker makes by
// itself gets the broker's number, and more partitions later would break the order of keys. Safe for concurrent use.
type topicMaker struct {
	message.Publisher

	ensure func(topic string) error
	known  sync.Map // topic to struct{}
}

var _ message.Publisher = (*topicMaker)(nil)

// Publish makes the topic when it is new to this process, then publishes.
func (p *topicMaker) Publish(topic string, messages ...*message.Message) error {
	if _, ok := p.known.Load(topic); !ok {
		if err := p.ensure(topic); err != nil {
			return err
		}
		p.known.Store(topic, struct{}{})
	}
	return p.Publisher.Publish(topic, messages...)
}
