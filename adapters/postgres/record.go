package postgres

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
)

// collect reads all rows and closes them.
func collect(rows *sql.Rows, most int) ([]eventlog.Record, error) {
	records := make([]eventlog.Record, 0, min(most, 1024))
	for rows.Next() {
		records = append(records, eventlog.Record{})
		if err := scanRecord(rows, &records[len(records)-1]); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
	}
	return records, errors.Join(rows.Err(), rows.Close())
}

// collectPacked reads all packed rows and closes them.
func collectPacked(rows *sql.Rows, separator string, most int) ([]eventlog.Record, error) {
	records := make([]eventlog.Record, 0, min(most, 1024))
	unpack := newUnpacker(separator)
	for rows.Next() {
		records = append(records, eventlog.Record{})
		if err := unpack.scan(rows, &records[len(records)-1]); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
	}
	return records, errors.Join(rows.Err(), rows.Close())
}

// scanner is a row of a result.
type scanner interface{ Scan(dest ...any) error }

// scanRecord reads a row of [pageColumns], behind as many other columns as before has places for.
func scanRecord(row scanner, r *eventlog.Record, before ...any) error {
	var metadata sql.RawBytes
	err := row.Scan(append(before, &r.Position, &r.ID, &r.Topic, &r.AggregateType, &r.AggregateID, &r.Version, &r.Type, &r.SchemaVersion,
		&r.Payload, &metadata, &r.CorrelationID, &r.CausationID, &r.Traceparent, &r.Actor, &r.RecordedAt)...)
	if err != nil {
		return fmt.Errorf("read a record: %w", err)
	}
	r.RecordedAt = r.RecordedAt.UTC()
	if string(metadata) == "{}" {
		return nil
	}
	if err := json.Unmarshal(metadata, &r.Metadata); err != nil {
		return fmt.Errorf("metadata of event %s: %w", r.ID, err)
	}
	return nil
}
