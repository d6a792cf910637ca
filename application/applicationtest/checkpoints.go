package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// CheckpointsFixture is an empty store of checkpoints, the transactions it takes part in, and a log in the same database,
// which stands for a projection's rows.
type CheckpointsFixture struct {
	Checkpoints projection.Checkpoints
	Store       eventlog.Store
	Reader      eventlog.Reader
}

// Checkpoints tests projection.Checkpoints: compare-and-set within the transaction that writes the rows.
func Checkpoints(t *testing.T, fixture func(t testing.TB) CheckpointsFixture) {
	t.Helper()
	runChecks(t, fixture, checkpointsChecks())
}

func checkpointsChecks() []check[CheckpointsFixture] {
	return []check[CheckpointsFixture]{
		{"a partition that was never read has none", noCheckpoint},
		{"a committed checkpoint is the next offset", committedCheckpoint},
		{"a rolled-back checkpoint has no effect", rolledBackCheckpoint},
		{"rows and checkpoint commit together", togetherWithRows},
		{"a checkpoint that is elsewhere was moved", movedCheckpoint},
		{"a first checkpoint beside an existing one was moved", movedFirstCheckpoint},
		{"a checkpoint that does not exist was moved", movedFromNowhere},
		{"of rivals at the first checkpoint exactly one moves it", firstCheckpointRace},
		{"of rivals at a later checkpoint exactly one moves it", laterCheckpointRace},
		{"names, versions and partitions have checkpoints of their own", independentCheckpoints},
		{"another incarnation of the topic is noticed", replacedTopic},
		{"another number of partitions is noticed", partitionsChanged},
		{"what was applied is not fresh again", appliedOnce},
	}
}

// at is a checkpoint of the suite: one name, version 1, one partition.
type at struct {
	name      string
	version   int
	partition projection.Partition
}

func anyCheckpoint() at {
	return at{"list", 1, projection.Partition{Topic: topicOf, ID: uuid.New(), Number: 2}}
}

func (a at) next(ctx context.Context, f CheckpointsFixture, want int64) error {
	got, err := f.Checkpoints.Next(ctx, a.name, a.version, a.partition)
	if err == nil && got != want {
		err = fmt.Errorf("next offset of %s is %d, want %d", a, got, want)
	}
	return err
}

func (a at) advance(ctx context.Context, f CheckpointsFixture, from, to int64) error {
	return unit(ctx, f.Store, func(tx eventlog.Tx) error {
		return f.Checkpoints.Advance(ctx, tx, a.name, a.version, a.partition, from, to)
	})
}

func (a at) String() string {
	return fmt.Sprintf("%s version %d, %s/%d", a.name, a.version, a.partition.Topic, a.partition.Number)
}

func noCheckpoint(ctx context.Context, f CheckpointsFixture) error {
	return anyCheckpoint().next(ctx, f, projection.None)
}

func committedCheckpoint(ctx context.Context, f CheckpointsFixture) error {
	a := anyCheckpoint()
	from := projection.None
	for _, to := range []int64{0, 7, 1 << 40} {
		if err := a.advance(ctx, f, from, to); err != nil {
			return err
		}
		if err := a.next(ctx, f, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func rolledBackCheckpoint(ctx context.Context, f CheckpointsFixture) error {
	a := anyCheckpoint()
	for _, from := range []int64{projection.None, 5} {
		err := rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
			return f.Checkpoints.Advance(ctx, tx, a.name, a.version, a.partition, from, 9)
		})
		if err != nil {
			return err
		}
		if err := a.next(ctx, f, from); err != nil {
			return err
		}
		if from == projection.None {
			if err := a.advance(ctx, f, from, 5); err != nil {
				return err
			}
		}
	}
	return nil
}

func togetherWithRows(ctx context.Context, f CheckpointsFixture) error {
	a := anyCheckpoint()
	apply := func(from, to int64, row eventlog.Record) error {
		return unit(ctx, f.Store, func(tx eventlog.Tx) error {
			if err := f.Checkpoints.Advance(ctx, tx, a.name, a.version, a.partition, from, to); err != nil {
				return err
			}
			return tx.Append(ctx, []eventlog.Record{row})
		})
	}
	row := event("row", 1)
	if err := apply(projection.None, 3, row); err != nil {
		return err
	}
	if err := apply(3, 4, event("row", 1)); err == nil {
		return errors.New("a row that conflicts committed")
	}
	if err := apply(2, 4, event("row", 2)); err == nil {
		return errors.New("a row committed whose checkpoint had been moved")
	}
	return errors.Join(a.next(ctx, f, 3), reads(ctx, f.Reader, "", row))
}

func movedCheckpoint(ctx context.Context, f CheckpointsFixture) error {
	a := anyCheckpoint()
	if err := a.advance(ctx, f, projection.None, 5); err != nil {
		return err
	}
	for _, from := range []int64{0, 4, 6} {
		if err := wantError(a.advance(ctx, f, from, 9), projection.ErrMoved); err != nil {
			return fmt.Errorf("from %d, stored 5: %w", from, err)
		}
	}
	return a.next(ctx, f, 5)
}

func movedFirstCheckpoint(ctx context.Context, f CheckpointsFixture) error {
	a := anyCheckpoint()
	if err := a.advance(ctx, f, projection.None, 5); err != nil {
		return err
	}
	return errors.Join(wantError(a.advance(ctx, f, projection.None, 9), projection.ErrMoved), a.next(ctx, f, 5))
}

func movedFromNowhere(ctx context.Context, f CheckpointsFixture) error {
	a := anyCheckpoint()
	return errors.Join(wantError(a.advance(ctx, f, 5, 9), projection.ErrMoved), a.next(ctx, f, projection.None))
}

func firstCheckpointRace(ctx context.Context, f CheckpointsFixture) error {
	return checkpointRace(ctx, f, anyCheckpoint(), projection.None)
}

func laterCheckpointRace(ctx context.Context, f CheckpointsFixture) error {
	a := anyCheckpoint()
	if err := a.advance(ctx, f, projection.None, 5); err != nil {
		return err
	}
	return checkpointRace(ctx, f, a, 5)
}

func checkpointRace(ctx context.Context, f CheckpointsFixture, a at, from int64) error {
	const rivals = 5
	won := make([]bool, rivals)
	uncommitted := newMeeting(rivals)
	err := together(rivals, func(i int) error {
		err := unit(ctx, f.Store, func(tx eventlog.Tx) error {
			err := f.Checkpoints.Advance(ctx, tx, a.name, a.version, a.partition, from, 100+int64(i))
			uncommitted.wait()
			return err
		})
		won[i] = err == nil
		if errors.Is(err, projection.ErrMoved) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if n := count(won); n != 1 {
		return fmt.Errorf("%d of %d rivals moved the checkpoint", n, rivals)
	}
	for i := range won {
		if won[i] {
			return a.next(ctx, f, 100+int64(i))
		}
	}
	return nil
}

func independentCheckpoints(ctx context.Context, f CheckpointsFixture) error {
	first := anyCheckpoint()
	all := []at{first, first, first, first, first}
	all[1].name = "other"
	all[2].version = 2
	all[3].partition.Number = 0
	all[4].partition.Topic = "other.topic"
	for i, a := range all {
		if err := a.advance(ctx, f, projection.None, int64(i)); err != nil {
			return fmt.Errorf("first checkpoint of %s: %w", a, err)
		}
	}
	var errs []error
	for i, a := range all {
		errs = append(errs, a.next(ctx, f, int64(i)))
	}
	return errors.Join(errs...)
}

func replacedTopic(ctx context.Context, f CheckpointsFixture) error {
	old := anyCheckpoint()
	if err := old.advance(ctx, f, projection.None, 5); err != nil {
		return err
	}
	anew := old
	anew.partition.ID = uuid.New()
	err := wantError(anew.next(ctx, f, projection.None), projection.ErrTopicReplaced)
	for _, from := range []int64{projection.None, 5} {
		if anew.advance(ctx, f, from, 9) == nil {
			err = errors.Join(err, fmt.Errorf("the old topic's checkpoint was moved from %d for the new one", from))
		}
	}
	return errors.Join(err, old.next(ctx, f, 5))
}
