package lanes_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// The history tells when each record was passed, of those that were held back too, and says how far each span goes, so that no look
// at it is wider than it needs to be.
func TestHistoryEndsEachSpanWhereItDid(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	run(t, must(newNode(db, broker, options{lanes: 2, change: small}))(t))
	refused := events("b", 1, 1)[0]
	refused.Topic = "no topic!"
	appendEach(t, db, slices.Concat(events("a", 1, 5), []eventlog.Record{refused})...)
	waitPublished(t, broker, "a", 5)
	waitParked(t, db, "b", parkedKey{refused.ID, 1})
	count := func(query string) (n int) {
		if err := db.Pool().QueryRowContext(t.Context(), "SELECT count(*) FROM "+query).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	appendEach(t, db, events("b", 2, 4)...) // pages of which all is held back
	waitFor(t, "the history to tell of them", func() bool {
		return count("tenon.relay_spans WHERE last_position = (SELECT max(position) FROM tenon.events)") > 0
	})
	// A page without records of its lane comes before those that the skip publishes.
	other := elsewhere("b", 2)
	appendEach(t, db, events(other, 1, 3)...)
	waitPublished(t, broker, other, 3)
	if outcome := answer(t, db, ask(t, db, relaying.RequestSkip, refused)); outcome != "" {
		t.Errorf("outcome of the skip is %q", outcome)
	}
	waitPublished(t, broker, "b", 3)
	waitFor(t, "the board to show all", func() bool { return count("tenon.outbox WHERE sent") == 12 })
	if n := count("tenon.outbox WHERE processed_at IS NULL"); n != 0 {
		t.Errorf("nobody knows when %d records were passed", n)
	}
	if n := count("tenon.relay_spans WHERE last_position > (SELECT max(position) FROM tenon.events)"); n != 0 {
		t.Errorf("%d of %d spans have no end", n, count("tenon.relay_spans"))
	}
}

// elsewhere returns the id of an aggregate that another one of so many lanes has.
func elsewhere(id string, of int) string {
	for n := 0; ; n++ {
		other := strconv.Itoa(n)
		if relaying.LaneOf(eventlog.Bucket(other), of) != relaying.LaneOf(eventlog.Bucket(id), of) {
			return other
		}
	}
}
