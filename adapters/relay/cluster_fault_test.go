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

func (r *clusterRig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}
