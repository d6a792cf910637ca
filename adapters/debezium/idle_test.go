package debezium_test

import (
	"fmt"
	"testing"

	"github.com/tenon-go/tenon/adapters/relay/relaytest"
)

// A slot holds the server's write-ahead log back. It moves on while nothing is appended to the log and others write.
func TestSlotMovesOnWhileNothingIsAppended(t *testing.T) {
	t.Parallel()
	db, url := database(t)
	slot := capture(t, db, "idle")
	brokers := broker(t)
	worker(t, brokers, connector(t, url, "idle"), slot)
	if _, err := db.Pool().Exec(`CREATE TABLE noise (t text)`); err != nil {
		t.Fatal(err)
	}
	const much = 4 << 20
	if _, err := db.Pool().Exec(`INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 5000)`); err != nil {
		t.Fatal(err)
	}
	if err := slot.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	relaytest.Until(t, "the server to let go of its write-ahead log", func() (int, bool) {
		status, err := slot.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return int(much - status.Kept), status.Kept < much/8
	})
	for _, topic := range []string{"tenon.message", eventsTopic} {
		if found, err := relaytest.Published(t.Context(), brokers, topic); err != nil || len(found) > 0 {
			t.Error(fmt.Errorf("%d records on %s although nothing was appended (%w)", len(found), topic, err))
		}
	}
}
