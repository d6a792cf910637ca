package lanes_test

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
)

// faulty is a broker that answers requests of one kind with an error while it is told to.
type faulty struct {
	broker  string
	on      atomic.Bool
	answers atomic.Int64 // with the error
}

func newFaulty(t testing.TB, key kmsg.Key, code *kerr.Error) *faulty {
	t.Helper()
	cluster := must(kfake.NewCluster(kfake.NumBrokers(1), kfake.DefaultNumPartitions(3)))(t)
	t.Cleanup(cluster.Close)
	f := &faulty{broker: cluster.ListenAddrs()[0]}
	cluster.ControlKey(key.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !f.on.Load() {
			return nil, nil, false
		}
		f.answers.Add(1)
		return refused(request, code.Code), nil, true
	})
	return f
}

// refused returns the answer that refuses all of a request.
func refused(request kmsg.Request, code int16) kmsg.Response {
	response := request.ResponseKind()
	switch r := response.(type) {
	case *kmsg.InitProducerIDResponse:
		r.ErrorCode = code
	case *kmsg.EndTxnResponse:
		r.ErrorCode = code
	case *kmsg.ProduceResponse:
		for _, topic := range request.(*kmsg.ProduceRequest).Topics {
			t := kmsg.NewProduceResponseTopic()
			t.Topic, t.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition, p.ErrorCode, p.BaseOffset = partition.Partition, code, -1
				t.Partitions = append(t.Partitions, p)
			}
			r.Topics = append(r.Topics, t)
		}
	}
	return response
}

// What brokers answer in trouble passes by itself: nothing is lost, sent twice or parked, and the log isn't flooded.
func TestFaultBrokerAnswersWithErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		key  kmsg.Key
		code *kerr.Error
		says string
	}{
		"too few replicas":          {kmsg.Produce, kerr.NotEnoughReplicas, "no outcome within"},
		"too few after the append":  {kmsg.Produce, kerr.NotEnoughReplicasAfterAppend, "no outcome within"},
		"a broker's timeout":        {kmsg.Produce, kerr.RequestTimedOut, "no outcome within"},
		"expired producer id":       {kmsg.Produce, kerr.InvalidProducerIDMapping, "INVALID_PRODUCER_ID_MAPPING"},
		"forgotten producer":        {kmsg.Produce, kerr.UnknownProducerID, "UNKNOWN_PRODUCER_ID"},
		"fenced producer":           {kmsg.Produce, kerr.InvalidProducerEpoch, "another relay has taken the lane"},
		"fenced at the commit":      {kmsg.EndTxn, kerr.ProducerFenced, "another relay has taken the lane"},
		"timed out transaction":     {kmsg.EndTxn, kerr.InvalidTxnState, "INVALID_TXN_STATE"},
		"expired at the commit":     {kmsg.EndTxn, kerr.InvalidProducerIDMapping, "INVALID_PRODUCER_ID_MAPPING"},
		"coordinator that is moved": {kmsg.InitProducerID, kerr.CoordinatorLoadInProgress, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, db, log := newFaulty(t, tt.key, tt.code), open(t, database(t)), new(lines)
			target := must(kafka.NewLanes(kafka.Config{Brokers: []string{f.broker}}, kafka.LanesConfig{
				Partitions: 3, CommitTimeout: 2 * time.Second, TakeTimeout: 5 * time.Second, // a busy machine is no trouble
			}))(t)
			t.Cleanup(target.Close)
			n := must(newNode(db, f.broker, options{lanes: 2, lease: 3 * time.Second, log: log.logger(), target: target, change: func(cfg *lanes.Config) {
				cfg.RetryMax = 500 * time.Millisecond
			}}))(t)
			times := rounds(1, 5)
			if tt.key == kmsg.InitProducerID { // asked for when a lane is taken, and not again while it goes well
				times = 1
				f.on.Store(true)
			}
			run(t, n)
			version := 0
			for range times {
				version++
				appendEach(t, db, append(events("a", version, version), events("b", version, version)...)...)
				if tt.key != kmsg.InitProducerID {
					relaytest.CheckOnce(t, db, f.broker)
				}
				f.on.Store(true)
				version++
				appendEach(t, db, append(events("a", version, version), events("b", version, version)...)...)
				before := f.answers.Load()
				// Both lanes have trouble for longer than what isn't worth a line.
				relaytest.Until(t, "trouble that lasts", func() (int, bool) {
					return int(f.answers.Load()), f.answers.Load() >= before+8 && n.Health() != nil && strings.Count(log.text(), "can't go on") >= 1
				})
				if tt.says != "" {
					waitHealth(t, n, tt.says)
				}
				f.on.Store(false)
				relaytest.CheckOnce(t, db, f.broker)
				waitHealth(t, n, "")
			}
			down, up := strings.Count(log.text(), "relay lane can't go on"), strings.Count(log.text(), "relay lane goes on again")
			if most := 2 * times; down > most || up != down || log.count(slog.LevelWarn) != down {
				t.Errorf("%d lines about trouble and %d about its end, want as many, at most %d, and no other warnings:\n%s", down, up, most, log.text())
			}
			if n.Stats().Parked != 0 {
				t.Error("keys are parked")
			}
		})
	}
}
