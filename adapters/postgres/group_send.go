package postgres

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/domain"
)

// patientFor bounds how long a group waits for anybody's lock: a transaction that stays open may hold up those who write to the same
// aggregates, and nobody else.
const patientFor = "200ms"

// The buckets' locks come first, as in every append. Positions are taken in the order in which the records came, and the rows go in
// sorted by aggregate and version, as the parameters are: two groups on the same aggregates wait for each other in one
// direction only.
const groupSQL = `
WITH bound AS MATERIALIZED (
    SELECT set_config('lock_timeout', '` + patientFor + `', true)
), locked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared($1, b) FROM bound, unnest($2::integer[]) AS b
), positions AS MATERIALIZED (
    SELECT array_agg(nextval('tenon.events_position_seq')) AS taken
    FROM (SELECT count(*) FROM locked) AS l, generate_series(1, cardinality($18::integer[]))
)
INSERT INTO tenon.events (position, ` + appendColumns + `) OVERRIDING SYSTEM VALUE
SELECT p.taken[r.place], r.event_id, r.topic, r.aggregate_type, r.aggregate_id, nullif(r.version, 0), r.bucket, r.event_type,
    r.schema_version, r.payload::json, r.metadata::jsonb, r.correlation_id, r.causation_id, r.traceparent, r.actor, r.recorded_at
FROM positions AS p,
    unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::smallint[], $9::text[], $10::integer[],
        $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::timestamptz[], $18::integer[]) WITH ORDINALITY
    AS r(` + appendColumns + `, place, line)
ORDER BY r.line`

// send stores all units or none, in one round trip.
func (f *flight) send(units []*pending) error {
	if f.conn == nil {
		return driver.ErrBadConn
	}
	var b batch
	for _, u := range units {
		b.rows = append(b.rows, u.rows...)
	}
	places := make(pq.Int32Array, len(b.rows))
	for i := range places {
		places[i] = int32(i)
	}
	slices.SortStableFunc(places, func(x, y int32) int { return compareRows(&b.rows[x], &b.rows[y]) })
	sorted := make([]row, len(b.rows))
	for i, place := range places {
		sorted[i] = b.rows[place]
		places[i]++ // SQL counts from 1
	}
	b.rows = sorted
	b.findLocks()
	f.group.statements.Add(1)
	f.group.units.Add(int64(len(units)))
	args := append([]any{int32(lockClass), pq.Int32Array(b.locks)}, b.columns()...)
	// No caller's context: the group is everybody's.
	_, err := f.conn.ExecContext(context.Background(), groupSQL, append(args, places)...)
	return err
}

func compareRows(a, b *row) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key), cmp.Compare(a.version, b.version))
}

// One statement, one snapshot: whose events are there, and where their aggregates are.
const groupStateSQL = `
SELECT e.event_id::text, e.aggregate_type, e.aggregate_id, coalesce(e.version, 0) FROM tenon.events AS e WHERE e.event_id = ANY ($1::uuid[])
UNION ALL
SELECT '', h.type, h.id, coalesce((SELECT max(e.version) FROM tenon.events AS e
    WHERE e.tenant = '' AND e.aggregate_type = h.type AND e.aggregate_id = h.id), 0)
FROM unnest($2::text[], $3::text[]) AS h(type, id)`

// groupState is what the log holds of a group.
type groupState struct {
	events map[string]storedEvent // by id
	heads  map[streamKey]int64
}

type storedEvent struct {
	stream  streamKey
	version int64
}

func (f *flight) readState(units []*pending) (groupState, error) {
	var ids, kinds, keys pq.StringArray
	for _, u := range units {
		for i := range u.rows {
			ids = append(ids, u.rows[i].id)
		}
		for _, s := range u.streams {
			kinds, keys = append(kinds, s.kind), append(keys, s.key)
		}
	}
	state := groupState{events: make(map[string]storedEvent), heads: make(map[streamKey]int64)}
	rows, err := f.conn.QueryContext(context.Background(), groupStateSQL, ids, kinds, keys)
	if err != nil {
		return state, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var e storedEvent
		if err := rows.Scan(&id, &e.stream.kind, &e.stream.key, &e.version); err != nil {
			return state, err
		}
		if id == "" {
			state.heads[e.stream] = e.version
		} else {
			state.events[id] = e
		}
	}
	return state, rows.Err()
}

// sortOut finds out after a collision who is stored already, which comes first because a unit collides with its own first
// attempt too, and who was late. It answers them and returns the others.
func (f *flight) sortOut(units []*pending, collision error) []*pending {
	state, err := f.readState(units)
	if err != nil {
		return f.reconnect(units, err)
	}
	var rest []*pending
	for _, u := range units {
		switch there, err := state.of(u); {
		case there:
			f.stored([]*pending{u})
		case err != nil:
			u.unsure = false // nothing of it can be stored any more
			u.say(verdict{err: err})
		default:
			rest = append(rest, u)
		}
	}
	if len(rest) == len(units) {
		f.apart(rest, collision) // they collide with each other, or in themselves
		return nil
	}
	return rest
}

// of reports whether the unit is stored, or what keeps it from being stored.
func (s groupState) of(u *pending) (bool, error) {
	there := 0
	for i := range u.rows {
		r := &u.rows[i]
		e, found := s.events[r.id]
		switch {
		case found && (r.version != e.version || r.key != e.stream.key || r.kind != e.stream.kind):
			return false, fmt.Errorf("%w: %s", ErrDuplicateEvent, r.id)
		case found:
			there++
		}
	}
	if there == len(u.rows) {
		return true, nil
	}
	if there > 0 {
		return false, fmt.Errorf("%w: %d of %d in the unit of event %s", ErrDuplicateEvent, there, len(u.rows), u.rows[0].id)
	}
	first := make(map[streamKey]int64)
	for i := range u.rows {
		r := &u.rows[i]
		if v, met := first[streamKey{r.kind, r.key}]; !r.isMessage() && (!met || r.version < v) {
			first[streamKey{r.kind, r.key}] = r.version
		}
	}
	for _, key := range u.streams {
		if expected, actual := first[key]-1, s.heads[key]; actual > expected {
			return false, &domain.ConflictError{
				Type: key.kind, ID: key.key, Expected: domain.Version(expected), Actual: domain.Version(actual),
			}
		}
	}
	return false, nil
}
