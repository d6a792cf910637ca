package postgres

import (
	"cmp"
	"fmt"

	"github.com/tenon-go/tenon/application/relaying"
)

// spanRow is a row of tenon.relay_spans: what S2 sees and S1 doesn't, at positions above After up to Last.
type spanRow struct {
	Number int    `json:"number"` // orders the rows of a statement
	Lane   int    `json:"lane"`
	S1     string `json:"s1"`
	S2     string `json:"s2"`
	After  int64  `json:"after_position"` //nolint:tagliatelle // a column's name
	Last   int64  `json:"last_position"`  //nolint:tagliatelle // a column's name
}

// appendSpans adds the rows for spans of a lane. Spans in which nothing was passed tell the time of nothing.
func appendSpans(rows []spanRow, lane int, spans []relaying.Span) ([]spanRow, error) {
	for _, s := range spans {
		if s.Records == 0 && s.Highest == 0 {
			continue
		}
		from, err := ParseCursor(s.From)
		if err != nil {
			return nil, fmt.Errorf("span of lane %d: %w", lane, err)
		}
		to, err := ParseCursor(s.To)
		if err != nil {
			return nil, fmt.Errorf("span of lane %d: %w", lane, err)
		}
		for _, row := range divide(from, to, cmp.Or(s.Highest, noRecords)) {
			row.Number, row.Lane = len(rows), lane
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// divide returns what lies between two cursors as at most three rows: the rest of the window in which from is, what is
// between two snapshots, and the beginning of the window in which to is. Positions matter within a window only;
// highest bounds those of all records.
func divide(from, to Cursor, highest int64) []spanRow {
	var rows []spanRow
	start := from.Before.String()
	if from.IsOpen() {
		window := from.Window.String()
		if to.IsOpen() && to.Window.String() == window {
			return []spanRow{{S1: start, S2: window, After: from.Position, Last: to.Position}}
		}
		rows = append(rows, spanRow{S1: start, S2: window, After: from.Position, Last: highest})
		start = window
	}
	if end := to.Before.String(); end != start {
		rows = append(rows, spanRow{S1: start, S2: end, Last: highest})
		start = end
	}
	if to.IsOpen() {
		rows = append(rows, spanRow{S1: start, S2: to.Window.String(), Last: to.Position})
	}
	return rows
}
