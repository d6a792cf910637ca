package tenon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

func (c *commandLine) events() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "events AGGREGATE_TYPE ID",
		Short: "Print the events of one aggregate, oldest first",
		Example: `  tenon events order 0198c5f0-6c1e-7c3a-9d54-8f2a3b4c5d6e
  tenon events order 0198c5f0-6c1e-7c3a-9d54-8f2a3b4c5d6e --json | jq .payload`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want an aggregate type and an id, such as: %s order 0198c5f0-6c1e-7c3a-9d54-8f2a3b4c5d6e", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				return printEvents(ctx, c.io.Out, db, args[0], args[1], asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}

// printedEvent is an event as --json prints it.
type printedEvent struct {
	Position      int64             `json:"position"`
	ID            string            `json:"id"`
	Topic         string            `json:"topic"`
	AggregateType string            `json:"aggregateType"`
	AggregateID   string            `json:"aggregateId"`
	Version       domain.Version    `json:"version"`
	Type          string            `json:"type"`
	SchemaVersion int               `json:"schemaVersion"`
	RecordedAt    time.Time         `json:"recordedAt"`
	CorrelationID string            `json:"correlationId"`
	CausationID   string            `json:"causationId"`
	Actor         string            `json:"actor"`
	Metadata      map[string]string `json:"metadata"`
	Payload       json.RawMessage   `json:"payload"`
}

func printEvents(ctx context.Context, out io.Writer, streams eventlog.Streams, aggregateType, id string, asJSON bool) error {
	found := false
	for r, err := range streams.Stream(ctx, nil, aggregateType, id, 0) {
		if err != nil {
			return err
		}
		found = true
		if err := printEvent(out, r, asJSON); err != nil {
			return err
		}
	}
	if !found {
		return &domain.NotFoundError{Type: aggregateType, ID: id}
	}
	return nil
}

func printEvent(out io.Writer, r eventlog.Record, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintf(out, "%4d  %s  %-20s %s\n", r.Version, r.RecordedAt.UTC().Format(time.RFC3339Nano), r.Type, r.Payload)
		return err
	}
	line, err := json.Marshal(printedEvent{
		Position: r.Position, ID: r.ID.String(), Topic: r.Topic, AggregateType: r.AggregateType, AggregateID: r.AggregateID,
		Version: r.Version, Type: r.Type, SchemaVersion: r.SchemaVersion, RecordedAt: r.RecordedAt.UTC(),
		CorrelationID: r.CorrelationID, CausationID: r.CausationID, Actor: r.Actor, Metadata: r.Metadata, Payload: r.Payload,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", line)
	return err
}
