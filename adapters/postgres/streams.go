package postgres

import (
	"context"
	"iter"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

var _ eventlog.Streams = (*DB)(nil)

const streamSQL = `SELECT ` + pageColumns + ` FROM tenon.events AS e
WHERE e.tenant = '' AND e.aggregate_type = $1 AND e.aggregate_id = $2 AND e.version > $3 ORDER BY e.version LIMIT $4`

// streamChunk is how many events are read at a time. Between chunks no connection is held, so that whoever folds them
// may take all the time it wants, and use the same transaction meanwhile.
const streamChunk = 500

// Stream yields an aggregate's events with versions above after.
func (db *DB) Stream(ctx context.Context, tx eventlog.Tx, aggregateType, id string, after domain.Version) iter.Seq2[eventlog.Record, error] {
	return func(yield func(eventlog.Record, error) bool) {
		q, after := db.Querier(tx), after // a sequence can be run again
		for {
			chunk, err := readStream(ctx, q, aggregateType, id, after)
			if err != nil {
				yield(eventlog.Record{}, Wrap(ctx, err))
				return
			}
			for _, r := range chunk {
				if !yield(r, nil) {
					return
				}
				after = r.Version
			}
			if len(chunk) < streamChunk {
				return
			}
		}
	}
}

func readStream(ctx context.Context, q Querier, aggregateType, id string, after domain.Version) ([]eventlog.Record, error) {
	rows, err := q.QueryContext(ctx, streamSQL, aggregateType, id, int64(after), streamChunk)
	if err != nil {
		return nil, err
	}
	return collect(rows, 16)
}
