package lanes_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
)

// relayEnv makes this binary a relay: "database url", with the broker in relayEnv_BROKER.
const relayEnv = "TENON_LANES_TEST_CHILD"

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
	n, err := newNode(db, broker, options{
		log:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), // shown when the test fails
		kafka:  kafka.LanesConfig{CommitTimeout: 20 * time.Second, TakeTimeout: 30 * time.Second},     // a busy machine is no outage
		change: func(cfg *lanes.Config) { cfg.Node, cfg.BatchRecords = strconv.Itoa(os.Getpid()), 10 },
	})
	if err != nil {
		return err
	}
	fmt.Println("relaying")
	return n.Run(ctx)
}
