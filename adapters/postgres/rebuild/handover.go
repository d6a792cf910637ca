package rebuild

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// Ends are the offsets behind the last record of topics at a moment, by partition, of all their partitions. What is no record, as the
// end of a transaction, is behind them: else a version that has read all would look behind another that began there.
type Ends map[projection.Partition]int64

// Mark is a moment: what Kafka had before it, and what was committed then, which is all that and more.
type Mark struct {
	Ends Ends
	now  postgres.Snapshot
}

// Mark asks ends, and then takes the log's snapshot. What Kafka has before ends was committed before it was published, so the
// snapshot sees it; what the snapshot doesn't see is published at or behind them.
func (v *Versions) Mark(ctx context.Context, ends func(context.Context) (Ends, error)) (Mark, error) {
	m := Mark{}
	var err error
	if m.Ends, err = ends(ctx); err != nil {
		return Mark{}, err
	}
	m.now, err = v.now(ctx)
	return m, err
}

// PartitionOf returns the partition of a topic with so many partitions that a key belongs to.
type PartitionOf func(topic string, key []byte, partitions int) int32

// ToKafka lets a version that is fed from the log go on with Kafka, at the mark's ends, and takes its parked sequences along. It
// returns false while the version hasn't read the log up to the mark. What comes again from Kafka has no effect.
func (v *Versions) ToKafka(ctx context.Context, name string, number int, m Mark, of PartitionOf) (done bool, err error) {
	if there, err := v.passed(ctx, name, number, m.now); err != nil || !there {
		return false, postgres.Wrap(ctx, err)
	}
	partitions := make(map[string]int)
	for p := range m.Ends {
		partitions[p.Topic]++
	}
	err = v.change(ctx, name, func(tx *sqlx.Tx, all set) error {
		own, ok := all[number]
		if !ok || own.Source != Log {
			return nil
		}
		var cursors []string
		err := tx.SelectContext(ctx, &cursors, `DELETE FROM tenon.projection_lanes WHERE projection = $1 AND version = $2 RETURNING cursor`, name, number)
		if err != nil {
			return err
		}
		if done, err = allPassed(cursors, m.now); err != nil || !done { // a restored backup
			return errNotPassed(err)
		}
		for p, end := range m.Ends {
			_, err := tx.ExecContext(ctx, `INSERT INTO tenon.checkpoints (projection, version, topic, partition, topic_id, next_offset, partitions)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`, name, number, p.Topic, p.Number, p.ID, end, partitions[p.Topic])
			if err != nil {
				return err
			}
		}
		err = moveParked(ctx, tx, own, func(s parkedSequence) (string, int32, error) {
			n := partitions[s.topic()]
			if n == 0 {
				return "", 0, fmt.Errorf("parked sequence %d is of topic %q, which version %d doesn't read", s.ID, s.topic(), number)
			}
			return s.topic(), of(s.topic(), s.Key, n), nil
		})
		if err != nil {
			return err
		}
		own.Source = Kafka
		return remember(ctx, tx, own)
	})
	return done && err == nil, err
}

func errNotPassed(err error) error {
	if err == nil {
		err = fmt.Errorf("%w: a lane of the log was set back meanwhile", ErrNotReady)
	}
	return err
}

// ToLog lets a version that is fed from Kafka read the log, from its beginning, in so many lanes. What it has applied has no effect
// again; what it has parked is parked again when it comes, or taken along if the log doesn't bring it as it is.
func (v *Versions) ToLog(ctx context.Context, name string, number, lanes int) error {
	return v.change(ctx, name, func(tx *sqlx.Tx, all set) error {
		own, ok := all[number]
		if !ok || own.Source != Kafka {
			return nil
		}
		if err := fromTheLog(ctx, tx, own); err != nil {
			return err
		}
		// Whoever still reads Kafka finds its checkpoint gone, and that Kafka isn't the source any more.
		_, err := tx.ExecContext(ctx, `DELETE FROM tenon.checkpoints WHERE projection = $1 AND version = $2`, name, number)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO tenon.projection_lanes (projection, version, lane, lanes)
			SELECT $1, $2, lane, $3 FROM generate_series(0, $3::integer - 1) AS lane`, name, number, lanes)
		if err != nil {
			return err
		}
		if err := leaveToLog(ctx, tx, own); err != nil {
			return err
		}
		err = moveParked(ctx, tx, own, func(s parkedSequence) (string, int32, error) {
			return projection.LogTopic, int32(relaying.LaneOf(eventlog.Bucket(s.AggregateID), lanes)), nil //nolint:gosec // below 64
		})
		if err != nil {
			return err
		}
		own.Source = Log
		return remember(ctx, tx, own)
	})
}
