// Package orderpgtest serves tests of the order context: [Open] returns a database with its schema, [Mismatches]
// compares all that is stored of orders with the fold of the log.
package orderpgtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
)

const patience = time.Minute

// Open returns a DB on a database of the test's own, with the schemas of kernel and order context. It is closed when
// the test ends. The test's package needs embeddedtest.Main.
func Open(t testing.TB) *postgres.DB {
	t.Helper()
	url := embeddedtest.DatabaseFrom(t, "orders", migrate)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func migrate(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return err
	}
	err = postgres.Migrate(ctx, db, postgres.KernelSchema())
	if err == nil {
		err = postgres.Migrate(ctx, db, orderpg.Schema())
	}
	return errors.Join(err, db.Close())
}

// Mediator returns the order context on db, ready for commands. change, unless it is nil, sets what a test needs
// otherwise than by default: EUR, no limit, no log.
func Mediator(t testing.TB, db *postgres.DB, change func(*orderapp.Config)) *application.Mediator {
	t.Helper()
	b := application.NewBuilder(application.Config{Store: db})
	cfg := orderapp.Config{
		Orders: orderpg.NewRepository(db), Views: orderpg.NewViews(db), Accounts: orderpg.Accounts{}, Currency: "EUR",
	}
	if change != nil {
		change(&cfg)
	}
	if err := orderapp.Register(b, cfg); err != nil {
		t.Fatal(err)
	}
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return m
}
