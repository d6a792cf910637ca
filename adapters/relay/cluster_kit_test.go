package relay_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// relayMode is a relay that the tests on a cluster run.
type relayMode struct {
	name        string
	exactlyOnce bool          // no record may be on the topic twice
	every       time.Duration // a writer's unit of work: what takes records one by one is only waited for if there are more
	start       func(t testing.TB, db *postgres.DB, brokers string) (r relaying.Relay, end func() error)
}

var relayModes = []relayMode{
	{"exactly-once", true, 100 * time.Millisecond, startLanes},
	{"watermill", false, 500 * time.Millisecond, startWatermill},
}

func startLanes(t testing.TB, db *postgres.DB, brokers string) (relaying.Relay, func() error) {
	t.Helper()
	target := must(kafka.NewLanes(kafka.Config{Brokers: strings.Split(brokers, ",")}, kafka.LanesConfig{}))(t)
	log, members := postgres.NewLaneLog(db), postgres.NewRelayMembers(db)
	board := must(postgres.NewRelayBoard(db, postgres.RelayBoardConfig{}))(t)
	r := must(lanes.New(lanes.Config{
		Log: log, Boundary: log, Target: target, Members: members, Layouts: members, Board: board,
		Wake: db.Signal(), Poll: log.Changed, PollInterval: 50 * time.Millisecond,
	}))(t)
	stop := run(t, r)
	return r, func() error {
		defer target.Close()
		return stop()
	}
}

func startWatermill(t testing.TB, db *postgres.DB, brokers string) (relaying.Relay, func() error) {
	t.Helper()
	r, to, err := newRelay(db, brokers)
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, r)
	return r, func() error { return errors.Join(stop(), to.Close()) }
}

// clusterRig is a log under load, three brokers, a relay to them and a projection from them.
type clusterRig struct {
	*testing.T
	kafka  *kafkatest.Cluster
	db     *postgres.DB
	load   *load
	relay  relaying.Relay
	runner *projection.Runner
}

// onCluster runs the faults with each mode of relay.
func onCluster(t *testing.T, faults func(r *clusterRig)) {
	t.Helper()
	onClusterBy(t, relayModes, faults)
}

// onClusterBy runs the faults with modes of relay on a rig that works, and then checks that nothing was lost, doubled or
// brought out of order, and that all recovers by itself. One cluster at a time: a small machine has enough to do with it.
func onClusterBy(t *testing.T, modes []relayMode, faults func(r *clusterRig)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			r := &clusterRig{T: t, kafka: kafkatest.Start(t, kafkatest.Options{Brokers: 3}), db: open(t, database(t))}
			r.createTopic()
			ctx, stop := context.WithCancel(t.Context())
			r.load = startLoadAt(ctx, r.db, 4, mode.every)
			defer r.load.done.Wait()
			defer stop()
			var endRelay func() error
			r.relay, endRelay = mode.start(t, r.db, r.kafka.Addr())
			endProjection := r.project()
			r.progresses("before the fault")
			faults(r)
			r.healthy()
			stop()
			if n := r.load.check(t, r.kafka.Addr()); n > 0 && mode.exactlyOnce {
				t.Errorf("%d records are on the topic twice", n)
			}
			r.rowsAreTheLog()
			r.healthy()
			if err := errors.Join(endProjection(), endRelay()); err != nil {
				t.Error(err)
			}
		})
	}
}

func (r *clusterRig) createTopic() {
	r.Helper()
	admin := must(kafka.NewAdmin(kafka.Config{Brokers: r.kafka.Brokers()}))(r)
	defer admin.Close()
	if err := admin.EnsureTopics(r.Context(), kafka.TopicSpec{Name: faultTopic, Partitions: 3}); err != nil {
		r.Fatal(err)
	}
}

type happened struct{}

// project runs a projection that notes each event.
func (r *clusterRig) project() (end func() error) {
	r.Helper()
	if _, err := r.db.Pool().ExecContext(r.Context(), `CREATE TABLE noted (n bigserial, aggregate text, version bigint)`); err != nil {
		r.Fatal(err)
	}
	cfg := kafka.Config{Brokers: r.kafka.Brokers()}
	types := new(codec.Types)
	codec.Register[happened](types, "thing.happened", 1)
	r.runner = must(projection.NewRunner(projection.RunnerConfig{
		Projection: projection.Projection{
			Name: "noted", Version: 1, Topics: []string{faultTopic}, Types: []string{"thing.happened"}, Apply: note,
		},
		Store: r.db, Checkpoints: r.db, Codec: codec.JSON{Types: types}, Parking: postgres.NewDeadLetters(r.db),
		MinBackoff: 10 * time.Millisecond, MaxBackoff: 500 * time.Millisecond,
	}))(r)
	src := must(kafka.NewSource(cfg, kafka.SourceConfig{Group: "noted", Topics: []string{faultTopic}}))(r)
	ctx, stop := context.WithCancel(context.WithoutCancel(r.Context()))
	done := make(chan error, 1)
	go func() { done <- r.runner.Run(ctx, src) }()
	ended := false
	end = func() error {
		stop()
		if ended {
			return nil
		}
		ended = true
		return <-done
	}
	r.Cleanup(func() { _ = end() })
	return end
}

func note(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
	for _, e := range batch {
		_, err := postgres.SQL(tx).ExecContext(ctx, `INSERT INTO noted (aggregate, version) VALUES ($1, $2)`, e.AggregateID, int64(e.Version))
		if err != nil {
			return postgres.Wrap(ctx, err)
		}
	}
	return nil
}

// progresses waits until events committed from now on have gone all the way into the projection's rows.
func (r *clusterRig) progresses(when string) {
	r.Helper()
	r.load.passes(r, 20)
	goal := must(r.load.heads(r.Context()))(r)
	waitForProgress(r, "rows of what was committed "+when, func() (int, bool) {
		rows := r.rows()
		n, all := 0, true
		for aggregate, version := range goal {
			n += len(rows[aggregate])
			all = all && len(rows[aggregate]) >= version
		}
		return n, all
	})
}

// rows returns the versions of each aggregate in the order in which the projection noted them.
func (r *clusterRig) rows() map[string][]int {
	r.Helper()
	rows := must(r.db.Pool().QueryContext(r.Context(), `SELECT aggregate, version FROM noted ORDER BY n`))(r)
	defer rows.Close()
	all := make(map[string][]int)
	for rows.Next() {
		var aggregate string
		var version int
		if err := rows.Scan(&aggregate, &version); err != nil {
			r.Fatal(err)
		}
		all[aggregate] = append(all[aggregate], version)
	}
	if err := rows.Err(); err != nil {
		r.Fatal(err)
	}
	return all
}

// rowsAreTheLog waits until there is a row for each event, and fails the test when there is one twice or out of order.
func (r *clusterRig) rowsAreTheLog() {
	r.Helper()
	heads := must(r.load.heads(r.Context()))(r)
	waitForProgress(r, "a row for each event", func() (int, bool) {
		n := 0
		for aggregate, versions := range r.rows() {
			for i, v := range versions {
				if v != i+1 {
					r.Fatalf("%s: row %d is of version %d", aggregate, i+1, v)
				}
			}
			if len(versions) > heads[aggregate] {
				r.Fatalf("%s: %d rows for %d events", aggregate, len(versions), heads[aggregate])
			}
			n += len(versions)
		}
		for _, version := range heads {
			n -= version
		}
		return n, n == 0
	})
}

// healthy waits until relay and projection say that they work.
func (r *clusterRig) healthy() {
	r.Helper()
	r.bothSay("good health", func(err error) bool { return err == nil })
}

// unhealthy waits until both say that they don't.
func (r *clusterRig) unhealthy() {
	r.Helper()
	r.bothSay("bad health", func(err error) bool { return err != nil })
}

func (r *clusterRig) bothSay(what string, holds func(error) bool) {
	r.Helper()
	for name, health := range map[string]func() error{"relay": r.relay.Health, "projection": r.runner.Health} {
		r.says(name, what, health, holds)
	}
}

func (r *clusterRig) says(name, what string, health func() error, holds func(error) bool) {
	r.Helper()
	var last error
	defer func() {
		if r.Failed() {
			r.Logf("%s says %v", name, last)
		}
	}()
	waitFor(r, fmt.Sprintf("%s of the %s", what, name), func() bool { last = health(); return holds(last) })
}

// coordinator returns the broker that coordinates the transactions of most of the relay's producers.
func (r *clusterRig) coordinator() int {
	r.Helper()
	admin := kadm.NewClient(must(kgo.NewClient(kgo.SeedBrokers(r.kafka.Brokers()...)))(r))
	defer admin.Close()
	all := must(admin.ListTransactions(r.Context(), nil, nil))(r)
	if len(all) == 0 {
		r.Fatal("nobody coordinates a transaction")
	}
	producers := make(map[int]int)
	for _, tx := range all {
		producers[int(tx.Coordinator)-1]++ // ids of nodes begin at 1
	}
	return slices.MaxFunc(slices.Sorted(maps.Keys(producers)), func(a, b int) int { return producers[a] - producers[b] })
}
