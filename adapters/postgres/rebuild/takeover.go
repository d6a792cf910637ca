package rebuild

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/adapters/postgres"
)

const (
	// catchUp is how long the serving version is held for another one to come to the same place.
	catchUp     = 2 * time.Second
	catchUpLook = 3 * time.Millisecond
)

// TakeOver makes a version that was built serve, if it has all that readers have seen: the serving version is held for a moment,
// until the new one has passed what is committed. [ErrNotReady] when that takes too long, or when the new version has parked
// aggregates that the serving one has not: then somebody decides, by [Versions.Use].
func (v *Versions) TakeOver(ctx context.Context, name string, number int) error {
	return v.turn(ctx, name, number, false, true)
}

// Use makes a version serve, also one that is older: its views turn in one transaction. [ErrNotReady] when it is behind what
// readers have seen, unless regardless says that it doesn't matter.
func (v *Versions) Use(ctx context.Context, name string, number int, regardless bool) error {
	return v.turn(ctx, name, number, regardless, false)
}

func (v *Versions) turn(ctx context.Context, name string, number int, regardless, byItself bool) error {
	return v.change(ctx, name, func(tx *sqlx.Tx, all set) error {
		to, ok := all[number]
		if !ok {
			return fmt.Errorf("%w: %s has none of number %d", ErrNoVersion, name, number)
		}
		from, one := all.serving()
		if to.State == Serving || byItself && (to.State != Building || !to.TakesOver) {
			return nil
		}
		if one && !regardless {
			if err := v.letCatchUp(ctx, tx, to, from, byItself); err != nil {
				return err
			}
		}
		if err := turnViews(ctx, tx, to.Tables, number); err != nil {
			return err
		}
		if one {
			from.State = Kept
			if err := remember(ctx, tx, from); err != nil {
				return err
			}
		}
		to.State = Serving
		return remember(ctx, tx, to)
	})
}

// letCatchUp holds a version until another one has what it has, also of what is parked if nobody has decided about that.
func (v *Versions) letCatchUp(ctx context.Context, tx *sqlx.Tx, to, from Version, byItself bool) error {
	if byItself {
		if err := onlyParkedToo(ctx, tx, to, from); err != nil {
			return err
		}
	}
	if err := hold(ctx, tx, from); err != nil {
		return err
	}
	return v.waitFor(ctx, tx, to, from)
}

// onlyParkedToo returns an error when a version has parked aggregates that another one hasn't.
func onlyParkedToo(ctx context.Context, tx *sqlx.Tx, to, from Version) error {
	var parked int
	err := tx.GetContext(ctx, &parked, `SELECT count(*) FROM tenon.parked_sequences AS n WHERE projection = $1 AND version = $2 AND NOT EXISTS (
		SELECT FROM tenon.parked_sequences AS o WHERE o.projection = $1 AND o.version = $3
			AND o.aggregate_type = n.aggregate_type AND o.aggregate_id = n.aggregate_id)`, to.Projection, to.Number, from.Number)
	if err == nil && parked > 0 {
		err = fmt.Errorf("%w: version %d has parked %d aggregates that version %d has not: see `tenon deadletters list`; replay them, or decide "+
			"by `tenon projections use %s %d`", ErrNotReady, to.Number, parked, from.Number, to.Projection, to.Number)
	}
	return err
}

// hold keeps a version where it is until tx ends.
func hold(ctx context.Context, tx *sqlx.Tx, v Version) error {
	for _, table := range []string{"checkpoints", "projection_lanes"} {
		_, err := tx.ExecContext(ctx, `SELECT FROM tenon.`+table+` WHERE projection = $1 AND version = $2 FOR UPDATE`, v.Projection, v.Number)
		if err != nil {
			return err
		}
	}
	return nil
}

// waitFor waits until a version has all that the one which is held has.
func (v *Versions) waitFor(ctx context.Context, tx *sqlx.Tx, to, held Version) error {
	has, err := v.compare(ctx, tx, to, held)
	if err != nil {
		return err
	}
	deadline := time.NewTimer(catchUp)
	defer deadline.Stop()
	for {
		there, err := has(ctx)
		switch {
		case err != nil:
			return err
		case there:
			return nil
		}
		select {
		case <-time.After(catchUpLook):
		case <-deadline.C:
			return fmt.Errorf("%w: version %d is behind version %d; is a program with it running?", ErrNotReady, to.Number, held.Number)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// compare returns what tells whether a version has all that the one which is held has.
func (v *Versions) compare(ctx context.Context, tx *sqlx.Tx, to, held Version) (func(context.Context) (bool, error), error) {
	switch {
	case to.Source == Log:
		now, err := v.now(ctx)
		return func(ctx context.Context) (bool, error) { return v.passed(ctx, to.Projection, to.Number, now) }, err
	case held.Source == Kafka:
		return func(ctx context.Context) (bool, error) {
			var behind bool
			err := tx.GetContext(ctx, &behind, `SELECT EXISTS (SELECT FROM tenon.checkpoints AS h
				LEFT JOIN tenon.checkpoints AS t ON t.projection = h.projection AND t.version = $3 AND t.topic = h.topic AND t.partition = h.partition
				WHERE h.projection = $1 AND h.version = $2 AND coalesce(t.next_offset, 0) < h.next_offset)`, held.Projection, held.Number, to.Number)
			return !behind, err
		}, nil
	}
	return nil, fmt.Errorf("%w: version %d is fed from Kafka and version %d still from the log, so that they can't be compared: wait until it is "+
		"fed from Kafka, too", ErrNotReady, to.Number, held.Number)
}

// now returns what is committed at this moment.
func (v *Versions) now(ctx context.Context) (postgres.Snapshot, error) {
	frozen, err := v.log.Freeze(ctx, nil)
	if err != nil {
		return postgres.Snapshot{}, err
	}
	return place(string(frozen))
}

// passed reports whether all lanes of a version that reads the log have passed what a snapshot sees.
func (v *Versions) passed(ctx context.Context, name string, number int, s postgres.Snapshot) (bool, error) {
	var cursors []string
	err := v.db.Pool().SelectContext(ctx, &cursors, `SELECT cursor FROM tenon.projection_lanes WHERE projection = $1 AND version = $2`, name, number)
	if err != nil || len(cursors) == 0 {
		return false, err
	}
	return allPassed(cursors, s)
}

func allPassed(cursors []string, s postgres.Snapshot) (bool, error) {
	const before = 2 // no event has a lower transaction: the log is empty
	for _, text := range cursors {
		at, err := place(text)
		if err != nil {
			return false, err
		}
		if s.Xmax > before && !at.Covers(s) {
			return false, nil
		}
	}
	return true, nil
}
