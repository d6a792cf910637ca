package embedded_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

// A kill between the markers of one EndTxn.
func TestFaultHalfCommittedTransactionIsCommittedWhole(t *testing.T) {
	t.Parallel()
	for name, opts := range clients() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := embeddedtest.BrokerProcess(t, t.TempDir(), embeddedtest.Partitions(3))
			cl := transactional(t, broker.Addr(), opts...)
			commit(t, cl, 0, 1, 2)
			open(t, cl, 3, 4, 5)
			mark(t, cl, 1, true)
			for range 3 {
				restart(t, broker)
				wantCommitted(t, broker.Addr(), 0, 3, 1, 4, 2, 5)
			}
		})
	}
}

// A kill after recovery's broker was stopped: its snapshots hold for aborted what it committed.
func TestFaultSnapshotOfTheRecoveryIsNotBelieved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker := embeddedtest.BrokerProcess(t, dir, embeddedtest.Partitions(3))
	cl := transactional(t, broker.Addr())
	id, _, _ := cl.ProducerID(t.Context())
	commit(t, cl, 0, 3)
	if err := broker.Stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "kafka", "partitions", events+"-0", "snapshot.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	aborted := fmt.Sprintf(`{"aborted_txns":[{"producer_id":%d,"first_offset":0,"last_offset":1}],`, id)
	if err := errors.Join(os.WriteFile(path, append([]byte(aborted), raw[1:]...), 0o600),
		os.Remove(filepath.Join(dir, "kafka.clean")), broker.Start()); err != nil {
		t.Fatal(err)
	}
	wantCommitted(t, broker.Addr(), 0, 3)
}

func TestFaultHalfAbortedTransactionIsAbortedWhole(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.BrokerProcess(t, t.TempDir(), embeddedtest.Partitions(3))
	cl := transactional(t, broker.Addr())
	commit(t, cl, 0, 1, 2)
	open(t, cl, 3, 4, 5)
	mark(t, cl, 1, false)
	for range 3 {
		restart(t, broker)
		wantCommitted(t, broker.Addr(), 0, 1, 2)
	}
}

// A commit of the producer's earlier transaction decides nothing, in the same epoch neither.
func TestFaultEarlierCommitDoesNotDecideAnOpenTransaction(t *testing.T) {
	t.Parallel()
	for name, opts := range clients() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := embeddedtest.BrokerProcess(t, t.TempDir(), embeddedtest.Partitions(3))
			cl := transactional(t, broker.Addr(), opts...)
			commit(t, cl, 0)
			for before := time.Now().UnixMilli(); time.Now().UnixMilli() == before; {
				continue // the clock of markers has milliseconds
			}
			open(t, cl, 1, 2)
			restart(t, broker)
			wantCommitted(t, broker.Addr(), 0)
			commit(t, transactional(t, broker.Addr(), opts...), 4, 5)
			restart(t, broker)
			wantCommitted(t, broker.Addr(), 0, 4, 5)
		})
	}
}

// The producer has lived on: it must not hear that what was aborted is committed, nor commit a rest of it.
func TestFaultProducerOfAnEndedTransactionIsFenced(t *testing.T) {
	t.Parallel()
	for name, rest := range map[string][]int{"it commits": nil, "it writes more and commits": {2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := embeddedtest.BrokerProcess(t, t.TempDir(), embeddedtest.Partitions(3))
			cl := transactional(t, broker.Addr())
			commit(t, cl, 0)
			if err := errors.Join(broker.Stop(), broker.Start()); err != nil {
				t.Fatal(err)
			}
			open(t, cl, 1)
			restart(t, broker)
			restart(t, broker)
			var err error
			for _, n := range rest {
				err = errors.Join(err, cl.ProduceSync(t.Context(), record(events, n%3, n)).FirstErr())
			}
			if err := errors.Join(err, cl.EndTransaction(t.Context(), kgo.TryCommit)); err == nil {
				t.Error("a transaction that was aborted could be committed")
			}
			wantCommitted(t, broker.Addr(), 0)
		})
	}
}

// A kill between the two writes of a batch: to the segment and to its index.
func TestFaultBatchMissingInTheIndexStaysInItsTransaction(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker := embeddedtest.BrokerProcess(t, dir, embeddedtest.Partitions(3))
	commit(t, transactional(t, broker.Addr()), 0)
	open(t, transactional(t, broker.Addr()), 3)
	if err := broker.Kill(); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(dir, "kafka", "partitions", events+"-0", "0.idx")
	whole, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	const entry = 15
	for name, left := range map[string][]byte{
		"the last":                  whole[:len(whole)-entry],
		"one from an earlier start": append(slices.Clone(whole[:entry]), whole[2*entry:]...),
	} {
		if err := errors.Join(broker.Kill(), os.WriteFile(index, left, 0o600), broker.Start()); err != nil {
			t.Fatal(err)
		}
		wantCommitted(t, broker.Addr(), 0)
		if got, _ := os.ReadFile(index); len(got) < len(whole) || !bytes.Equal(flags(got[:len(whole)]), flags(whole)) {
			t.Errorf("without %s the index is %x, want %x", name, flags(got), flags(whole))
		}
	}
}

// flags returns of each entry of an index whether its batch is of a transaction.
func flags(index []byte) []byte {
	var all []byte
	for entry := range slices.Chunk(index, 15) {
		all = append(all, entry[len(entry)-1])
	}
	return all
}

// The first stop keeps the transaction open for its producer; the kill after it ends it, though nothing was
// written in between.
func TestFaultTransactionOpenOverAStopEndsWithAKill(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.BrokerProcess(t, t.TempDir(), embeddedtest.Partitions(3))
	cl := transactional(t, broker.Addr())
	commit(t, cl, 0)
	open(t, cl, 3, 6)
	if err := errors.Join(broker.Stop(), broker.Start()); err != nil {
		t.Fatal(err)
	}
	restart(t, broker)
	wantCommitted(t, broker.Addr(), 0)
	commit(t, transactional(t, broker.Addr()), 9)
	restart(t, broker)
	wantCommitted(t, broker.Addr(), 0, 9)
}

func TestTransactionOpenOverAStopCanBeCommitted(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.BrokerProcess(t, t.TempDir(), embeddedtest.Partitions(3))
	cl := transactional(t, broker.Addr())
	open(t, cl, 0, 1)
	if err := errors.Join(broker.Stop(), broker.Start()); err != nil {
		t.Fatal(err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	wantCommitted(t, broker.Addr(), 0, 1)
}

func TestOnlyDataOfAKilledBrokerIsRead(t *testing.T) {
	t.Parallel()
	const read = "data of a killed broker read"
	dir := t.TempDir()
	start := func() (*embedded.Kafka, bool) {
		var log bytes.Buffer
		k := startKafka(t, embedded.KafkaConfig{DataDir: dir, AutoCreate: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		return k, strings.Contains(log.String(), read)
	}
	for _, what := range []string{"new", "stopped"} {
		k, was := start()
		if was {
			t.Errorf("data of a %s broker was read", what)
		}
		addRecord(t, k.Addr())
		k.Stop()
	}
	broker := embeddedtest.BrokerProcess(t, dir)
	if err := broker.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, was := start(); !was {
		t.Error("data of a killed broker was not read")
	}
}

// clients are one that has a new epoch for each transaction and one from before KIP-890.
func clients() map[string][]kgo.Opt {
	return map[string][]kgo.Opt{"present client": nil, "older client": {kgo.MaxVersions(kversion.V3_7_0())}}
}

func transactional(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl := kafkaClient(t, addr, append(opts, kgo.TransactionalID("relay"), kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics())...)
	if _, _, err := cl.ProducerID(t.Context()); err != nil {
		t.Fatal(err)
	}
	return cl
}

// open writes the numbers into a transaction, each to the partition that is its rest by three.
func open(t *testing.T, cl *kgo.Client, numbers ...int) {
	t.Helper()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		if err := cl.ProduceSync(t.Context(), record(events, n%3, n)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t *testing.T, cl *kgo.Client, numbers ...int) {
	t.Helper()
	open(t, cl, numbers...)
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
}

// mark writes the marker of the client's transaction into one partition, as the coordinator does.
func mark(t *testing.T, cl *kgo.Client, partition int32, committed bool) {
	t.Helper()
	id, epoch, err := cl.ProducerID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	req.Markers = []kmsg.WriteTxnMarkersRequestMarker{{
		ProducerID: id, ProducerEpoch: epoch, Committed: committed,
		Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: events, Partitions: []int32{partition}}},
	}}
	resp, err := req.RequestWith(t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.Markers[0].Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wantCommitted(t *testing.T, addr string, want ...int) {
	t.Helper()
	var got []int
	for _, r := range readCommitted(t, addr, events) {
		got = append(got, sequenceOf(t, r))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("committed, by partition (-want +got):\n%s", diff)
	}
}
