package projection

import "github.com/tenon-go/tenon/domain"

// DeclareRows begins a projection of one row for each aggregate, see [Rows]: [Begins] handles the event with which a row
// begins, [Changes] those after it.
//
//	p := projection.DeclareRows("tracking", 1, table, func(r *row) (*string, *domain.Version) { return &r.ID, &r.Version }, topic)
//	projection.Begins(p, "order.shipped", func(e projection.Of[Shipped]) row { return row{Number: e.Event.Tracking} })
//	projection.Changes(p, "order.delivered", func(r *row, e projection.Of[Delivered]) { r.Arrived = e.Event.At })
func DeclareRows[R any](
	name string, version int, table Table[R], ref func(*R) (id *string, version *domain.Version), topics ...string,
) *Declaration[*Rows[R]] {
	d := Declare(name, version, func() *Rows[R] { return NewRows(table, ref) }, topics...)
	d.AllowRepeats()
	d.Reached(Versions(table, ref))
	return d
}

// Begins adds the handler of an event that makes a row; id and version are filled in.
func Begins[E, R any](d *Declaration[*Rows[R]], eventType string, begin func(Of[E]) R) {
	On(d, eventType, func(rows *Rows[R], e Of[E]) error {
		if !rows.Seen(e.Record) {
			rows.Set(e.Record, begin(e))
		}
		return nil
	})
}

// Changes adds the handler of an event that changes the row of its aggregate, which must be there; the version is filled in.
func Changes[E, R any](d *Declaration[*Rows[R]], eventType string, change func(*R, Of[E])) {
	On(d, eventType, func(rows *Rows[R], e Of[E]) error {
		row, err := rows.Get(e.Record)
		if err == nil && !rows.Seen(e.Record) {
			change(&row, e)
			rows.Set(e.Record, row)
		}
		return err
	})
}
