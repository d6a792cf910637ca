package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// verifySQL returns a row for [evidence]; $1 is the position of the record that was relayed last.
const verifySQL = `
SELECT pg_is_in_recovery() AS standby,
    CASE WHEN NOT pg_is_in_recovery() THEN ` + timelineSQL + ` END AS timeline,
    pg_current_snapshot()::text AS current,
    (SELECT id FROM tenon.log_identity) AS log,
    coalesce((SELECT e.xid FROM tenon.events AS e ORDER BY e.xid DESC LIMIT 1)::text::numeric, 0)::text AS newest,
    (SELECT e.event_id FROM tenon.events AS e WHERE e.position = $1) AS last`

// evidence is what tells whether a log is the one that was relayed.
type evidence struct {
	Standby  bool           `db:"standby"`
	Timeline sql.NullString `db:"timeline"`
	Current  string         `db:"current"`
	Log      uuid.NullUUID  `db:"log"`
	Newest   uint64         `db:"newest"` // xid of the newest event; 0 when there are none
	Last     uuid.NullUUID  `db:"last"`
}

// rebaseRelay is the way out, see [relaying.ErrLogChanged].
const rebaseRelay = "run `tenon relay rebase` to say where the relay goes on"

// Verify compares the log with what was known when p was stored, in one statement. A progress that names no log was
// never stored: then only the log itself is looked at.
func (l *LaneLog) Verify(ctx context.Context, p relaying.Progress) error {
	c, err := ParseCursor(p.Cursor)
	if err != nil {
		return err
	}
	var found evidence
	if err := l.db.pool.GetContext(ctx, &found, verifySQL, p.Last.Position); err != nil {
		return Wrap(ctx, err)
	}
	current, err := ParseSnapshot(found.Current)
	switch {
	case err != nil:
		return err
	case found.Standby:
		return fmt.Errorf("the log is read on the primary, not on a standby: %w", eventlog.ErrUnavailable)
	case !found.Log.Valid:
		return errNoIdentity
	case found.Newest >= current.Xmax: // before all else: the counters can't be compared
		return fromOtherServer(found.Newest, current.Xmax)
	case p.Log != uuid.UUID{}:
		return found.contradict(p, c, current)
	}
	return nil
}

// contradict returns an error when something that was known of the log isn't so.
func (e *evidence) contradict(p relaying.Progress, c Cursor, current Snapshot) error {
	passed := max(c.Before.Xmax, c.Window.Xmax)
	switch {
	case e.Log.UUID != p.Log:
		return fmt.Errorf("%w: relayed was log %s, this is log %s; %s", relaying.ErrLogChanged, p.Log, e.Log.UUID, rebaseRelay)
	case c.Log != uuid.UUID{} && c.Log != p.Log:
		return fmt.Errorf("%w: relayed was log %s, but the cursor is of log %s; %s", relaying.ErrLogChanged, p.Log, c.Log, rebaseRelay)
	case current.Xmax < passed:
		return fmt.Errorf("%w: relayed was up to transaction %d, the server is at %d: an older backup was restored; %s",
			relaying.ErrLogChanged, passed-1, current.Xmax-1, rebaseRelay)
	case !p.Last.IsZero() && !e.Last.Valid:
		return fmt.Errorf("%w: the last record relayed, event %s at position %d, isn't there: an older backup was restored; %s",
			relaying.ErrLogChanged, p.Last.Event, p.Last.Position, rebaseRelay)
	case !p.Last.IsZero() && e.Last.UUID != p.Last.Event:
		return fmt.Errorf("%w: the last record relayed was event %s at position %d, event %s is there now: an older backup was restored; %s",
			relaying.ErrLogChanged, p.Last.Event, p.Last.Position, e.Last.UUID, rebaseRelay)
	case p.Last.IsZero() && e.Timeline.String != p.Timeline:
		return fmt.Errorf("%w: the server was on timeline %q and is on %q now, and no record was relayed that would show "+
			"whether something was lost; %s", relaying.ErrLogChanged, p.Timeline, e.Timeline.String, rebaseRelay)
	}
	return nil
}
