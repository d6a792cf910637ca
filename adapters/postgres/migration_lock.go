package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// migrationLock lets one migrator at a time at a schema. While it has the lock it makes the schema, which goose's table
// needs first, and compares versions, which goose doesn't do.
type migrationLock struct {
	schema Schema
	newest int64 // version of the newest file
}

var _ lock.SessionLocker = (*migrationLock)(nil)

const (
	migrationLockKey  = `hashtextextended('tenon migrations of ' || $1, 0)`
	migrationLockWait = 20 * time.Millisecond
)

// SessionLock takes the lock. It polls, because a statement that waits for it would hold a snapshot, for whose end a
// CREATE INDEX CONCURRENTLY of the migration that runs would wait in turn.
func (l *migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	tick := time.NewTicker(migrationLockWait)
	defer tick.Stop()
	for {
		var locked bool
		err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(`+migrationLockKey+`)`, l.schema.Name).Scan(&locked)
		if err != nil {
			return fmt.Errorf("take the migration lock: %w", err)
		}
		if locked {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for another program's migration: %w", ctx.Err())
		}
	}
	if err := l.prepare(ctx, conn); err != nil {
		_ = l.SessionUnlock(context.WithoutCancel(ctx), conn) // goose unlocks only after a lock that succeeded
		return err
	}
	return nil
}

// SessionUnlock gives the lock back; it also ends with the connection.
func (l *migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock(`+migrationLockKey+`)`, l.schema.Name); err != nil {
		return fmt.Errorf("give the migration lock back: %w", err)
	}
	return nil
}

// prepareAlone does what must be done before goose looks whether there is work, which it does without the lock.
func (l *migrationLock) prepareAlone(ctx context.Context, pool *sql.DB) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	if err := l.SessionLock(ctx, conn); err != nil {
		return errors.Join(err, conn.Close())
	}
	return errors.Join(l.SessionUnlock(context.WithoutCancel(ctx), conn), conn.Close())
}

// prepare asks before it creates: IF NOT EXISTS needs the right to create schemas even where there is nothing to do.
func (l *migrationLock) prepare(ctx context.Context, conn *sql.Conn) error {
	var schemaThere, tableThere bool
	err := conn.QueryRowContext(ctx, `SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL`, l.schema.Name, l.schema.table()).
		Scan(&schemaThere, &tableThere)
	if err != nil {
		return fmt.Errorf("look for the schema: %w", err)
	}
	if !schemaThere {
		if _, err := conn.ExecContext(ctx, `CREATE SCHEMA `+l.schema.Name); err != nil {
			return fmt.Errorf("create the schema: %w", err)
		}
	}
	if !tableThere {
		return l.createTable(ctx, conn)
	}
	return l.compare(ctx, conn)
}

// createTable makes goose's table, with the row that it expects.
func (l *migrationLock) createTable(ctx context.Context, conn *sql.Conn) error {
	store, err := database.NewStore(database.DialectPostgres, l.schema.table())
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing; otherwise another error is being returned
	if err := store.CreateVersionTable(ctx, tx); err != nil {
		return err
	}
	if err := store.Insert(ctx, tx, database.InsertRequest{Version: 0}); err != nil {
		return err
	}
	return tx.Commit()
}

func (l *migrationLock) compare(ctx context.Context, conn *sql.Conn) error {
	var applied int64
	err := conn.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+l.schema.table()).Scan(&applied)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if applied > l.newest {
		return fmt.Errorf("%w: it is at migration %d, the program knows up to %d: run the newer release again, or restore the database"+
			" from before the upgrade", ErrNewerSchema, applied, l.newest)
	}
	return nil
}
