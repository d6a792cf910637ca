package rebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/projection"
)

// Entry is a version that a program has.
type Entry struct {
	Projection projection.Projection
	Source     Source // what feeds it once it is built
	Begin      bool   // whether it is built if another version serves; else it is refused
}

// Enter returns the version, which is stored if it is new: the first of a projection serves at once, a later one is built beside the
// one that serves, in tables that are made like that one's where they aren't there. [ErrRefused] unless the entry says so.
func (v *Versions) Enter(ctx context.Context, e Entry) (Version, error) {
	var entered Version
	err := v.change(ctx, e.Projection.Name, func(tx *sqlx.Tx, all set) (err error) {
		if _, one := all.serving(); !one {
			if err := first(ctx, tx, e, all); err != nil {
				return err
			}
		}
		if entered, err = enter(ctx, tx, e, all); err != nil {
			return err
		}
		return remember(ctx, tx, entered)
	})
	return entered, err
}

// first stores the version that serves on a database where versions weren't stored before.
func first(ctx context.Context, tx *sqlx.Tx, e Entry, all set) error {
	p := &e.Projection
	var known struct {
		Version int    `db:"version"`
		Source  Source `db:"source"`
	}
	const knownSQL = `SELECT coalesce(max(version), 0) AS version, coalesce(max(source), '') AS source FROM (
		SELECT version, 'kafka' AS source FROM tenon.checkpoints WHERE projection = $1
		UNION ALL SELECT version, 'log' FROM tenon.projection_lanes WHERE projection = $1 ORDER BY version DESC LIMIT 1) AS k`
	if err := tx.GetContext(ctx, &known, knownSQL, p.Name); err != nil {
		return err
	}
	serving := Version{Projection: p.Name, Number: known.Version, State: Serving, Source: known.Source, Tables: p.Tables}
	if known.Version == 0 {
		serving.Number, serving.Source = p.Version, e.Source
	}
	if known.Version == 0 && p.Version > 1 { // those of version 1 are made by migrations
		if err := makeTables(ctx, tx, p.Tables, p.Version); err != nil {
			return err
		}
		if err := turnViews(ctx, tx, p.Tables, p.Version); err != nil {
			return err
		}
	}
	all[serving.Number] = serving
	return remember(ctx, tx, serving)
}

func enter(ctx context.Context, tx *sqlx.Tx, e Entry, all set) (Version, error) {
	p := &e.Projection
	if own, ok := all[p.Version]; ok {
		own.Tables = p.Tables
		return own, nil
	}
	serving, _ := all.serving()
	if !e.Begin {
		return Version{}, fmt.Errorf("%w: projection %s is of version %d here, and version %d serves: run `tenon projections rebuild %s` to build "+
			"it beside, or set TENON_PROJECTIONS_REBUILD=begin", ErrRefused, p.Name, p.Version, serving.Number, p.Name)
	}
	entered := Version{
		Projection: p.Name, Number: p.Version, State: Building, Source: Log, Tables: p.Tables, TakesOver: p.Version > serving.Number,
	}
	if len(p.Tables) == 0 {
		// It keeps its rows where it wants, and its readers know where: there is nothing to turn.
		entered.State, entered.Source = Serving, e.Source
		serving.State = Kept
		return entered, remember(ctx, tx, serving)
	}
	if err := fromTheLog(ctx, tx, serving); err != nil {
		return Version{}, err
	}
	if err := makeTables(ctx, tx, p.Tables, p.Version); err != nil {
		return Version{}, err
	}
	return entered, tx.GetContext(ctx, &entered.UpTo, `SELECT coalesce(max(position), 0) FROM tenon.events`)
}

// fromTheLog returns an error when a version has read topics that aren't published from this log: the log would bring nothing of them.
func fromTheLog(ctx context.Context, tx *sqlx.Tx, v Version) error {
	var foreign []string
	err := tx.SelectContext(ctx, &foreign, `SELECT DISTINCT c.topic FROM tenon.checkpoints AS c WHERE c.projection = $1 AND c.version = $2
		AND c.next_offset > 0 AND NOT EXISTS (SELECT FROM tenon.events AS e WHERE e.topic = c.topic) ORDER BY c.topic`, v.Projection, v.Number)
	if err == nil && len(foreign) > 0 {
		err = fmt.Errorf("projection %s reads %s, which isn't published from this log: it can't be fed from the log, and a changed version "+
			"needs another name, which reads the topic from its beginning", v.Projection, strings.Join(foreign, ", "))
	}
	return err
}

const rememberSQL = `
INSERT INTO tenon.projection_versions AS v (projection, version, state, source, takes_over, tables, upto, served_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $3 = 'serving' THEN now() END)
ON CONFLICT ON CONSTRAINT projection_versions_pkey DO UPDATE SET state = excluded.state, source = excluded.source,
    takes_over = excluded.takes_over, tables = excluded.tables,
    served_at = CASE WHEN v.state <> 'serving' AND excluded.state = 'serving' THEN now() ELSE v.served_at END
WHERE (v.state, v.source, v.takes_over, v.tables) IS DISTINCT FROM (excluded.state, excluded.source, excluded.takes_over, excluded.tables)`

// remember stores a version.
func remember(ctx context.Context, tx *sqlx.Tx, v Version) error {
	tables := pq.StringArray(slices.Clone(v.Tables))
	if tables == nil {
		tables = pq.StringArray{}
	}
	_, err := tx.ExecContext(ctx, rememberSQL, v.Projection, v.Number, v.State, v.Source, v.TakesOver, tables, v.UpTo)
	return err
}
