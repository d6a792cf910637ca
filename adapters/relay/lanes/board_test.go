package lanes_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
)

// People are told what the newest batch with records took, not the one that only moved the cursor.
func TestTheBoardTellsWhatACommitTook(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	var last atomic.Int64
	run(t, must(newNode(db, broker, options{watch: func(_, records int, took time.Duration) {
		if records > 0 {
			last.Store(took.Microseconds())
		}
	}}))(t))
	appendEach(t, db, events("a", 1, 3)...)
	waitPublished(t, broker, "a", 3)
	if _, err := db.Pool().ExecContext(t.Context(), `SELECT pg_current_xact_id()`); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the board to tell what the newest commit took", func() bool {
		s := must(postgres.NewRelayDesk(db).Status(t.Context()))(t)
		return last.Load() > 0 && s.Lanes[0].Commit.Microseconds() == last.Load() && s.Lanes[0].Lag.Events == 0
	})
}
