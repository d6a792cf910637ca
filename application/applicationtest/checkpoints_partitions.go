package applicationtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/projection"
)

// partitionsChanged reads one partition of four, then asks for it and for others, of four and of other numbers.
func partitionsChanged(ctx context.Context, f CheckpointsFixture) error {
	read := anyCheckpoint()
	unknown := read
	if err := unknown.advance(ctx, f, projection.None, 3); err != nil {
		return err
	}
	with := func(number, count int32) at {
		a := read
		a.partition.Number, a.partition.Count = number, count
		return a
	}
	if err := with(2, 9).next(ctx, f, 3); err != nil {
		return fmt.Errorf("no number was known before: %w", err)
	}
	if err := with(2, 4).advance(ctx, f, 3, 7); err != nil {
		return err
	}
	elsewhere, anew := with(1, 9), with(1, 9)
	elsewhere.version, anew.partition.ID = 2, uuid.New()
	err := errors.Join(with(2, 4).next(ctx, f, 7), with(1, 4).next(ctx, f, projection.None), with(2, 0).next(ctx, f, 7),
		elsewhere.next(ctx, f, projection.None), anew.next(ctx, f, projection.None))
	if err != nil {
		return err
	}
	if err := with(2, 0).advance(ctx, f, 7, 9); err != nil { // who doesn't know the number doesn't change it
		return err
	}
	for _, a := range []at{with(2, 5), with(2, 3), with(4, 5), with(0, 3)} {
		if _, err := f.Checkpoints.Next(ctx, a.name, a.version, a.partition); !errors.Is(err, projection.ErrPartitionsChanged) {
			return fmt.Errorf("partition %d of %d, of four before: %w, want ErrPartitionsChanged", a.partition.Number, a.partition.Count, err)
		}
	}
	return nil
}
