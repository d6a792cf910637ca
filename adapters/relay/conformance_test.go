package relay_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestWatermillConforms(t *testing.T) {
	t.Parallel()
	applicationtest.Relay(t, func(t testing.TB) applicationtest.RelayFixture {
		dsn := database(t)
		db := open(t, dsn)
		broker := embeddedtest.BrokerProcess(t, t.TempDir())
		return applicationtest.RelayFixture{
			Store: db,
			NewRelay: func() relaying.Relay {
				r, to, err := newRelay(db, broker.Addr())
				if err != nil {
					t.Fatal(err)
				}
				return withPublisher{r, to}
			},
			Published: func(ctx context.Context, topic string) ([]applicationtest.Published, error) {
				records, err := relaytest.Published(ctx, broker.Addr(), topic)
				all := make([]applicationtest.Published, len(records))
				for i, r := range records {
					all[i] = applicationtest.Published{Key: string(r.Key), Headers: relaytest.Headers(r), Payload: r.Value}
				}
				return all, err
			},
			BreakBroker: func() func() {
				if err := broker.Kill(); err != nil {
					t.Fatal(err)
				}
				return func() {
					if err := broker.Start(); err != nil {
						t.Error(err)
					}
				}
			},
			BreakLog: func() func() { return breakLog(t, dsn) },
		}
	})
}

// withPublisher is a relay that closes its publisher at the end, whose goroutines began within Run.
type withPublisher struct {
	relaying.Relay
	to message.Publisher
}

// Run implements relaying.Relay.
func (r withPublisher) Run(ctx context.Context) error {
	return errors.Join(r.Relay.Run(ctx), r.to.Close())
}
