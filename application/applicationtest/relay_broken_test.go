package applicationtest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// bench is a log, a broker and relays between them that are correct but for what is set.
type bench struct {
	log    *memory.Log
	broker *memory.Broker

	mu     sync.Mutex
	cursor eventlog.Cursor

	forgetful bool                                      // begins at the beginning after every start
	last      error                                     // what Run returns
	leak      func()                                    // runs on after Run
	pages     func([]eventlog.Record) []eventlog.Record // changes what is published
	message   func(memory.Message) memory.Message       // changes how
	health    func(error) error                         // changes what Health says
	fatal     bool                                      // an outage ends Run
	read      func(*memory.Log) eventlog.Reader         // nil: the log
	store     func(eventlog.Store) eventlog.Store       // nil: the log
}

func (b *bench) fixture() applicationtest.RelayFixture {
	b.log, b.broker = memory.NewLog(), memory.NewBroker(3)
	f := applicationtest.RelayFixture{
		Store: b.log, NewRelay: func() relaying.Relay { return &brokenRelay{bench: b} },
		Published: b.published, ExactlyOnce: true, BreakBroker: b.broker.Break, BreakLog: b.log.Break,
	}
	if b.store != nil {
		f.Store = b.store(b.log)
	}
	return f
}

func (b *bench) published(ctx context.Context, topic string) ([]applicationtest.Published, error) {
	deliveries, err := b.broker.Records(ctx, topic)
	var all []applicationtest.Published
	for _, d := range deliveries {
		all = append(all, applicationtest.Published{Key: string(d.Key), Headers: d.Headers, Payload: d.Value})
	}
	return all, err
}

// brokenRelay publishes page by page, polling.
type brokenRelay struct {
	*bench
	mu  sync.Mutex
	bad error
}

func (r *brokenRelay) Run(ctx context.Context) error {
	if r.forgetful {
		r.cursor = ""
	}
	if r.leak != nil {
		go r.leak()
	}
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		err := r.step(ctx)
		if err != nil && ctx.Err() == nil && r.fatal {
			return err
		}
		r.note(err)
		select {
		case <-poll.C:
		case <-ctx.Done():
			return r.last
		}
	}
}

func (r *brokenRelay) step(ctx context.Context) error {
	r.bench.mu.Lock()
	defer r.bench.mu.Unlock()
	var reader eventlog.Reader = r.log
	if r.read != nil {
		reader = r.read(r.log)
	}
	page, err := reader.Read(ctx, r.cursor, 20)
	if err != nil {
		return err
	}
	if r.pages != nil {
		page.Records = r.pages(page.Records)
	}
	for i := range page.Records {
		rec := &page.Records[i]
		m := memory.Message{Topic: rec.Topic, Key: rec.AggregateID, Value: rec.Payload, Headers: relaying.Headers(rec)}
		if r.message != nil {
			m = r.message(m)
		}
		if err := r.broker.Publish(ctx, m); err != nil {
			return err
		}
	}
	r.cursor = page.Next
	return nil
}

func (r *brokenRelay) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bad = err
}

func (r *brokenRelay) Health() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.health != nil {
		return r.health(r.bad)
	}
	return r.bad
}

func TestRelayCatches(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		bench *bench
		check string
		words string
	}{
		"rolled-back records":    {&bench{store: committing}, "nothing of a rolled-back transaction is published", "never committed"},
		"every tenth lost":       {&bench{pages: loseTenth}, "a large page of records is published", "of 3000 records"},
		"late records lost":      {&bench{read: naive}, "a record that commits late is published", "of 3 records"},
		"pages reversed":         {&bench{pages: reversed}, "events of an aggregate are published in the order of their versions", "appears after"},
		"messages reversed":      {&bench{pages: reversed}, "messages with one key are published in the order of the log", "appears after"},
		"everything again":       {&bench{forgetful: true}, "a restarted relay goes on without loss", "twice or more"},
		"everything twice":       {&bench{pages: doubled}, "two relays at once keep the order and lose nothing", "twice or more"},
		"key of its own":         {&bench{message: randomKey}, "key, headers and payload are those of the record", "key of"},
		"headers in other order": {&bench{message: sortHeaders}, "key, headers and payload are those of the record", "headers of"},
		"a header more":          {&bench{message: addHeader}, "key, headers and payload are those of the record", "headers of"},
		"payload in an envelope": {&bench{message: envelope}, "key, headers and payload are those of the record", "payload of"},
		"one topic for all":      {&bench{message: oneTopic}, "each record is on its own topic", "of 2 records"},
		"error at the end":       {&bench{last: context.Canceled}, "a relay that is stopped at once returns nil", "context canceled"},
		"goroutine left":         {&bench{leak: func() { select {} }}, "a stopped relay returns nil and leaves no goroutine", "still runs"},
		"always well":            {&bench{health: alwaysWell}, "an outage of the broker shows in health and ends by itself", "health is good"},
		"well without the log":   {&bench{health: alwaysWell}, "an outage of the log shows in health and ends by itself", "health is good"},
		"never well":             {&bench{health: neverWell}, "health is good before the start and while records flow", "before Run"},
		"ended by an outage":     {&bench{fatal: true}, "an outage of the broker shows in health and ends by itself", "the outage ended Run"},
		"ended at the start":     {&bench{fatal: true}, "a relay that starts during an outage of the broker recovers", "the outage ended Run"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caught(t, applicationtest.CheckRelay(t, tt.check, tt.bench.fixture()), tt.words)
		})
	}
}

func committing(s eventlog.Store) eventlog.Store {
	return brokenStore{Store: s, tx: func(tx eventlog.Tx) eventlog.Tx { return rollbackCommits(nil, tx) }}
}

func naive(log *memory.Log) eventlog.Reader { return byPosition(log) }

func loseTenth(records []eventlog.Record) []eventlog.Record {
	return slices.DeleteFunc(records, func(r eventlog.Record) bool { return r.Version%10 == 0 })
}

func reversed(records []eventlog.Record) []eventlog.Record {
	slices.Reverse(records)
	return records
}

func doubled(records []eventlog.Record) []eventlog.Record { return slices.Concat(records, records) }

func randomKey(m memory.Message) memory.Message {
	m.Key = m.Headers[0].Value
	return m
}

func sortHeaders(m memory.Message) memory.Message {
	slices.Reverse(m.Headers)
	return m
}

func addHeader(m memory.Message) memory.Message {
	m.Headers = append(m.Headers, relaying.Header{Name: "extra", Value: "1"})
	return m
}

func envelope(m memory.Message) memory.Message {
	m.Value = slices.Concat([]byte(`{"payload":`), m.Value, []byte("}"))
	return m
}

func oneTopic(m memory.Message) memory.Message {
	m.Topic = "events"
	return m
}

func alwaysWell(error) error { return nil }

func neverWell(error) error { return errors.New("unwell") }
