package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/tenon-go/tenon/application/relaying"
)

// LogRebaseApp is the Config.AppName under which a [LogRebase] knows its own connections from those of programs.
const LogRebaseApp = "tenon log rebase"

// ErrLogInUse says that programs use the log: stop them first.
var ErrLogInUse = errors.New("the log is in use")

// LogRebase makes a log that was loaded into another server, as a dump is, that server's own. Its events carry the
// transaction ids of the server they come from, and readers tell by these what they have read. They get the smallest ids
// there are, so that all that this server writes is newer, and every cursor gets the snapshot that has passed the same
// events as before. Transactions that no cursor tells apart become one. The log gets an identity of its own: cursors that
// are kept elsewhere are refused, and the log that it was copied from stays another one.
type LogRebase struct{ db *DB }

// NewLogRebase returns a rebase of db's log. Open db under the name [LogRebaseApp].
func NewLogRebase(db *DB) *LogRebase { return &LogRebase{db: db} }

// LogFinding is what a log looks like before it is rebased.
type LogFinding struct {
	relaying.Identity

	Layout relaying.Layout // the zero Layout when no relay of lanes has run
	Events int64
	Newest uint64 // greatest transaction id of an event; 0: there are none
	Server uint64 // that the server gives out next
}

// Needed reports whether the log can't be read on this server as it is.
func (f *LogFinding) Needed() bool { return f.Newest >= f.Server }

// Look changes nothing.
func (r *LogRebase) Look(ctx context.Context) (LogFinding, error) {
	f, err := lookAtLog(ctx, r.db.pool)
	return f, Wrap(ctx, err)
}

// Free returns nil when nobody uses the log and nothing else hinders a rebase now. It holds writers up for a moment.
func (r *LogRebase) Free(ctx context.Context) error {
	tx, err := r.db.pool.BeginTxx(ctx, nil)
	if err != nil {
		return Wrap(ctx, err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was changed
	_, err = lockLog(ctx, tx)
	return Wrap(ctx, err)
}

func lookAtLog(ctx context.Context, from sqlx.QueryerContext) (LogFinding, error) {
	var row struct {
		Standby  bool          `db:"standby"`
		Log      uuid.NullUUID `db:"log"`
		Events   int64         `db:"events"`
		Newest   uint64        `db:"newest"`
		Server   uint64        `db:"server"`
		Epoch    int64         `db:"epoch"`
		Lanes    int           `db:"lanes"`
		Next     int           `db:"next"`
		Timeline string        `db:"timeline"`
	}
	err := sqlx.GetContext(ctx, from, &row, `SELECT pg_is_in_recovery() AS standby, (SELECT id FROM tenon.log_identity) AS log,
		(SELECT count(*) FROM tenon.events) AS events, pg_snapshot_xmax(pg_current_snapshot())::text::numeric::text AS server,
		coalesce((SELECT xid FROM tenon.events ORDER BY xid DESC LIMIT 1)::text::numeric, 0)::text AS newest,
		coalesce(y.epoch, 0) AS epoch, coalesce(y.lanes, 0) AS lanes, coalesce(y.next, 0) AS next,
		CASE WHEN pg_is_in_recovery() THEN '' ELSE `+timelineSQL+` END AS timeline
		FROM (SELECT) one LEFT JOIN tenon.relay_layout y ON true`)
	switch {
	case err != nil:
		return LogFinding{}, err
	case row.Standby:
		return LogFinding{}, errors.New("this server is a standby: rebase the log on the primary")
	case !row.Log.Valid:
		return LogFinding{}, errNoIdentity
	}
	return LogFinding{
		Identity: relaying.Identity{Log: row.Log.UUID, Timeline: row.Timeline}, Events: row.Events, Newest: row.Newest, Server: row.Server,
		Layout: relaying.Layout{Epoch: row.Epoch, Lanes: row.Lanes, Next: row.Next},
	}, nil
}

// CheckLog returns an error that wraps [relaying.ErrLogChanged] when events would stay hidden because the log was loaded
// from another server. What is appended to it meanwhile could be lost later on.
func CheckLog(ctx context.Context, db *DB) error {
	var row struct {
		Newest uint64 `db:"newest"`
		Server uint64 `db:"server"`
	}
	err := db.pool.GetContext(ctx, &row, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric::text AS server,
		coalesce((SELECT xid FROM tenon.events ORDER BY xid DESC LIMIT 1)::text::numeric, 0)::text AS newest`)
	if err == nil && row.Newest >= row.Server {
		return fromOtherServer(row.Newest, row.Server)
	}
	return Wrap(ctx, err)
}

func fromOtherServer(newest, server uint64) error {
	return fmt.Errorf("%w: it holds an event of transaction %d, but the server is at %d: %w", relaying.ErrLogChanged, newest, server-1, errFromOtherServer)
}

// lockLog lets nobody near the log until the transaction ends, and refuses while programs use it or a layout is being
// changed.
func lockLog(ctx context.Context, tx *sqlx.Tx) (LogFinding, error) {
	const lock = `SET LOCAL lock_timeout = '2s'; LOCK TABLE tenon.events, tenon.cursors, tenon.relay_layout, tenon.relay_lanes, tenon.relay_nodes,
		tenon.relay_progress, tenon.relay_parked, tenon.relay_spans, tenon.relay_batches, tenon.projection_lanes,
		tenon.log_identity IN ACCESS EXCLUSIVE MODE`
	if _, err := tx.ExecContext(ctx, lock); err != nil {
		if pq.As(err, pqerror.LockNotAvailable) != nil {
			return LogFinding{}, fmt.Errorf("%w: a transaction has it: %w", ErrLogInUse, err)
		}
		return LogFinding{}, err
	}
	var user struct {
		Name string       `db:"name"`
		Ends sql.NullTime `db:"ends"`
	}
	err := tx.GetContext(ctx, &user, `SELECT format('session %s (%s)', pid, application_name) AS name, NULL::timestamptz AS ends FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'tenon%' AND application_name <> $1
		UNION ALL SELECT 'relay ' || node, expires_at FROM tenon.relay_nodes WHERE expires_at > clock_timestamp()
		UNION ALL SELECT 'relay ' || owner, expires_at FROM tenon.relay_lanes WHERE expires_at > clock_timestamp() LIMIT 1`, LogRebaseApp)
	switch {
	case errors.Is(err, sql.ErrNoRows): // nobody
	case err != nil:
		return LogFinding{}, err
	case user.Ends.Valid:
		return LogFinding{}, fmt.Errorf("%w by %s: stop it, or wait until its lease ends at %s", ErrLogInUse, user.Name, user.Ends.Time.UTC().Format(time.RFC3339))
	default:
		return LogFinding{}, fmt.Errorf("%w by %s: stop every program that uses this database", ErrLogInUse, user.Name)
	}
	f, err := lookAtLog(ctx, tx)
	if err == nil && f.Layout.Next != 0 {
		err = fmt.Errorf("a change from %d to %d lanes is under way: let it end on the server that the log comes from, or give it up there",
			f.Layout.Lanes, f.Layout.Next)
	}
	return f, err
}
