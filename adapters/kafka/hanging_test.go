package kafka

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// What a coordinator told before it was made to forget decides; without that nothing that is published may be doubled or lost.
func TestHangingTransactionEndsAsItWasDecided(t *testing.T) {
	t.Parallel()
	const id, producer, epoch = "tenon.x", 7, 14
	published := kadm.TopicsSet{"domain.thing.events": {3: {}}}
	for name, c := range map[string]struct {
		told   []kadm.DescribedTransaction
		ended  kadm.TopicsSet
		commit bool
		fails  bool
	}{
		"committed":                            {told: states("CompleteCommit", producer, epoch), ended: published, commit: true},
		"committed under the next epoch":       {told: states("PrepareCommit", producer, epoch+1), ended: published, commit: true},
		"aborted":                              {told: states("CompleteAbort", producer, epoch+1), ended: published},
		"left open":                            {told: states("Ongoing", producer, epoch)},
		"forgotten after it was told":          {told: append(states("CompleteCommit", producer, epoch+1), states("Empty", producer, epoch+2)...), commit: true},
		"forgotten":                            {told: states("Empty", producer, epoch+2)},
		"forgotten and published":              {told: states("Empty", producer, epoch+2), ended: published, fails: true},
		"another transaction's":                {told: states("CompleteCommit", producer, epoch+5)},
		"another transaction's, and published": {told: states("CompleteCommit", producer, epoch-1), ended: published, fails: true},
		"another producer's":                   {told: states("CompleteCommit", producer+1, epoch)},
		"never told, nothing published":        {},
		"never told, and published":            {ended: published, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &Lanes{decided: make(map[string]decision)}
			for _, told := range c.told {
				l.noteDecision(id, told)
			}
			commit, err := l.outcome(&hanging{
				id: id, producer: producer, first: kadm.DescribedProducer{ProducerID: producer, ProducerEpoch: epoch}, ended: c.ended,
			})
			if commit != c.commit || errors.Is(err, errHanging) != c.fails {
				t.Errorf("commit %v, error %v; want commit %v, failure %v", commit, err, c.commit, c.fails)
			}
		})
	}
}

func states(state string, producer int64, epoch int16) []kadm.DescribedTransaction {
	return []kadm.DescribedTransaction{{State: state, ProducerID: producer, ProducerEpoch: epoch}}
}
