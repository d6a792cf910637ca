package tenon

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

func (c *commandLine) relay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "See how far the relay to Kafka is, and decide about events that Kafka refuses",
		Long: `The relay carries events from PostgreSQL to Kafka. With TENON_RELAY=exactly-once it divides them by key into lanes, which the nodes
share. An event that Kafka refuses for good, such as one that is too large, parks its key: this and later events of the
same aggregate are held back, so that their order stays right, and all others flow on. Somebody then changes what
was wrong and retries, or gives the event up and skips it. A message that is no aggregate's event has the empty type: ''.

These commands read and write the database only, and a relay that runs carries out what they ask; but rebase writes the
relay's progress in Kafka itself.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.relayStatus(), c.relayParked(), c.relayRetry(), c.relaySkip(), c.relayRequests(), c.relayLanes(), c.relayRebase())
	return cmd
}

// whyFlag lets the one who asks say why, by the flag of that name, "why" or "reason", or the other of the two.
func whyFlag(cmd *cobra.Command, why *string, name, usage string) {
	cmd.Flags().StringVar(why, name, "", usage)
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, given string) pflag.NormalizedName {
		if given == "why" || given == "reason" {
			given = name
		}
		return pflag.NormalizedName(given)
	})
}

// byFlag lets the one who asks say who that is.
func byFlag(cmd *cobra.Command, by *string) {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	cmd.Flags().StringVar(by, "by", name, "who asks, for the record")
}

// wantKey refuses arguments that aren't an aggregate's type and id.
func wantKey(cmd *cobra.Command, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("got %d arguments, want an aggregate type and an id as `tenon relay parked` shows them, such as: %s order o-17",
			len(args), cmd.CommandPath())
	}
	return nil
}

func (c *commandLine) relayRetry() *cobra.Command {
	var by string
	var all bool
	cmd := &cobra.Command{
		Use:   "retry AGGREGATE_TYPE ID | --all",
		Short: "Ask for the events of a parked key, or of all, to be sent again from the first on",
		Example: `  tenon relay retry order o-17
  tenon relay retry --all --by anna`,
		Args: func(cmd *cobra.Command, args []string) error {
			if !all {
				return wantKey(cmd, args)
			}
			if len(args) > 0 {
				return errors.New("want either a key or --all, not both")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				desk := postgres.NewRelayDesk(db)
				if all {
					return c.retryAll(ctx, desk, by)
				}
				q, err := desk.Retry(ctx, relaying.Key{AggregateType: args[0], AggregateID: args[1]}, by)
				return c.asked(q, err)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "retry every parked key")
	byFlag(cmd, &by)
	return cmd
}

func (c *commandLine) retryAll(ctx context.Context, desk *postgres.RelayDesk, by string) error {
	asked, err := desk.RetryAll(ctx, by)
	if err != nil {
		return err
	}
	if len(asked) == 0 {
		_, err = fmt.Fprintln(c.io.Out, "nothing to retry: no key is parked, or each has an open request")
		return err
	}
	_, err = fmt.Fprintf(c.io.Out, "asked to retry %d keys; a relay that runs does it within seconds: see `tenon relay requests`\n", len(asked))
	return err
}

// asked says that a request was left, or what to do when it couldn't be.
func (c *commandLine) asked(q relaying.Request, err error) error {
	if errors.Is(err, relaying.ErrNotParked) {
		return fmt.Errorf("%w; `tenon relay parked` lists the keys that are", err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.io.Out, "request %d: %s %s %s, first event %s; a relay that runs does it within seconds: see `tenon relay requests`\n",
		q.ID, q.Kind, shownWord(q.Key.AggregateType), shownWord(q.Key.AggregateID), q.Event)
	return err
}

func (c *commandLine) relaySkip() *cobra.Command {
	var by, reason string
	cmd := &cobra.Command{
		Use:   "skip AGGREGATE_TYPE ID --reason TEXT",
		Short: "Give the first event of a parked key up for good, and send the others",
		Long: `Give the first event of a parked key up for good, and send the others. The event stays in the log, but Kafka never gets
it. If it isn't the key's first any more when the relay comes to it, nothing is skipped.`,
		Example: `  tenon relay skip order o-17 --reason "a picture of 5 MB, ticket 4711"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := wantKey(cmd, args); err != nil {
				return err
			}
			if reason == "" {
				return errors.New(`reason is missing: say for the record why Kafka never gets this event, with --reason "..."`)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				q, err := postgres.NewRelayDesk(db).Skip(ctx, relaying.Key{AggregateType: args[0], AggregateID: args[1]}, by, reason)
				return c.asked(q, err)
			})
		},
	}
	whyFlag(cmd, &reason, "reason", "why, for the record; required")
	byFlag(cmd, &by)
	return cmd
}

func (c *commandLine) relayLanes() *cobra.Command {
	lanes := 0
	return &cobra.Command{
		Use:   "lanes N",
		Short: fmt.Sprintf("Change the number of lanes to 1 to %d while relays run", relaying.MaxLanes),
		Long: `Change the number of lanes while relays run. More lanes let more nodes share the work, and send more at once. The order
of each aggregate's events stays right, and nothing is sent twice: every lane stops at one line through the log, and the
new lanes begin there.`,
		Example: "  tenon relay lanes 4",
		Args: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) != 1 {
				return fmt.Errorf("got %d arguments, want the number of lanes, such as: %s 4", len(args), cmd.CommandPath())
			}
			if lanes, err = strconv.Atoi(args[0]); err != nil || lanes < 1 || lanes > relaying.MaxLanes {
				return fmt.Errorf("%q lanes: want a whole number from 1 to %d", args[0], relaying.MaxLanes)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				if err := postgres.NewRelayMembers(db).Change(ctx, lanes); err != nil {
					return fmt.Errorf("%w; `tenon relay status` shows how it is", err)
				}
				_, err := fmt.Fprintf(c.io.Out, "the relays change to %d lanes in the background; `tenon relay status` shows when it is done\n", lanes)
				return err
			})
		},
	}
}
