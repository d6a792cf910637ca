package rebuild

import (
	"context"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/projection"
)

// maxLag bounds what is counted.
const maxLag = 100_000

// LogLag returns how many events of the projection's topics a version that reads the log hasn't passed, up to 100,000 and one
// more. It costs the backlog.
func (v *Versions) LogLag(ctx context.Context, of Version, topics []string) (int, error) {
	var cursors []string
	err := v.db.Pool().SelectContext(ctx, &cursors, `SELECT cursor FROM tenon.projection_lanes WHERE projection = $1 AND version = $2 ORDER BY lane`,
		of.Projection, of.Number)
	if err != nil {
		return 0, postgres.Wrap(ctx, err)
	}
	all := 0
	for i, text := range cursors {
		n, err := v.log.Lag(ctx, text, i, len(cursors), topics, maxLag+1-all)
		if err != nil {
			return 0, err
		}
		if all += n; all > maxLag {
			break
		}
	}
	return all, nil
}

// Offsets returns the next offsets of a version that is fed from Kafka, by partition.
func (v *Versions) Offsets(ctx context.Context, of Version) (map[projection.Partition]int64, error) {
	var rows []struct {
		Topic     string    `db:"topic"`
		ID        uuid.UUID `db:"topic_id"`
		Partition int32     `db:"partition"`
		Next      int64     `db:"next_offset"`
	}
	err := v.db.Pool().SelectContext(ctx, &rows, `SELECT topic, topic_id, partition, next_offset FROM tenon.checkpoints
		WHERE projection = $1 AND version = $2`, of.Projection, of.Number)
	next := make(map[projection.Partition]int64, len(rows))
	for _, r := range rows {
		next[projection.Partition{Topic: r.Topic, ID: r.ID, Number: r.Partition}] = r.Next
	}
	return next, postgres.Wrap(ctx, err)
}
