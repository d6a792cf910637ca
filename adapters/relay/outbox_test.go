package relay_test

import (
	"errors"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay"
)

func TestOutboxShowsWhatTheBrokerRefuses(t *testing.T) {
	t.Parallel()
	db := open(t, database(t))
	tx := must(db.Begin(t.Context()))(t)
	if err := errors.Join(tx.Append(t.Context(), records(1)), tx.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	to := new(target)
	to.set(func(string, *message.Message) error { return errors.New("broker says no") })
	from := must(postgres.NewSubscriber(db, postgres.SubscriberConfig{Group: postgres.RelayGroup, Unmarshal: relay.Wrap}))(t)
	end := run(t, relay.NewWatermill(relay.Config{Subscriber: from, Publisher: to, Failures: postgres.NewFailures(db)}))
	shows := func(condition string) bool {
		var n int
		if err := db.Pool().Get(&n, `SELECT count(*) FROM tenon.outbox WHERE `+condition); err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
	waitFor(t, "attempts and error in the view", func() bool {
		return shows(`NOT sent AND processed_at IS NULL AND retry_count >= 2 AND error LIKE '%broker says no%'`)
	})
	to.set(nil)
	waitFor(t, "the time in the view", func() bool {
		return shows(`sent AND processed_at > created_at AND retry_count = 0 AND error IS NULL`)
	})
	if err := errors.Join(end(), from.Close()); err != nil {
		t.Error(err)
	}
}
