package postgres

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/application/eventlog"
)

// Whoever waited for the cursor while a rival moved it has a snapshot older than the cursor: reading on with it would call
// transactions seen that began in between and are still open. It must start anew.
func TestSubscriberThatWaitedForARivalStartsAnew(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := Open(ctx, Config{URL: embeddedtest.Database(t)})
	if err == nil {
		t.Cleanup(func() { _ = db.Close() })
		err = errors.Join(Migrate(ctx, db, KernelSchema()), db.openCursor(ctx, "g"))
	}
	if err != nil {
		t.Fatal(err)
	}
	rival := db.pool.MustBegin()
	defer rival.Rollback() //nolint:errcheck // it does nothing after Commit
	rival.MustExec(`UPDATE tenon.cursors SET s1 = pg_current_snapshot()`)

	waited := make(chan error, 1)
	go func() {
		tx, err := db.pool.BeginTxx(ctx, &sql.TxOptions{Isolation: logSchema{}.SubscribeIsolationLevel()})
		if err != nil {
			waited <- err
			return
		}
		defer tx.Rollback() //nolint:errcheck // it only read
		q := logSchema{batch: 1}.SelectQuery("", "g", logOffsets{})
		rows, err := tx.QueryContext(ctx, q.Query, q.Args...)
		if err == nil {
			rows.Next()
			err = errors.Join(rows.Err(), rows.Close())
		}
		waited <- err
	}()
	deadline := time.Now().Add(30 * time.Second)
	for waiting := false; !waiting && err == nil && time.Now().Before(deadline); {
		err = db.pool.Get(&waiting, `SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
			WHERE NOT granted AND locktype = 'transactionid' AND datname = current_database())`)
	}
	if err := errors.Join(err, rival.Commit()); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(classify(err), eventlog.ErrTransient) {
		t.Errorf("who waited got %v, want a serialization failure", err)
	}
}
