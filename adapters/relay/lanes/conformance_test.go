package lanes_test

import (
	"context"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestLanesConform(t *testing.T) {
	t.Parallel()
	for name, lanes := range map[string]int{"one lane": 1, "three lanes": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			applicationtest.Relay(t, func(t testing.TB) applicationtest.RelayFixture { return fixture(t, lanes) })
		})
	}
}

func fixture(t testing.TB, lanes int) applicationtest.RelayFixture {
	t.Helper()
	f, _, _ := fixtureParts(t, lanes)
	return f
}

// fixtureParts returns the fixture with its log and the address of its broker.
func fixtureParts(t testing.TB, lanes int) (applicationtest.RelayFixture, *postgres.DB, string) {
	t.Helper()
	dsn := database(t)
	db := open(t, dsn)
	broker := embeddedtest.BrokerProcess(t, t.TempDir())
	return applicationtest.RelayFixture{
		Store:       db,
		ExactlyOnce: true,
		NewRelay: func() relaying.Relay {
			return must(newNode(db, broker.Addr(), options{lanes: lanes}))(t)
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
	}, db, broker.Addr()
}
