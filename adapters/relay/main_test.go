package relay_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
)

// relayEnv makes this binary a relay: "database url, broker".
const relayEnv = "TENON_RELAY_TEST_CHILD"

func TestMain(m *testing.M) {
	if dsn, ok := os.LookupEnv(relayEnv); ok {
		fmt.Fprintln(os.Stderr, relayAsChild(dsn, os.Getenv(relayEnv+"_BROKER")))
		os.Exit(1)
	}
	embeddedtest.Main(m)
}

// relayAsChild relays until it is killed.
func relayAsChild(dsn, broker string) error {
	embeddedtest.EndWithParent()
	ctx := context.Background()
	db, err := postgres.Open(ctx, postgres.Config{URL: dsn})
	if err != nil {
		return err
	}
	r, _, err := newRelay(db, broker)
	if err != nil {
		return err
	}
	fmt.Println("relaying")
	return r.Run(ctx)
}
