package memory_test

import (
	"context"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/relaying"
)

func storeFixture(testing.TB) applicationtest.StoreFixture {
	log := memory.NewLog()
	return applicationtest.StoreFixture{Store: log, Reader: log, Streams: log}
}

func TestStore(t *testing.T) {
	t.Parallel()
	applicationtest.Store(t, storeFixture)
}

func TestReader(t *testing.T) {
	t.Parallel()
	applicationtest.Reader(t, storeFixture)
}

func TestCheckpoints(t *testing.T) {
	t.Parallel()
	applicationtest.Checkpoints(t, func(testing.TB) applicationtest.CheckpointsFixture {
		log := memory.NewLog()
		return applicationtest.CheckpointsFixture{Checkpoints: memory.NewCheckpoints(log), Store: log, Reader: log}
	})
}

func TestReading(t *testing.T) {
	t.Parallel()
	applicationtest.Reading(t, func(testing.TB) applicationtest.ReadingFixture {
		log := memory.NewLog()
		points, letters := memory.NewCheckpoints(log), memory.NewDeadLetters(log, nil)
		return applicationtest.ReadingFixture{
			Progress: memory.NewProgress(log, points, letters), Store: log, Checkpoints: points, Letters: letters,
		}
	})
}

func TestRelay(t *testing.T) {
	t.Parallel()
	applicationtest.Relay(t, func(testing.TB) applicationtest.RelayFixture {
		log, broker := memory.NewLog(), memory.NewBroker(3)
		return applicationtest.RelayFixture{
			Store:       log,
			NewRelay:    func() relaying.Relay { return memory.NewRelay(log, broker) },
			Published:   published(broker),
			ExactlyOnce: true,
			BreakBroker: broker.Break,
			BreakLog:    log.Break,
		}
	})
}

// published reads a topic as the suite wants it. It reads through an outage of the broker, as an observer's own client would
// not; the suite only looks while the broker is well.
func published(broker *memory.Broker) func(context.Context, string) ([]applicationtest.Published, error) {
	return func(ctx context.Context, topic string) ([]applicationtest.Published, error) {
		deliveries, err := broker.Records(ctx, topic)
		var all []applicationtest.Published
		for _, d := range deliveries {
			all = append(all, applicationtest.Published{Key: string(d.Key), Headers: d.Headers, Payload: d.Value})
		}
		return all, err
	}
}

func TestAppender(t *testing.T) {
	t.Parallel()
	applicationtest.Appender(t, storeFixture)
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	applicationtest.DeadLetters(t, func(testing.TB) applicationtest.DeadLettersFixture {
		log := memory.NewLog()
		return applicationtest.DeadLettersFixture{Letters: memory.NewDeadLetters(log, nil), Store: log}
	})
}

func TestEffects(t *testing.T) {
	t.Parallel()
	applicationtest.Effects(t, func(testing.TB) applicationtest.EffectsFixture {
		log := memory.NewLog()
		return applicationtest.EffectsFixture{Effects: memory.NewConsumerInbox(log), Reader: log}
	})
}
