package projection

import (
	"time"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// now is the time as the database keeps it.
func (r *Runner) now() time.Time { return r.cfg.Now().UTC().Truncate(time.Microsecond) }

// letter is the copy of an event that is parked. From a lane of the log it goes to where its own topic's copies go.
func (r *Runner) letter(p Partition, e *deadletter.Event) (eventlog.Record, error) {
	p.Topic = topicOf(p.Topic, e.Headers)
	l := deadletter.Letter{
		Topic: p.Topic, Partition: p.Number, Offset: e.Offset, Key: e.RecordKey, Value: e.Payload, Headers: e.Headers, Group: r.cfg.Group,
		AggregateID: e.Key.AggregateID, Type: e.Type, Error: e.Error, Stack: e.Stack, At: e.ParkedAt,
	}
	return l.Record()
}

// topicOf returns the topic of an event that came on a partition of topic came.
func topicOf(came string, headers []relaying.Header) string {
	if came == LogTopic {
		return relaying.Last(headers, HeaderLogTopic)
	}
	return came
}
