package postgres_test

import (
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/applicationtest"
)

// forSuite returns a DB with connections for the transactions that the suites hold open, and their readers.
func forSuite(t testing.TB) *postgres.DB {
	t.Helper()
	return openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 24})
}

func storeFixture(t testing.TB) applicationtest.StoreFixture {
	t.Helper()
	db := forSuite(t)
	return applicationtest.StoreFixture{Store: db, Reader: db, Streams: db}
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
	applicationtest.Checkpoints(t, func(t testing.TB) applicationtest.CheckpointsFixture {
		t.Helper()
		db := forSuite(t)
		return applicationtest.CheckpointsFixture{Checkpoints: db, Store: db, Reader: db}
	})
}

func TestReading(t *testing.T) {
	t.Parallel()
	applicationtest.Reading(t, func(t testing.TB) applicationtest.ReadingFixture {
		t.Helper()
		db := forSuite(t)
		return applicationtest.ReadingFixture{Progress: db, Store: db, Checkpoints: db, Letters: postgres.NewDeadLetters(db)}
	})
}

func TestAppender(t *testing.T) {
	t.Parallel()
	applicationtest.Appender(t, storeFixture)
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	applicationtest.DeadLetters(t, func(t testing.TB) applicationtest.DeadLettersFixture {
		t.Helper()
		db := forSuite(t)
		return applicationtest.DeadLettersFixture{Letters: postgres.NewDeadLetters(db), Store: db}
	})
}

func TestEffects(t *testing.T) {
	t.Parallel()
	applicationtest.Effects(t, func(t testing.TB) applicationtest.EffectsFixture {
		t.Helper()
		db := forSuite(t)
		return applicationtest.EffectsFixture{Effects: postgres.NewConsumerInbox(db), Reader: db}
	})
}
