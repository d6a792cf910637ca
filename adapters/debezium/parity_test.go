package debezium_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

const (
	eventsTopic   = "domain.thing.events"
	messagesTopic = "mail"
)

// payloads are ones that a database or a converter would like to write in another way.
func payloads() []string {
	return []string{
		`{"z":1,"a":2,"z":3}`,
		"{ \"z\" : 1.10,\n\t\"a\" : \"\\u00e9\\/\\u0041\" }\n",
		`{"name":"Zoë 🜁 \u0000-free 𝔘𝔫𝔦 \"quoted\" \\ back","rtl":"שלום"}`,
		`{"big":12345678901234567890123456789,"e":1.2345678901234567E19,"small":1e-400,"zero":-0,"trail":1.000}`,
		`{"nested":{"b":[{"c":[[],{},null,[1,[2,[3]]]]}],"a":{"":null}}}`,
		`{}`, `[]`, `""`, `null`, `0`, `true`, `"text"`, ` [ 1 , 2 ] `,
	}
}

// records are one of each kind: the events of aggregates over several partitions, and messages, with columns empty and filled.
func records() []eventlog.Record {
	var all []eventlog.Record
	add := func(key string, version int, payload string, change func(*eventlog.Record)) {
		r := eventlog.Record{
			ID: uuid.Must(uuid.NewV7()), Topic: eventsTopic, AggregateType: "thing", AggregateID: key, Version: domain.Version(version), //nolint:gosec // small
			Type: "thing.changed", SchemaVersion: 1, Payload: []byte(payload), RecordedAt: time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC),
			Metadata: map[string]string{"not": "sent"}, Actor: "not sent",
		}
		if change != nil {
			change(&r)
		}
		all = append(all, r)
	}
	full := func(r *eventlog.Record) {
		r.CorrelationID, r.CausationID, r.SchemaVersion = "corrélation 🜂", "cause", 3
		r.Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	}
	for i, payload := range payloads() {
		add(fmt.Sprint("thing-", i), 1, payload, nil)
		add(fmt.Sprint("thing-", i), 2, payload, full)
	}
	message := func(key string) func(*eventlog.Record) {
		return func(r *eventlog.Record) {
			r.Topic, r.AggregateType, r.AggregateID, r.Version, r.Type = messagesTopic, "", key, 0, "mail.wanted"
		}
	}
	for _, key := range []string{"k", "", "schlüssel 🜃", `a"b\c`} {
		add("", 0, `{"to":"all"}`, message(key))
	}
	return all
}

// wireRecord is what a consumer sees of a record, but for its time and its place in the partition.
type wireRecord struct {
	Partition  int32
	Key, Value *string // nil: none
	Headers    []wireHeader
}

type wireHeader struct {
	Name  string
	Value *string // nil: none
}

func text(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string(b)
	return &s
}

// published waits until n records are on the topic and returns them by partition.
func published(t testing.TB, brokers, topic string, n int) []wireRecord {
	t.Helper()
	var found []*kgo.Record
	relaytest.Until(t, fmt.Sprintf("%d records on %s", n, topic), func() (int, bool) {
		var err error
		found, err = relaytest.Published(t.Context(), brokers, topic)
		return len(found), err == nil && len(found) >= n
	})
	byPartition := make([][]wireRecord, partitions)
	for _, r := range found {
		w := wireRecord{Partition: r.Partition, Key: text(r.Key), Value: text(r.Value)}
		for _, h := range r.Headers {
			w.Headers = append(w.Headers, wireHeader{h.Key, text(h.Value)})
		}
		byPartition[r.Partition] = append(byPartition[r.Partition], w)
	}
	var all []wireRecord
	for _, p := range byPartition {
		all = append(all, p...)
	}
	return all
}

func TestDebeziumPublishesWhatTheRelayPublishes(t *testing.T) {
	t.Parallel()
	db, url := database(t)
	captures := map[bool]*postgres.Capture{false: capture(t, db, "standalone"), true: capture(t, db, "distributed")}
	all := records()
	if err := relaytest.Append(t.Context(), db, all...); err != nil {
		t.Fatal(err)
	}
	own := broker(t)
	relayed(t, db, own, kafka.LanesConfig{})
	for distributed, slot := range map[bool]string{false: "standalone", true: "distributed"} {
		t.Run(slot, func(t *testing.T) {
			other := broker(t)
			c := connector(t, url, slot)
			c.Distributed = distributed
			worker(t, other, c, captures[distributed])
			for topic, n := range counts(all) {
				if diff := cmp.Diff(published(t, own, topic, n), published(t, other, topic, n)); diff != "" {
					t.Errorf("%s differs (-relay +Debezium):\n%s", topic, diff)
				}
			}
		})
	}
}

// The constants come first or last, the time has six digits, and messages without a key have an empty ce_subject where the relay has none.
func TestCloudEventsHeadersAreTheRelaysInAnotherOrder(t *testing.T) {
	t.Parallel()
	db, url := database(t)
	slot := capture(t, db, "cloudevents")
	all := slices.DeleteFunc(records(), func(r eventlog.Record) bool { return r.AggregateID == "" })
	if err := relaytest.Append(t.Context(), db, all...); err != nil {
		t.Fatal(err)
	}
	own, other := broker(t), broker(t)
	relayed(t, db, own, kafka.LanesConfig{CloudEvents: true, Source: "/shop & co"})
	c := connector(t, url, "cloudevents")
	c.CloudEvents = "/shop & co"
	worker(t, other, c, slot)
	for topic, n := range counts(all) {
		want, got := published(t, own, topic, n), published(t, other, topic, n)
		for _, record := range slices.Concat(want, got) {
			slices.SortFunc(record.Headers, func(a, b wireHeader) int { return strings.Compare(a.Name, b.Name) })
			for i, h := range record.Headers {
				if h.Name == "ce_time" { // in as many digits as either likes
					at := must(time.Parse(time.RFC3339Nano, *h.Value))(t)
					record.Headers[i].Value = text([]byte(at.UTC().String()))
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs (-relay +Debezium):\n%s", topic, diff)
		}
	}
}

// counts returns how many records each topic gets.
func counts(all []eventlog.Record) map[string]int {
	n := make(map[string]int)
	for i := range all {
		n[all[i].Topic]++
	}
	return n
}
