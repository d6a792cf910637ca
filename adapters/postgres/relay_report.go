package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/relaying"
)

// reportSQL stores the progress of $1 where it isn't older than what is there, and the spans of $2 of batches that
// weren't reported before; both are JSON. It returns the lanes whose progress is stored. Rows are locked in the order of
// lanes, so that two nodes that report the same ones don't wait for each other.
const reportSQL = `
WITH report AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS r (` + laneTypes + `, node text, commit_micros bigint) ORDER BY log, lane
), known AS MATERIALIZED (
    SELECT p.log, p.lane, p.epoch, p.reported FROM tenon.relay_progress p JOIN report r ON r.log = p.log AND r.lane = p.lane
    ORDER BY p.log, p.lane FOR UPDATE OF p
), fresh AS MATERIALIZED (
    SELECT r.* FROM report r LEFT JOIN known k ON k.log = r.log AND k.lane = r.lane
    WHERE k.log IS NULL OR (r.epoch, r.batches) > (k.epoch, k.reported)
), noted AS (
    INSERT INTO tenon.relay_spans (log, "of", lane, s1, s2, after_position, last_position)
    SELECT f.log, f."of", f.lane, s.s1, s.s2, s.after_position, s.last_position
    FROM jsonb_to_recordset($2::jsonb) AS s (number integer, lane integer, s1 pg_snapshot, s2 pg_snapshot,
        after_position bigint, last_position bigint)
    JOIN fresh f ON f.lane = s.lane ORDER BY s.number
)
INSERT INTO tenon.relay_progress AS p (` + laneColumns + `, reported, node, commit_micros)
SELECT ` + laneColumns + `, batches, node, commit_micros FROM report
ON CONFLICT (log, lane) DO UPDATE SET "of" = excluded."of", epoch = excluded.epoch, timeline = excluded.timeline,
    s1 = excluded.s1, s2 = excluded.s2, low = excluded.low, position = excluded.position, batches = excluded.batches,
    reported = greatest(excluded.reported, CASE WHEN p.epoch = excluded.epoch THEN p.reported END),
    last_position = excluded.last_position, last_event = excluded.last_event, closed = excluded.closed,
    node = excluded.node, commit_micros = coalesce(excluded.commit_micros, p.commit_micros), updated_at = clock_timestamp()
WHERE (p.epoch, p.batches) <= (excluded.epoch, excluded.batches)
RETURNING p.lane`

// laneReport is a laneRow and who reports it.
type laneReport struct {
	laneRow

	Node string `json:"node"`
	// CommitMicros is nil where no batch had records.
	CommitMicros *int64 `json:"commit_micros"` //nolint:tagliatelle // a column's name
}

// unparkSQL removes the keys of lane $2 that $3, which is JSON, doesn't have.
const unparkSQL = `DELETE FROM tenon.relay_parked p WHERE p.log = $1 AND p.lane = $2
	AND NOT EXISTS (SELECT FROM jsonb_to_recordset($3::jsonb) AS r (` + parkedTypes + `)
		WHERE r.aggregate_type = p.aggregate_type AND r.aggregate_id = p.aggregate_id)`

// pruneSpans is how many reports pass between two looks at the history's length.
const pruneSpans = 256

// Report implements relaying.Board. A single statement, unless parked keys changed.
func (b *RelayBoard) Report(ctx context.Context, reports []relaying.Report) error {
	for len(reports) > 0 {
		n := distinctLanes(reports)
		if err := b.report(ctx, reports[:n]); err != nil {
			return fmt.Errorf("report of the relay: %w", Wrap(ctx, err))
		}
		reports = reports[n:]
	}
	if b.reports.Add(1)%pruneSpans != 1 {
		return nil
	}
	const prune = `DELETE FROM tenon.relay_spans WHERE number <= (SELECT max(number) FROM tenon.relay_spans) - $1::bigint`
	if _, err := b.db.pool.ExecContext(ctx, prune, b.history); err != nil {
		return fmt.Errorf("forget old reports of the relay: %w", Wrap(ctx, err))
	}
	return nil
}

// distinctLanes returns how many reports come before a lane is repeated: one statement writes a row once.
func distinctLanes(reports []relaying.Report) int {
	seen := make(map[int]bool, len(reports))
	for i := range reports {
		lane := reports[i].Progress.Lane.Number
		if seen[lane] {
			return i
		}
		seen[lane] = true
	}
	return len(reports)
}

func (b *RelayBoard) report(ctx context.Context, reports []relaying.Report) error {
	lanes, spans, parked := make([]laneReport, len(reports)), []spanRow{}, false
	for i := range reports {
		r := &reports[i]
		row, err := laneRowOf(r.Progress)
		if err != nil {
			return err
		}
		lanes[i] = laneReport{laneRow: row, Node: r.Node}
		if r.Commit > 0 {
			micros := r.Commit.Microseconds()
			lanes[i].CommitMicros = &micros
		}
		if spans, err = appendSpans(spans, row.Lane, r.Spans); err != nil {
			return err
		}
		parked = parked || r.ParkedChanged
	}
	lanesJSON, err := json.Marshal(lanes)
	if err != nil {
		return err
	}
	spansJSON, err := json.Marshal(spans)
	if err != nil {
		return err
	}
	if parked {
		return b.reportParked(ctx, reports, string(lanesJSON), string(spansJSON))
	}
	_, err = b.db.pool.ExecContext(ctx, reportSQL, string(lanesJSON), string(spansJSON))
	return err
}

// reportParked also replaces the parked keys of lanes whose progress was stored. Their rows in tenon.relay_progress stay
// locked until both are done, so that the keys are those of the progress.
func (b *RelayBoard) reportParked(ctx context.Context, reports []relaying.Report, lanes, spans string) error {
	tx, err := b.db.beginStatements(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	var stored []int
	if err := tx.SelectContext(ctx, &stored, reportSQL, lanes, spans); err != nil {
		return err
	}
	for i := range reports {
		if r := &reports[i]; r.ParkedChanged && slices.Contains(stored, r.Progress.Lane.Number) {
			if err := replaceParked(ctx, tx, r); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

func replaceParked(ctx context.Context, tx *sqlx.Tx, r *relaying.Report) error {
	rows, err := parkedJSON(&r.Progress, r.Parked)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, unparkSQL, r.Progress.Log, r.Progress.Lane.Number, rows); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, parkSQL, rows)
	return err
}
