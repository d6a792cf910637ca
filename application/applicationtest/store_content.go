package applicationtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
)

func contentChecks() []check[StoreFixture] {
	return []check[StoreFixture]{
		{"every column comes back", columnsComeBack},
		{"empty columns come back empty", emptyColumns},
		{"payload bytes are kept as they are", payloadBytes},
		{"invalid JSON is refused and the event named", invalidJSON},
		{"the log keeps none of the caller's memory", noSharedMemory},
		{"a thousand events fit one append", thousandEvents},
		{"positions of a unit rise in the order given", positionsRise},
		{"messages are in no stream", messagesInNoStream},
		{"messages never conflict", messagesNeverConflict},
	}
}

func columnsComeBack(ctx context.Context, f StoreFixture) error {
	want := []eventlog.Record{event("a", 1), message("key"), event("Ünï/code 'quoted'", 1)}
	if err := appendAll(ctx, f.Store, want...); err != nil {
		return err
	}
	got, _, err := drain(ctx, f.Reader, "", 10)
	if err != nil {
		return err
	}
	for i := range got {
		if got[i].RecordedAt.Location() != time.UTC {
			return fmt.Errorf("RecordedAt is %v, want UTC", got[i].RecordedAt)
		}
		if got[i].Position < 1 {
			return fmt.Errorf("position %d, want one from 1", got[i].Position)
		}
	}
	return sameRecords(want, got)
}

func emptyColumns(ctx context.Context, f StoreFixture) error {
	full := event("a", 1)
	bare := eventlog.Record{
		ID: full.ID, Topic: full.Topic, AggregateType: full.AggregateType, AggregateID: full.AggregateID, Version: 1,
		Type: full.Type, SchemaVersion: 1, Payload: []byte("{}"), RecordedAt: full.RecordedAt,
	}
	if err := appendAll(ctx, f.Store, bare); err != nil {
		return err
	}
	return seen(ctx, f, "a", bare)
}

func payloadBytes(ctx context.Context, f StoreFixture) error {
	payloads := []string{
		`{"b":1,"a":2,"b":3}`,
		"{ \"spaces\" :\t[ 1 ,\r\n 2 ] }\n",
		`{"escapes":"\u00e9\u0000\u2028\/","raw":"é😀"}`,
		`{"big":123456789012345678901234567890,"exact":1.10,"e":1E+2}`,
		`null`, `"text"`, `[]`, ` 0`,
		`"` + strings.Repeat("long ", 50_000) + `"`,
	}
	var want []eventlog.Record
	for i, p := range payloads {
		r := event(fmt.Sprint("a", i), 1)
		r.Payload = []byte(p)
		want = append(want, r)
	}
	if err := appendAll(ctx, f.Store, want...); err != nil {
		return err
	}
	got, _, err := drain(ctx, f.Reader, "", 10)
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i].Payload, want[i].Payload) {
			return fmt.Errorf("payload is %.80q, want %.80q", got[i].Payload, want[i].Payload)
		}
	}
	return nil
}

func invalidJSON(ctx context.Context, f StoreFixture) error {
	for _, payload := range []string{"", "{", `{} {}`, "{'a':1}", "\"\xff\""} {
		bad := event("bad", 1)
		bad.Payload = []byte(payload)
		err := rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
			err := tx.Append(ctx, []eventlog.Record{event("good", 1), bad})
			if err == nil {
				return errors.New("no error")
			}
			if !strings.Contains(err.Error(), bad.ID.String()) {
				return fmt.Errorf("error doesn't name event %s: %w", bad.ID, err)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("payload %q: %w", payload, err)
		}
	}
	return seen(ctx, f, "good")
}

func noSharedMemory(ctx context.Context, f StoreFixture) error {
	given := []eventlog.Record{event("a", 1)}
	want := event("a", 1)
	want.ID = given[0].ID
	err := unit(ctx, f.Store, func(tx eventlog.Tx) error {
		if err := tx.Append(ctx, given); err != nil {
			return err
		}
		given[0].Payload[len(`{"n":`)] = '2'
		given[0].Metadata["tenant"] = "changed"
		given[0].Type = "changed"
		return nil
	})
	if err != nil {
		return err
	}
	page, err := f.Reader.Read(ctx, "", 1)
	if err != nil {
		return err
	}
	if len(page.Records) == 1 {
		page.Records[0].Payload[len(`{"n":`)] = '3'
		page.Records[0].Metadata["tenant"] = "changed too"
	}
	return seen(ctx, f, "a", want)
}

func thousandEvents(ctx context.Context, f StoreFixture) error {
	want := events("a", 1, 1000)
	if err := appendAll(ctx, f.Store, want...); err != nil {
		return err
	}
	return seen(ctx, f, "a", want...)
}

func positionsRise(ctx context.Context, f StoreFixture) error {
	want := []eventlog.Record{event("z", 1), message("m"), event("a", 1), event("z", 2), event("a", 2)}
	err := unit(ctx, f.Store, func(tx eventlog.Tx) error {
		return errors.Join(tx.Append(ctx, want[:3]), tx.Append(ctx, want[3:]))
	})
	if err != nil {
		return err
	}
	got, _, err := drain(ctx, f.Reader, "", 10)
	if err != nil {
		return err
	}
	for i := 1; i < len(got); i++ {
		if got[i].Position <= got[i-1].Position {
			return fmt.Errorf("position %d follows %d", got[i].Position, got[i-1].Position)
		}
	}
	return sameRecords(want, got)
}

func messagesInNoStream(ctx context.Context, f StoreFixture) error {
	m := message("a")
	m.AggregateType = "thing"
	if err := appendAll(ctx, f.Store, message("a"), m, event("a", 1), message("a")); err != nil {
		return err
	}
	got, err := stream(ctx, f.Streams, nil, "a", 0)
	if err == nil && (len(got) != 1 || got[0].Version != 1) {
		err = fmt.Errorf("stream has %d records, want the event alone", len(got))
	}
	return err
}

func messagesNeverConflict(ctx context.Context, f StoreFixture) error {
	return rollingBack(ctx, f.Store, func(open eventlog.Tx) error {
		if err := open.Append(ctx, []eventlog.Record{message("a"), message("a")}); err != nil {
			return err
		}
		if err := appendAll(ctx, f.Store, message("a")); err != nil {
			return step("beside an open transaction", err)
		}
		return step("afterwards", appendAll(ctx, f.Store, message("a")))
	})
}
