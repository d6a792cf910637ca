package tenon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/deadletter"
)

func (c *commandLine) deadLetters() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "deadletters",
		Aliases: []string{"deadletter"},
		Short:   "See which events projections couldn't apply, mend them and replay them",
		Long: `An event that a projection can't apply is parked, and every later event of its aggregate behind it, in order; all others flow
on. Somebody then mends what was wrong, in the program or by editing the event's payload, and replays: the events go through
the projection in their order, and the aggregate flows again. Or an event is given up and discarded.

A copy of each parked event is on the topic {topic}.DLT. These commands work on the database only; projections may run meanwhile.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.lettersList(), c.lettersStatus(), c.lettersShow(), c.lettersReplay(), c.lettersEdit(), c.lettersDiscard(), c.lettersHistory())
	return cmd
}

// filterFlags choose parked events.
func filterFlags(cmd *cobra.Command, f *deadletter.Filter, reason *string) {
	cmd.Flags().StringVar(&f.Projection, "projection", "", "only of this projection")
	cmd.Flags().IntVar(&f.Version, "version", 0, "only of this version of projections")
	cmd.Flags().StringVar(&f.Topic, "topic", "", "only from this topic")
	cmd.Flags().StringVar(&f.AggregateType, "aggregate-type", "", "only of aggregates of this type")
	cmd.Flags().StringVar(&f.AggregateID, "aggregate-id", "", "only of this aggregate")
	cmd.Flags().StringVar(&f.Type, "event-type", "", "only events of this type")
	cmd.Flags().StringVar(reason, "reason", "", fmt.Sprintf("only events parked for this reason: one of %q", deadletter.Reasons()))
}

// letterID is the argument that names a parked event.
func letterID(cmd *cobra.Command, args []string) (int64, error) {
	if len(args) != 1 {
		return 0, fmt.Errorf("got %d arguments, want an event's id as `tenon deadletters list` shows it, such as: %s 17", len(args), cmd.CommandPath())
	}
	id, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%q isn't an event's id: want a number as `tenon deadletters list` shows it", args[0])
	}
	return id, nil
}

// withLetters runs work on the dead letters of the database.
func (c *commandLine) withLetters(ctx context.Context, work func(context.Context, *postgres.DeadLetters) error) error {
	return c.withDatabase(ctx, func(ctx context.Context, db *postgres.DB) error {
		err := work(ctx, postgres.NewDeadLetters(db))
		if errors.Is(err, deadletter.ErrNotParked) {
			return fmt.Errorf("%w; `tenon deadletters list` shows what is parked", err)
		}
		return err
	})
}

func (c *commandLine) lettersEdit() *cobra.Command {
	var by, why, payload, file string
	var id int64
	cmd := &cobra.Command{
		Use:   "edit ID (--payload TEXT | --file PATH)",
		Short: "Give a parked event another payload to be applied; the original is kept",
		Example: `  tenon deadletters show 17 --payload > event.json
  tenon deadletters edit 17 --file event.json --why "amount was in cents, ticket 4711"`,
		Args: func(cmd *cobra.Command, args []string) (err error) {
			id, err = letterID(cmd, args)
			if err == nil && cmd.Flags().Changed("payload") == cmd.Flags().Changed("file") {
				err = errors.New("want either --payload or --file")
			}
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			content := []byte(payload)
			if file != "" {
				var err error
				if content, err = readFile(cmd.InOrStdin(), file); err != nil {
					return err
				}
			}
			return c.withLetters(cmd.Context(), func(ctx context.Context, letters *postgres.DeadLetters) error {
				if err := letters.Edit(ctx, id, content, deadletter.Decision{By: by, Why: why}); err != nil {
					return err
				}
				unlike := ""
				if !json.Valid(content) {
					unlike = ", which isn't JSON"
				}
				_, err := fmt.Fprintf(c.io.Out, "event %d has a payload of %d bytes now%s; apply it with: tenon deadletters replay %d\n",
					id, len(content), unlike, id)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&payload, "payload", "", "the payload itself")
	cmd.Flags().StringVar(&file, "file", "", "a file with the payload, to the byte; - for standard input")
	whyFlag(cmd, &why, "why", "why, for the record")
	byFlag(cmd, &by)
	return cmd
}

func readFile(in io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(path) //nolint:gosec // the user's own choice
}

func (c *commandLine) lettersDiscard() *cobra.Command {
	var by, why string
	var id int64
	cmd := &cobra.Command{
		Use:   "discard ID --why TEXT",
		Short: "Give a parked event up for good: the projection never gets it",
		Long: `Give a parked event up for good: the projection never gets it. It stays in the log and in the record of decisions. Events of
its aggregate that are parked behind it stay parked until they are replayed.`,
		Example: `  tenon deadletters discard 17 --why "a test order, ticket 4711"`,
		Args: func(cmd *cobra.Command, args []string) (err error) {
			id, err = letterID(cmd, args)
			if err == nil && why == "" {
				err = errors.New(`why is missing: say for the record why the event is given up, with --why "..."`)
			}
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withLetters(cmd.Context(), func(ctx context.Context, letters *postgres.DeadLetters) error {
				if err := letters.Discard(ctx, id, deadletter.Decision{By: by, Why: why}); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.io.Out, "event %d is discarded\n", id)
				return err
			})
		},
	}
	whyFlag(cmd, &why, "why", "why, for the record; required")
	byFlag(cmd, &by)
	return cmd
}
