package rebuild_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
)

// asNode makes the test binary a node that feeds version 2 on the database that the variable names, until it is killed.
const asNode = "TEST_AS_NODE"

func TestMain(m *testing.M) {
	if url := os.Getenv(asNode); url != "" {
		embeddedtest.EndWithParent()
		if err := node(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	embeddedtest.Main(m)
}

func node(url string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return err
	}
	cfg := config(db, things(2))
	cfg.Poll, cfg.Batch = 50*time.Millisecond, 100 // it is to be killed in the middle
	f, err := rebuild.NewFeed(cfg)
	if err != nil {
		return err
	}
	return f.Run(ctx)
}
