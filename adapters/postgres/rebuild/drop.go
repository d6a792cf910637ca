package rebuild

import (
	"context"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/projection"
)

// discardSQL records what is parked as discarded.
const discardSQL = `
	INSERT INTO tenon.parked_actions (kind, event, projection, version, topic, partition, aggregate_type, aggregate_id, record_offset,
		event_id, payload_text, payload_bytes, decided_by, why)
	SELECT 'discard', e.id, s.projection, s.version, s.topic, s.partition, s.aggregate_type, s.aggregate_id, e.record_offset,
		e.event_id, coalesce(e.edited_text, CASE WHEN e.edited_bytes IS NULL THEN e.payload_text END),
		coalesce(e.edited_bytes, CASE WHEN e.edited_text IS NULL THEN e.payload_bytes END), $3, $4
	FROM tenon.parked_events AS e JOIN tenon.parked_sequences AS s ON s.id = e.sequence WHERE s.projection = $1 AND s.version = $2`

// Drop removes a version that doesn't serve, with its tables; by and why are for the record of what was parked. A program with it
// that runs would build it again.
func (v *Versions) Drop(ctx context.Context, name string, number int, by, why string) error {
	if why == "" {
		why = fmt.Sprintf("version %d was dropped", number)
	}
	return v.change(ctx, name, func(tx *sqlx.Tx, all set) error {
		own, ok := all[number]
		switch {
		case !ok:
			return fmt.Errorf("%w: %s has none of number %d", ErrNoVersion, name, number)
		case own.State == Serving:
			return fmt.Errorf("version %d of %s serves: let another one serve first, by `tenon projections use`", number, name)
		}
		if _, err := tx.ExecContext(ctx, discardSQL, name, number, by, why); err != nil {
			return fmt.Errorf("drop version %d of %s: %w", number, name, err)
		}
		for _, rows := range kept() {
			if _, err := tx.ExecContext(ctx, `DELETE FROM tenon.`+rows, name, number); err != nil {
				return fmt.Errorf("drop version %d of %s: %w", number, name, err)
			}
		}
		for _, view := range slices.Backward(own.Tables) {
			if _, err := tx.ExecContext(ctx, `DROP TABLE IF EXISTS `+projection.TableName(view, number)); err != nil {
				return fmt.Errorf("drop table of version %d of %s: %w", number, name, err)
			}
		}
		return nil
	})
}

// kept returns what the kernel keeps for a version.
func kept() []string {
	const own = ` WHERE projection = $1 AND version = $2`
	return []string{
		`parked_events WHERE sequence IN (SELECT id FROM tenon.parked_sequences` + own + `)`,
		`parked_sequences` + own,
		`checkpoints` + own,
		`projection_lanes` + own,
		`applied` + own,
		`inbox` + own,
		`projection_versions` + own,
	}
}
