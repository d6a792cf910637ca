package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/tenon-go/tenon/application/eventlog"
)

const (
	askFor   = 5 * time.Second
	askAgain = 20 * time.Millisecond
)

// proof is what a transaction knows about itself for the case that the answer to its commit is lost.
type proof struct {
	xid   string
	event uuid.UUID // one that it appended, or the zero UUID

	// For a transaction without events: when it and its server began, by the server's clock.
	began, serverBegan time.Time
}

type outcome int

const (
	running outcome = iota
	committed
	aborted
	unknown
)

// explain returns nil when the transaction was committed in spite of err, else the error to report.
func (t *Tx) explain(ctx context.Context, err error) error {
	unsure := pq.As(err, pqerror.TransactionResolutionUnknown, pqerror.TRStatementCompletionUnknown) != nil
	if !unsure && (pq.As(err) != nil || errors.Is(err, pq.ErrInFailedTransaction)) {
		return classify(err) // the server said no
	}
	return t.lookUp(ctx, err)
}

// lookUp asks the server what became of a transaction of which err left that open.
func (t *Tx) lookUp(ctx context.Context, err error) error {
	if t.proof.xid == "" {
		return fmt.Errorf("%w: %w", eventlog.ErrOutcomeUnknown, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	switch result, askErr := t.db.ask(ctx, t.proof); result {
	case committed:
		return nil
	case aborted:
		return fmt.Errorf("%w: the connection broke and the transaction was not stored: %w", eventlog.ErrUnavailable, err)
	default:
		return fmt.Errorf("%w: %w", eventlog.ErrOutcomeUnknown, errors.Join(err, askErr))
	}
}

// ask asks until the transaction has ended one way or the other, or ctx has.
func (db *DB) ask(ctx context.Context, p proof) (outcome, error) {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		result, err := db.look(ctx, p)
		if err == nil && result != running {
			return result, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return unknown, err
		}
	}
}

func (db *DB) look(ctx context.Context, p proof) (outcome, error) {
	var status string
	err := db.pool.QueryRowContext(ctx, `SELECT coalesce(pg_xact_status($1::xid8), 'forgotten')`, p.xid).Scan(&status)
	switch {
	case pq.As(err, pqerror.InvalidParameterValue) != nil:
		return aborted, nil // "in the future": the server crashed and has no trace of the transaction
	case err != nil:
		return unknown, err
	case status == "in progress":
		return running, nil
	case status == "aborted":
		return aborted, nil
	case status == "committed":
		return db.confirm(ctx, p)
	}
	return unknown, nil
}

// confirm makes sure that it was ours that was committed under the xid: after a crash the server hands out again xids
// of which it has no trace.
func (db *DB) confirm(ctx context.Context, p proof) (outcome, error) {
	var ours bool
	if p.event != (uuid.UUID{}) {
		err := db.pool.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM tenon.events WHERE event_id = $1)`, p.event).Scan(&ours)
		if err == nil && !ours {
			return aborted, nil
		}
		return committed, err
	}
	// A process that is older than the transaction has outlived no crash: a crash of one ends them all.
	err := db.pool.QueryRowContext(ctx, `SELECT pg_postmaster_start_time() = $1 AND
		coalesce((SELECT min(backend_start) FROM pg_stat_activity) <= $2, false)`, p.serverBegan, p.began).Scan(&ours)
	if err == nil && !ours {
		return unknown, nil
	}
	return committed, err
}
