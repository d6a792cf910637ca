package postgres

import (
	"context"

	"github.com/lib/pq"
)

// changedSQL looks for rows of transactions from $1 on, and of those in $2, which ran before.
const changedSQL = `
SELECT pg_current_snapshot()::text AS current,
    coalesce((SELECT e.xid FROM tenon.events AS e WHERE e.xid >= $1::xid8 ORDER BY e.xid DESC LIMIT 1)::text::numeric, 0)::text AS newest,
    EXISTS (SELECT FROM unnest($2::xid8[]) AS l(xid) WHERE EXISTS (SELECT FROM tenon.events AS e WHERE e.xid = l.xid)) AS late`

// Changed reports whether anything was committed to the log since the token was returned, and the token to ask with
// next. "" asks for a first token and reports true. It may report true too often, after an outage, and never false
// wrongly. One statement that reads a few index entries: it is for polling while nothing is expected.
func (l *LaneLog) Changed(ctx context.Context, since string) (now string, changed bool, err error) {
	var before Snapshot
	if since != "" {
		if before, err = ParseSnapshot(since); err != nil {
			return "", false, err
		}
	}
	var row struct {
		Current string `db:"current"`
		Newest  uint64 `db:"newest"`
		Late    bool   `db:"late"`
	}
	err = Wrap(ctx, l.db.pool.GetContext(ctx, &row, changedSQL, xidText(max(before.Xmax, 1)), xidArray(before.Running)))
	l.note(err)
	if err != nil {
		return "", false, err
	}
	current, err := ParseSnapshot(row.Current)
	if err != nil {
		return "", false, err
	}
	if current.Xmax < before.Xmax {
		return "1:1:", true, nil // the database was set back: ask from the beginning
	}
	return current.Trim(before, row.Newest).String(), since == "" || row.Newest > 0 || row.Late, nil
}

func xidArray(xids []uint64) pq.StringArray {
	texts := make(pq.StringArray, len(xids))
	for i, xid := range xids {
		texts[i] = xidText(xid)
	}
	return texts
}
