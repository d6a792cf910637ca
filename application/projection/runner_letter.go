package projection

import (
	"time"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

// now is the time as the database keeps it.
func (r *Runner) now() time.Time { return r.cfg.Now().UTC().Truncate(time.Microsecond) }

// letter is the copy of an event that is parked.
func (r *Runner) letter(p Partition, e *deadletter.Event) (eventlog.Record, error) {
	l := deadletter.Letter{
		Topic: p.Topic, Partition: p.Number, Offset: e.Offset, Key: e.RecordKey, Value: e.Payload, Headers: e.Headers, Group: r.cfg.Group,
		AggregateID: e.Key.AggregateID, Type: e.Type, Error: e.Error, Stack: e.Stack, At: e.ParkedAt,
	}
	return l.Record()
}
