package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tenon-go/tenon/application/relaying"
)

// parkedNow are the parked keys as k, each in the lane that its bucket is in now, with that lane's progress as p.
const parkedNow = `tenon.relay_parked k
    JOIN tenon.log_identity i ON i.id = k.log
    JOIN tenon.relay_layout y ON k.lane = ((k.bucket + 1) * y.lanes - 1) / 1024`

// Parked returns the keys that are held back, those first that have been longest, at most so many.
func (d *RelayDesk) Parked(ctx context.Context, most int) ([]relaying.HeldBack, error) {
	var rows []struct {
		parkedRow

		Records int `db:"records"`
	}
	err := d.db.pool.SelectContext(ctx, &rows, `
		SELECT k.*, held.records FROM `+parkedNow+`
		LEFT JOIN tenon.relay_progress p ON p.log = k.log AND p.lane = k.lane
		CROSS JOIN LATERAL (SELECT count(*) AS records FROM (
			SELECT FROM tenon.events e
			WHERE e.tenant = '' AND e.aggregate_type = k.aggregate_type AND e.aggregate_id = k.aggregate_id AND e.position >= k.position
				AND (pg_visible_in_snapshot(e.xid, p.s1) OR e.position <= p.position AND pg_visible_in_snapshot(e.xid, p.s2))
				AND NOT tenon.cursor_passed(k.after_cursor, e.xid, e.position)
			LIMIT $2::bigint + 1) one) held
		ORDER BY k.since, k.position LIMIT $1`, most, maxHeldBack)
	if err != nil {
		return nil, fmt.Errorf("parked keys: %w", Wrap(ctx, err))
	}
	var all []relaying.HeldBack
	for i := range rows {
		r := &rows[i]
		all = append(all, relaying.HeldBack{
			Parked: r.parked(), Lane: r.Lane, Records: min(r.Records, maxHeldBack), More: r.Records > maxHeldBack,
		})
	}
	return all, nil
}

// askSQL leaves a request of kind $1 by $2 for the reason $3 about the parked key $4, $5, or about all if $6, unless one is
// open. It names the record that is the key's first now.
const askSQL = `
INSERT INTO tenon.relay_requests (kind, aggregate_type, aggregate_id, bucket, event, asked_by, reason)
SELECT $1, k.aggregate_type, k.aggregate_id, k.bucket, k.event, $2, $3 FROM ` + parkedNow + `
WHERE ($6 OR k.aggregate_type = $4 AND k.aggregate_id = $5) AND NOT EXISTS (
    SELECT FROM tenon.relay_requests q
    WHERE q.aggregate_type = k.aggregate_type AND q.aggregate_id = k.aggregate_id AND q.done_at IS NULL)
ORDER BY k.position
RETURNING ` + requestColumns

func (d *RelayDesk) ask(ctx context.Context, q relaying.Request, all bool) ([]relaying.Request, error) {
	if err := errors.Join(checkText("who asks", q.By, 1, 200), checkText("reason", q.Reason, 0, 2000)); err != nil {
		return nil, err
	}
	var rows []requestRow
	if err := d.db.pool.SelectContext(ctx, &rows, askSQL, string(q.Kind), q.By, q.Reason, q.Key.AggregateType, q.Key.AggregateID, all); err != nil {
		return nil, Wrap(ctx, err)
	}
	var asked []relaying.Request
	for i := range rows {
		asked = append(asked, rows[i].request())
	}
	return asked, nil
}

// one asks about one key. When nothing came of it, it says why.
func (d *RelayDesk) one(ctx context.Context, q relaying.Request) (relaying.Request, error) {
	asked, err := d.ask(ctx, q, false)
	switch {
	case err != nil:
		return relaying.Request{}, err
	case len(asked) > 0:
		return asked[0], nil
	}
	var open []requestRow
	err = d.db.pool.SelectContext(ctx, &open, `SELECT `+requestColumns+` FROM tenon.relay_requests
		WHERE aggregate_type = $1 AND aggregate_id = $2 AND done_at IS NULL ORDER BY id`, q.Key.AggregateType, q.Key.AggregateID)
	switch {
	case err != nil:
		return relaying.Request{}, Wrap(ctx, err)
	case len(open) > 0:
		return relaying.Request{}, fmt.Errorf("request %d (%s, by %s) is open for this key: wait until it is done", open[0].ID, open[0].Kind, open[0].By)
	}
	return relaying.Request{}, relaying.ErrNotParked
}

// Retry asks for the key's records to be published from the first that is held back on. The error wraps
// [relaying.ErrNotParked] when none are.
func (d *RelayDesk) Retry(ctx context.Context, key relaying.Key, by string) (relaying.Request, error) {
	q, err := d.one(ctx, relaying.Request{Kind: relaying.RequestRetry, Key: key, By: by})
	if err != nil {
		return relaying.Request{}, fmt.Errorf("retry %s %s: %w", key.AggregateType, key.AggregateID, err)
	}
	return q, nil
}

// RetryAll asks the same of every parked key that no request is open for, and returns what it asked; none is no error.
func (d *RelayDesk) RetryAll(ctx context.Context, by string) ([]relaying.Request, error) {
	asked, err := d.ask(ctx, relaying.Request{Kind: relaying.RequestRetry, By: by}, true)
	if err != nil {
		return nil, fmt.Errorf("retry all parked keys: %w", err)
	}
	return asked, nil
}

// Skip asks for the first record that is held back to be given up for good, and the others to be published. It needs a
// reason. The error wraps [relaying.ErrNotParked] when none are held back.
func (d *RelayDesk) Skip(ctx context.Context, key relaying.Key, by, reason string) (relaying.Request, error) {
	err := errors.New("reason is missing: say why the record may be lost")
	var q relaying.Request
	if reason = strings.TrimSpace(reason); reason != "" {
		q, err = d.one(ctx, relaying.Request{Kind: relaying.RequestSkip, Key: key, By: by, Reason: reason})
	}
	if err != nil {
		return relaying.Request{}, fmt.Errorf("skip the first record of %s %s: %w", key.AggregateType, key.AggregateID, err)
	}
	return q, nil
}

// Requests returns all open requests, then the newest that are done, at most so many together.
func (d *RelayDesk) Requests(ctx context.Context, most int) ([]relaying.RequestStatus, error) {
	var rows []requestRow
	err := d.db.pool.SelectContext(ctx, &rows, `SELECT * FROM (
			(SELECT `+requestColumns+` FROM tenon.relay_requests WHERE done_at IS NULL ORDER BY id LIMIT $1)
			UNION ALL
			(SELECT `+requestColumns+` FROM tenon.relay_requests WHERE done_at IS NOT NULL ORDER BY id DESC LIMIT $1)
		) q ORDER BY done_at IS NOT NULL, CASE WHEN done_at IS NULL THEN id ELSE -id END LIMIT $1`, most)
	if err != nil {
		return nil, fmt.Errorf("requests to the relay: %w", Wrap(ctx, err))
	}
	var all []relaying.RequestStatus
	for i := range rows {
		all = append(all, relaying.RequestStatus{Request: rows[i].request(), DoneAt: utc(rows[i].DoneAt), Outcome: rows[i].Outcome})
	}
	return all, nil
}
