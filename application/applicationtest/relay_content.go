package applicationtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func relayContentChecks() []check[RelayFixture] {
	return []check[RelayFixture]{
		{"every committed record is published", committedPublished},
		{"nothing of a rolled-back transaction is published", rolledBackUnpublished},
		{"key, headers and payload are those of the record", exactContent},
		{"a record with bytes of its own is published to the byte", ownBytes},
		{"each record is on its own topic", ownTopic},
		{"a large page of records is published", thousandsPublished},
	}
}

func committedPublished(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	before, after := on(topic, events("a", 1, 3)...), on(topic, append(events("a", 4, 5), message("m"))...)
	if err := appendAll(ctx, f.Store, before...); err != nil {
		return err
	}
	return f.relaying(ctx, func(*running) error {
		if _, err := f.publishes(ctx, topic, before); err != nil {
			return step("committed before the start", err)
		}
		if err := appendAll(ctx, f.Store, after...); err != nil {
			return err
		}
		_, err := f.publishes(ctx, topic, append(before, after...))
		return step("committed while running", err)
	})
}

func rolledBackUnpublished(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	return f.relaying(ctx, func(*running) error {
		var want []eventlog.Record
		for i := range 10 {
			err := rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
				return tx.Append(ctx, on(topic, event(fmt.Sprint("rolled back ", i), 1), message("rolled back")))
			})
			committed := on(topic, event(fmt.Sprint("committed ", i), 1))
			if err := errors.Join(err, appendAll(ctx, f.Store, committed...)); err != nil {
				return err
			}
			want = append(want, committed...)
		}
		_, err := f.publishes(ctx, topic, want)
		return err
	})
}

func exactContent(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	want := on(topic, events("a", 1, 2)...)
	want = append(want, on(topic, message("chosen key"))...)
	want[1].Payload = []byte("{ \"z\":1.10,\"a\":\"\\u00e9\\/\",\"big\":12345678901234567890 }\n")
	want[1].CorrelationID, want[1].CausationID, want[1].Traceparent = "", "", ""
	if err := appendAll(ctx, f.Store, want...); err != nil {
		return err
	}
	return f.relaying(ctx, func(*running) error {
		published, err := f.publishes(ctx, topic, want)
		if err != nil {
			return err
		}
		for i := range want {
			for j := range published {
				if published[j].header(relaying.HeaderEventID) == want[i].ID.String() {
					err = errors.Join(err, sameContent(want[i], &published[j]))
				}
			}
		}
		return err
	})
}

// sameContent compares what was published with the record. The position is the log's own: any number from 1 will do.
func sameContent(want eventlog.Record, got *Published) error {
	position, err := strconv.ParseInt(got.header(relaying.HeaderPosition), 10, 64)
	if err != nil || position < 1 {
		return fmt.Errorf("header %s of %s is %q, want a number from 1", relaying.HeaderPosition, want.ID, got.header(relaying.HeaderPosition))
	}
	want.Position = position
	if got.Key != want.AggregateID {
		return fmt.Errorf("key of %s is %q, want %q", want.ID, got.Key, want.AggregateID)
	}
	if !bytes.Equal(got.Payload, want.Payload) {
		return fmt.Errorf("payload of %s is %q, want %q", want.ID, got.Payload, want.Payload)
	}
	if diff := cmp.Diff(relaying.Headers(&want), got.Headers); diff != "" {
		return fmt.Errorf("headers of %s differ (-want +got):\n%s", want.ID, diff)
	}
	return nil
}

// ownBytes lets a relay carry records that are to come out as they came in from elsewhere: no JSON, headers of any bytes.
func ownBytes(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	records := on(topic, message("first"), message("second"))
	wires := make(map[string]relaying.Wire)
	for i, value := range []string{"\x00\xff no JSON", "{ \"z\":1.10 }\n"} {
		id := records[i].ID.String()
		wires[id] = relaying.Wire{
			Key: []byte("key \xff"), Value: []byte(value),
			Headers: []relaying.Header{{Name: relaying.HeaderEventID, Value: id}, {Name: "a", Value: "\x00\xfe"}, {Name: "a", Value: ""}},
		}
		if err := wires[id].Put(&records[i]); err != nil {
			return err
		}
	}
	if err := appendAll(ctx, f.Store, records...); err != nil {
		return err
	}
	return f.relaying(ctx, func(*running) error {
		published, err := f.publishes(ctx, topic, records)
		for i := range published {
			p := &published[i]
			got := relaying.Wire{Key: []byte(p.Key), Value: p.Payload, Headers: p.Headers}
			if diff := cmp.Diff(wires[p.header(relaying.HeaderEventID)], got); diff != "" && err == nil {
				err = fmt.Errorf("record differs (-want +got):\n%s", diff)
			}
		}
		return err
	})
}

func ownTopic(ctx context.Context, f RelayFixture) error {
	first, second := newTopic(), newTopic()
	ofFirst, ofSecond := on(first, event("a", 1), event("a", 3)), on(second, event("a", 2), event("b", 1))
	if err := appendAll(ctx, f.Store, ofFirst[0], ofSecond[0], ofFirst[1], ofSecond[1]); err != nil {
		return err
	}
	return f.relaying(ctx, func(*running) error {
		if _, err := f.publishes(ctx, first, ofFirst); err != nil {
			return err
		}
		_, err := f.publishes(ctx, second, ofSecond)
		return err
	})
}

func thousandsPublished(ctx context.Context, f RelayFixture) error {
	topic := newTopic()
	var want []eventlog.Record
	for i := range 10 {
		batch := on(topic, events(fmt.Sprint("aggregate ", i), 1, 300)...)
		if err := appendAll(ctx, f.Store, batch...); err != nil {
			return err
		}
		want = append(want, batch...)
	}
	return f.relaying(ctx, func(*running) error {
		published, err := f.publishes(ctx, topic, want)
		if err != nil {
			return err
		}
		return inOrder(want, published)
	})
}
