package postgres_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/projection"
)

// A lock that somebody holds must not look like a handler that takes too long, unless the user says how long to wait.
func TestAdvanceBoundsTheWaitForLocks(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	for own, want := range map[string]string{"0": "5s", "7s": "7s"} {
		db := openURL(t, urlWith(t, url, "lock_timeout", own))
		p := projection.Partition{Topic: "things", ID: uuid.New()}
		from := projection.None
		for to := int64(1); to <= 2; to++ {
			tx := must(db.Begin(t.Context()))(t)
			if err := db.Advance(t.Context(), tx, "list of "+own, 1, p, from, to); err != nil {
				t.Fatal(err)
			}
			var got string
			if err := postgres.SQL(tx).GetContext(t.Context(), &got, `SHOW lock_timeout`); err != nil || got != want {
				t.Errorf("lock_timeout %s becomes %q, %v, want %s", own, got, err, want)
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			from = to
		}
	}
}
