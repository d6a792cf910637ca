package relay_test

import "testing"

func TestFaultOneBrokerOfThreeKilled(t *testing.T) {
	onCluster(t, func(r *clusterRig) {
		for round := range rounds(1, 9) {
			broker := round % 3
			r.must(r.kafka.Kill(broker))
			r.progresses("while a broker is down") // two in-sync replicas are enough
			r.healthy()
			r.must(r.kafka.Restart(broker))
			r.progresses("after it has come back")
		}
	})
}

func TestFaultTwoBrokersOfThreeKilled(t *testing.T) {
	onCluster(t, func(r *clusterRig) {
		for round := range rounds(1, 6) {
			one, two := round%3, (round+1)%3
			r.must(r.kafka.Kill(one, two))
			r.load.passes(r, 50) // commands don't need a broker
			r.unhealthy()
			r.must(r.kafka.Restart(one, two))
			r.healthy()
			r.progresses("after they have come back")
		}
	})
}

func TestFaultOneBrokerOfThreePaused(t *testing.T) {
	onCluster(t, func(r *clusterRig) {
		for round := range rounds(1, 9) {
			broker := round % 3
			r.must(r.kafka.Pause(broker))
			r.progresses("while a broker is paused")
			r.must(r.kafka.Resume(broker))
			r.progresses("after its pause")
		}
	})
}

func TestFaultTransactionCoordinatorKilled(t *testing.T) {
	onClusterBy(t, relayModes[:1], func(r *clusterRig) {
		for range rounds(1, 6) {
			broker := r.coordinator()
			r.must(r.kafka.Kill(broker))
			r.progresses("while the transactions' coordinator is down")
			r.healthy()
			r.must(r.kafka.Restart(broker))
			r.progresses("after it has come back")
		}
	})
}

// A rolling restart moves the leaders of all partitions, twice.
func TestFaultBrokersRestartedOneByOne(t *testing.T) {
	onClusterBy(t, relayModes[:1], func(r *clusterRig) {
		for range rounds(1, 3) {
			for broker := range 3 {
				r.must(r.kafka.Stop(broker))
				r.progresses("while a broker is stopped")
				r.must(r.kafka.Restart(broker))
				r.progresses("after it has started again")
			}
		}
	})
}

func (r *clusterRig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}
