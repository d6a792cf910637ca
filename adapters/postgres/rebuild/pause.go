package rebuild

import (
	"context"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// Pause is somebody's decision that a projection isn't fed for now.
type Pause struct {
	Projection string    `db:"projection"`
	By         string    `db:"paused_by"`
	Why        string    `db:"why"`
	At         time.Time `db:"paused_at"`
}

// Pause stops all versions of a projection on all nodes, within their Poll, until [Versions.Resume]. A pause of one that is
// paused already changes nothing.
func (v *Versions) Pause(ctx context.Context, name, by, why string) error {
	_, err := v.db.Pool().ExecContext(ctx, `INSERT INTO tenon.projection_pauses (projection, paused_by, why) VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`, name, by, why)
	if err != nil {
		return fmt.Errorf("pause %s: %w", name, postgres.Wrap(ctx, err))
	}
	return nil
}

// Resume ends a pause; false: there was none.
func (v *Versions) Resume(ctx context.Context, name string) (bool, error) {
	result, err := v.db.Pool().ExecContext(ctx, `DELETE FROM tenon.projection_pauses WHERE projection = $1`, name)
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", name, postgres.Wrap(ctx, err))
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Paused reports whether a projection is paused.
func (v *Versions) Paused(ctx context.Context, name string) (paused bool, err error) {
	err = v.db.Pool().GetContext(ctx, &paused, `SELECT EXISTS (SELECT FROM tenon.projection_pauses WHERE projection = $1)`, name)
	return paused, postgres.Wrap(ctx, err)
}

// Pauses returns the pauses that are in force, by name.
func (v *Versions) Pauses(ctx context.Context) ([]Pause, error) {
	var all []Pause
	err := v.db.Pool().SelectContext(ctx, &all, `SELECT projection, paused_by, why, paused_at FROM tenon.projection_pauses ORDER BY projection`)
	return all, postgres.Wrap(ctx, err)
}
