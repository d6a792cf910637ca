package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// CapturePublication is the name of the publication of a [Capture]: inserts into the log, with [CaptureColumns].
const CapturePublication = "tenon_outbox"

// CaptureColumns are the columns that are published: those that make a record of Kafka. The others, such as metadata, stay here.
func CaptureColumns() []string {
	return []string{
		"position", "recorded_at", "version", "event_id", "schema_version", "topic", "aggregate_type", "aggregate_id",
		"event_type", "correlation_id", "causation_id", "traceparent", "payload",
	}
}

// ErrNoCapture says that there is no replication slot of that name on this database.
var ErrNoCapture = errors.New("no replication slot")

// Capture is a logical replication slot, with a publication, through which a connector such as Debezium's reads the log in the
// relay's place. The server keeps its write-ahead log for a slot until it is read: one that nobody reads fills the disk.
// Safe for concurrent use.
type Capture struct {
	db   *DB
	slot string
}

// NewCapture returns the capture by the slot of that name. Slots of all databases of a server share their names.
func NewCapture(db *DB, slot string) *Capture { return &Capture{db: db, slot: slot} }

// Make makes the publication and the slot, those that are missing, and reports whether the slot is new. What is committed from
// now on goes through it. It waits for the transactions that are open on the server. The error says which right or setting
// of the server is missing.
func (c *Capture) Make(ctx context.Context) (made bool, err error) {
	if made, err = c.make(ctx); err != nil {
		return false, fmt.Errorf("make replication slot %s: %w", c.slot, Wrap(ctx, explainCapture(err)))
	}
	return made, nil
}

func (c *Capture) make(ctx context.Context) (bool, error) {
	// The slot sees the catalogue as it was: the publication comes first.
	if err := c.publish(ctx); err != nil {
		return false, err
	}
	status, err := c.Status(ctx)
	if err == nil && !status.MadeAt.IsZero() {
		return false, nil
	}
	made := errors.Is(err, ErrNoCapture)
	if err != nil && !made {
		return false, err
	}
	if made {
		if _, err := c.db.pool.ExecContext(ctx, `SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, c.slot); err != nil {
			return false, err
		}
	}
	_, err = c.db.pool.ExecContext(ctx, `INSERT INTO tenon.captures (slot, log, last_position)
		SELECT $1, i.id, coalesce((SELECT max(position) FROM tenon.events), 0) FROM tenon.log_identity i
		ON CONFLICT (slot) DO UPDATE SET log = excluded.log, last_position = excluded.last_position, made_at = excluded.made_at, relayed_at = NULL`, c.slot)
	return made, err
}

// publish makes the publication, or brings its columns up to date.
func (c *Capture) publish(ctx context.Context) error {
	table := "TABLE tenon.events (" + strings.Join(CaptureColumns(), ", ") + ")"
	_, err := c.db.pool.ExecContext(ctx, "CREATE PUBLICATION "+CapturePublication+" FOR "+table+" WITH (publish = 'insert')")
	if pq.As(err, pqerror.DuplicateObject) == nil {
		return err
	}
	_, err = c.db.pool.ExecContext(ctx, "ALTER PUBLICATION "+CapturePublication+" SET "+table)
	return err
}

// explainCapture says what to do about a refusal.
func explainCapture(err error) error {
	switch {
	case pq.As(err, pqerror.InsufficientPrivilege) != nil:
		return fmt.Errorf("%w: run it with a TENON_DATABASE_URL of a user who owns the schema tenon and may replicate (ALTER ROLE ... REPLICATION), "+
			"or of a superuser", err)
	case pq.As(err, pqerror.ObjectNotInPrerequisiteState) != nil:
		return fmt.Errorf("%w: set it and start the server again", err)
	case pq.As(err, pqerror.ConfigurationLimitExceeded) != nil:
		return fmt.Errorf("%w: raise max_replication_slots and start the server again", err)
	case pq.As(err, pqerror.DuplicateObject) != nil:
		return fmt.Errorf("%w, of another database or of another kind: choose another name", err)
	}
	return err
}

// Await returns when the reader has confirmed everything that is committed now. A reader confirms now and then: Kafka Connect at its
// offset.flush.interval.ms. The error wraps [ErrNoCapture] if there is no slot.
func (c *Capture) Await(ctx context.Context) error {
	if err := c.await(ctx); err != nil {
		return fmt.Errorf("wait for the reader of replication slot %s: %w", c.slot, Wrap(ctx, err))
	}
	return nil
}

func (c *Capture) await(ctx context.Context) error {
	var target string
	if err := c.db.pool.GetContext(ctx, &target, `SELECT pg_current_wal_insert_lsn()::text`); err != nil {
		return err
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var passed []bool
		err := c.db.pool.SelectContext(ctx, &passed, `SELECT confirmed_flush_lsn >= $2::pg_lsn FROM pg_replication_slots
			WHERE slot_name = $1 AND database = current_database()`, c.slot, target)
		switch {
		case err != nil:
			return err
		case len(passed) == 0:
			return fmt.Errorf("%w %s", ErrNoCapture, c.slot)
		case passed[0]:
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it hasn't confirmed %s: %w", target, ctx.Err())
		}
	}
}

// Known reports whether [Capture.Make] has made the slot for this log, whatever became of it since.
func (c *Capture) Known(ctx context.Context) (known bool, err error) {
	err = c.db.pool.GetContext(ctx, &known, `SELECT EXISTS (SELECT FROM tenon.captures WHERE slot = $1 AND log = (SELECT id FROM tenon.log_identity))`, c.slot)
	return known, Wrap(ctx, err)
}

// Remove drops the slot and the publication. While the slot is read the error says so; one that is missing is no error.
func (c *Capture) Remove(ctx context.Context) error {
	for _, statement := range []string{
		`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()`,
		`DELETE FROM tenon.captures WHERE slot = $1`,
	} {
		if _, err := c.db.pool.ExecContext(ctx, statement, c.slot); err != nil {
			if pq.As(err, pqerror.ObjectInUse) != nil {
				err = fmt.Errorf("%w: stop the connector first", err)
			}
			return fmt.Errorf("remove replication slot %s: %w", c.slot, Wrap(ctx, err))
		}
	}
	_, err := c.db.pool.ExecContext(ctx, "DROP PUBLICATION IF EXISTS "+CapturePublication)
	return Wrap(ctx, err)
}
