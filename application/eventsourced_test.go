package application_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// records is a damaged log: what it holds is what it yields.
type records []eventlog.Record

var _ eventlog.Streams = records(nil)

func (rs records) Stream(context.Context, eventlog.Tx, string, string, domain.Version) iter.Seq2[eventlog.Record, error] {
	return func(yield func(eventlog.Record, error) bool) {
		for _, r := range rs {
			var err error
			if r.Type == "" {
				err = eventlog.ErrUnavailable
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestEventSourcedLoadRefusesADamagedStream(t *testing.T) {
	types := new(codec.Types)
	codec.Register[created](types, "thing.created", 1)
	event := func(version domain.Version, name string) eventlog.Record {
		return eventlog.Record{Version: version, Type: name, SchemaVersion: 1, Payload: []byte(`{"Name":"x"}`)}
	}
	for _, c := range []struct {
		name   string
		stream records
		is     error
		says   string
	}{
		{"a version is missing", records{event(1, "thing.created"), event(3, "thing.created")}, nil, "version 3 after 1"},
		{"an unknown event", records{event(1, "thing.painted")}, codec.ErrUnknownType, "thing.painted"},
		{"the log fails", records{event(1, "thing.created"), event(2, "")}, eventlog.ErrUnavailable, "read stream"},
		{"no events", nil, domain.ErrNotFound, "thing a not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := application.EventSourced[thing](c.stream, codec.JSON{Types: types}, "thing").Load(t.Context(), nil, "a")
			if err == nil || !strings.Contains(err.Error(), c.says) || (c.is != nil && !errors.Is(err, c.is)) {
				t.Errorf("error %v: want %v saying %q", err, c.is, c.says)
			}
		})
	}
}
