package tenon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// withCapture runs f on the slot of the configuration.
func (c *commandLine) withCapture(cmd *cobra.Command, f func(context.Context, *postgres.Capture) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
		return f(ctx, postgres.NewCapture(db, cfg.DebeziumSlot))
	})
}

func (c *commandLine) debeziumSetup() *cobra.Command {
	return &cobra.Command{
		Use:   "setup",
		Short: "Make the publication and the replication slot that the connector reads",
		Long: `Make the publication and the replication slot that the connector reads (TENON_DEBEZIUM_SLOT): what is committed from now on goes
through it. From then on the server keeps its write-ahead log until the connector has read it. The database user must own the
schema tenon and be allowed to replicate. It waits for transactions that are open on the server.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withCapture(cmd, func(ctx context.Context, capture *postgres.Capture) error {
				made, err := capture.Make(ctx)
				if err != nil {
					return err
				}
				status, err := capture.Status(ctx)
				if err != nil {
					return err
				}
				if !made {
					fmt.Fprintf(c.io.Out, "replication slot %s is there already; the publication is up to date\n", status.Slot)
				} else {
					fmt.Fprintf(c.io.Out, "replication slot %s is made: the connector sends what is committed from now on\n", status.Slot)
				}
				return printUnsent(c.io.Out, &status)
			})
		},
	}
}

// printUnsent says whether the relay is still needed.
func printUnsent(out io.Writer, s *postgres.CaptureStatus) error {
	var err error
	switch {
	case s.MadeAt.IsZero():
		_, err = fmt.Fprintln(out, "it was not made by `tenon debezium setup`: what is from before it isn't known here")
	case s.Unsent > 0:
		_, err = fmt.Fprintf(out, "%s events from before it were not sent by a relay, and the connector won't send them: let the relay run until there are none\n",
			shownCount(s.Unsent, s.Unsent == postgres.MostUnsent))
	default:
		_, err = fmt.Fprintln(out, "the relay has sent everything from before it: no relay is needed any more (TENON_RELAY=none)")
	}
	return err
}

// printedCapture is a slot's status as --json prints it.
type printedCapture struct {
	Slot   string     `json:"slot"`
	Active bool       `json:"active"`
	Lost   bool       `json:"lost"`
	Behind int64      `json:"behindBytes"`
	Kept   int64      `json:"keptBytes"`
	MadeAt *time.Time `json:"madeAt,omitempty"`
	Unsent int        `json:"unsentFromBefore"`
}

func shownCapture(s *postgres.CaptureStatus) *printedCapture {
	return &printedCapture{
		Slot: s.Slot, Active: s.Active, Lost: s.Lost, Behind: s.Behind, Kept: s.Kept, MadeAt: timeOrNil(s.MadeAt), Unsent: s.Unsent,
	}
}

func (p *printedCapture) describe(out io.Writer) {
	reader := "nobody reads it: is the connector running?"
	switch {
	case p.Lost:
		reader = "lost: the server threw away what the connector hadn't read"
	case p.Active:
		reader = "the connector reads it"
	}
	fmt.Fprintf(out, "replication slot %s: %s; %d bytes of write-ahead log not confirmed, %d kept\n", p.Slot, reader, p.Behind, p.Kept)
}

func (c *commandLine) debeziumStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print whether the connector reads the slot, how far it is, and whether a relay is still needed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withCapture(cmd, func(ctx context.Context, capture *postgres.Capture) error {
				s, err := capture.Status(ctx)
				if errors.Is(err, postgres.ErrNoCapture) {
					return fmt.Errorf("%w on this database: `tenon debezium setup` makes it", err)
				}
				if err != nil {
					return err
				}
				if asJSON {
					enc := json.NewEncoder(c.io.Out)
					enc.SetIndent("", "  ")
					return enc.Encode(shownCapture(&s))
				}
				shownCapture(&s).describe(c.io.Out)
				return printUnsent(c.io.Out, &s)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

func (c *commandLine) debeziumWait() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Wait until the connector has sent everything that is committed now",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withCapture(cmd, func(ctx context.Context, capture *postgres.Capture) error {
				ctx, cancel := context.WithTimeout(ctx, timeout)
				defer cancel()
				if err := capture.Await(ctx); err != nil {
					return err
				}
				_, err := fmt.Fprintln(c.io.Out, "the connector has sent everything that was committed when this command began")
				return err
			})
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Minute, "how long at most")
	return cmd
}

func (c *commandLine) debeziumRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove",
		Short: "Drop the replication slot and the publication, once the connector is gone for good",
		Long: `Drop the replication slot and the publication, once the connector is gone for good: a slot that nobody reads keeps the server's
write-ahead log until the disk is full. What the connector hadn't sent is then only sent by a relay.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withCapture(cmd, func(ctx context.Context, capture *postgres.Capture) error {
				if err := capture.Remove(ctx); err != nil {
					return err
				}
				_, err := fmt.Fprintln(c.io.Out, "there is no replication slot and no publication of the log any more")
				return err
			})
		},
	}
}
