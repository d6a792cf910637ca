package consumer

import (
	"errors"
	"time"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// letter is the copy of a message that failed for good.
func letter(d *projection.Delivery, group string, cause error) (eventlog.Record, error) {
	l := deadletter.Letter{
		Topic: d.Partition.Topic, Partition: d.Partition.Number, Offset: d.Offset, Key: d.Key, Value: d.Value, Headers: d.Headers, Group: group,
		AggregateID: d.Record.AggregateID, Type: d.Record.Type, Error: cause.Error(), At: time.Now().UTC().Truncate(time.Microsecond),
	}
	if panicked, ok := errors.AsType[*projection.PanicError](cause); ok {
		l.Stack = string(panicked.Stack)
	}
	return l.Record()
}
