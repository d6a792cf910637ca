package tenon

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/deadletter"
)

func (c *commandLine) lettersList() *cobra.Command {
	var f deadletter.Filter
	var reason string
	var after int64
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List parked events, oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.Reason = deadletter.Reason(reason)
			return c.withLetters(cmd.Context(), func(ctx context.Context, letters *postgres.DeadLetters) error {
				events, err := letters.Events(ctx, f, after, maxListed)
				if err != nil {
					return err
				}
				return printLetters(c.io.Out, events)
			})
		},
	}
	cmd.Flags().Int64Var(&after, "after", 0, "go on behind the event with this id")
	filterFlags(cmd, &f, &reason)
	return cmd
}

func printLetters(out io.Writer, events []deadletter.Event) error {
	if len(events) == 0 {
		_, err := fmt.Fprintln(out, "nothing is parked")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPROJECTION\tVERSION\tAGGREGATE TYPE\tAGGREGATE ID\tEVENT TYPE\tPARKED\tATTEMPTS\tREASON\tERROR")
	for i := range events {
		e := &events[i]
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%s\t%s\t%d\t%s\t%.200q\n", e.ID, e.Key.Projection, e.Key.Version, shownWord(e.Key.AggregateType),
			shownWord(e.Key.AggregateID), shownWord(e.Type), shownTime(&e.ParkedAt), e.Attempts, e.Reason, e.Error)
	}
	if len(events) == maxListed {
		fmt.Fprintf(w, "only %d are listed: more with --after %d\n", maxListed, events[len(events)-1].ID)
	}
	return w.Flush()
}

func (c *commandLine) lettersStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Print how much is parked of each projection",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withLetters(cmd.Context(), func(ctx context.Context, letters *postgres.DeadLetters) error {
				counts, err := letters.Counts(ctx)
				if err != nil {
					return err
				}
				if len(counts) == 0 {
					_, err := fmt.Fprintln(c.io.Out, "nothing is parked")
					return err
				}
				w := tabwriter.NewWriter(c.io.Out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "PROJECTION\tVERSION\tAGGREGATES\tEVENTS\tOLDEST")
				for _, n := range counts {
					fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", n.Projection, n.Version, n.Sequences, n.Events, shownTime(&n.Oldest))
				}
				return w.Flush()
			})
		},
	}
}

// printedLetter is a parked event as show prints it. What is no text is in base64, in the field that says so.
type printedLetter struct {
	ID            int64      `json:"id"`
	Projection    string     `json:"projection"`
	Version       int        `json:"version"`
	Topic         string     `json:"topic"`
	Partition     int32      `json:"partition"`
	Offset        int64      `json:"offset"`
	AggregateType string     `json:"aggregateType"`
	AggregateID   string     `json:"aggregateId"`
	EventID       *uuid.UUID `json:"eventId,omitempty"`
	EventType     string     `json:"eventType"`
	Reason        string     `json:"reason"`
	Error         string     `json:"error"`
	Stack         string     `json:"stack,omitempty"`
	Attempts      int        `json:"attempts"`
	ParkedAt      time.Time  `json:"parkedAt"`
	FirstFailed   *time.Time `json:"firstFailed,omitempty"`
	LastFailed    *time.Time `json:"lastFailed,omitempty"`
	Headers       [][2]bytes `json:"headers"`
	Payload       *bytes     `json:"payload"`
	Edited        *bytes     `json:"edited,omitempty"`
}

// bytes are shown as text where they are text.
type bytes []byte

// MarshalJSON gives a string, or an object with base64.
func (b bytes) MarshalJSON() ([]byte, error) {
	if deadletter.IsText(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(b)})
}

func bytesOrNil(b []byte) *bytes {
	if b == nil {
		return nil
	}
	return new(bytes(b))
}

func printed(e *deadletter.Event) printedLetter {
	p := printedLetter{
		ID: e.ID, Projection: e.Key.Projection, Version: e.Key.Version, Topic: e.Key.Topic, Partition: e.Key.Partition, Offset: e.Offset,
		AggregateType: e.Key.AggregateType, AggregateID: e.Key.AggregateID, EventType: e.Type, Reason: string(e.Reason), Error: e.Error,
		Stack: e.Stack, Attempts: e.Attempts, ParkedAt: e.ParkedAt, FirstFailed: timeOrNil(e.FirstFailed), LastFailed: timeOrNil(e.At),
		Headers: [][2]bytes{}, Payload: bytesOrNil(e.Payload), Edited: bytesOrNil(e.Edited),
	}
	if e.EventID != uuid.Nil {
		p.EventID = &e.EventID
	}
	for _, h := range e.Headers {
		p.Headers = append(p.Headers, [2]bytes{bytes(h.Name), bytes(h.Value)})
	}
	return p
}

func (c *commandLine) lettersShow() *cobra.Command {
	var payload bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Print all that is known about a parked event, as JSON",
		Args: func(cmd *cobra.Command, args []string) error {
			_, err := letterID(cmd, args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withLetters(cmd.Context(), func(ctx context.Context, letters *postgres.DeadLetters) error {
				id, err := letterID(cmd, args)
				if err != nil {
					return err
				}
				found, err := letters.Events(ctx, deadletter.Filter{IDs: []int64{id}}, 0, 1)
				switch {
				case err != nil:
					return err
				case len(found) == 0:
					return fmt.Errorf("event %d: %w", id, deadletter.ErrNotParked)
				case payload:
					_, err = c.io.Out.Write(found[0].Current())
					return err
				}
				enc := json.NewEncoder(c.io.Out)
				enc.SetIndent("", "  ")
				enc.SetEscapeHTML(false)
				return enc.Encode(printed(&found[0]))
			})
		},
	}
	cmd.Flags().BoolVar(&payload, "payload", false, "only the payload in force, to the byte")
	return cmd
}

func (c *commandLine) lettersHistory() *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "List who replayed, edited and discarded what, and why, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withLetters(cmd.Context(), func(ctx context.Context, letters *postgres.DeadLetters) error {
				actions, err := letters.Actions(ctx, maxListed)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(c.io.Out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "WHEN\tWHAT\tEVENT\tPROJECTION\tAGGREGATE TYPE\tAGGREGATE ID\tBY\tWHY")
				for i := range actions {
					a := &actions[i]
					fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%q\n", shownTime(&a.At), a.Kind, a.Event, a.Key.Projection,
						shownWord(a.Key.AggregateType), shownWord(a.Key.AggregateID), a.By, a.Why)
				}
				return w.Flush()
			})
		},
	}
}
