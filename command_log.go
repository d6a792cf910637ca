package tenon

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/application/relaying"
)

func (c *commandLine) logCommands() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Look after the log of events in PostgreSQL",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.logRebase())
	return cmd
}

func (c *commandLine) logRebase() *cobra.Command {
	var by, reason string
	var yes bool
	cmd := &cobra.Command{
		Use:   "rebase --reason TEXT [--yes]",
		Short: "Make a log that was loaded from another server, as a dump, this server's own",
		Long: `Make a log that was loaded from another server, as a dump, this server's own. Its events carry the transaction ids of the server
they come from; readers tell by these what they have read, and wouldn't see them here, or miss what is written later.

Every event gets a small transaction id, and every cursor (of the relay as Kafka has it, of subscriptions) goes on behind the
same events as before. The log gets an identity of its own, so that the one it was copied from stays another one. The times
at which the outbox view saw events sent are forgotten.

Stop every program that uses this database first, and the relays of the server that the log comes from: what they send after
this is sent again from here. Without --yes nothing is changed. It takes as long as writing the table of events anew, and
leaves that much dead space behind, which VACUUM gives back.`,
		Example: `  tenon log rebase --reason "moved to db2, ticket 4711"
  tenon log rebase --reason "moved to db2, ticket 4711" --yes`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch err := cobra.NoArgs(cmd, args); {
			case err != nil:
				return err
			case reason == "":
				return errors.New(`reason is missing: say for the record why the log is rebased, with --reason "..."`)
			case by == "":
				return errors.New("who decides is missing: say it with --by")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withServers(cmd.Context(), postgres.LogRebaseApp, func(ctx context.Context, db *postgres.DB, target *kafka.Lanes) error {
				return c.rebaseLog(ctx, db, target, postgres.LogRebaseOrder{By: by, Reason: reason}, yes)
			})
		},
	}
	whyFlag(cmd, &reason, "reason", "why, for the record; required")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	byFlag(cmd, &by)
	return cmd
}

func (c *commandLine) rebaseLog(ctx context.Context, db *postgres.DB, target *kafka.Lanes, o postgres.LogRebaseOrder, yes bool) error {
	r := postgres.NewLogRebase(db)
	found, err := r.Look(ctx)
	if err != nil {
		return err
	}
	hindered := r.Free(ctx) // before a relay that works is disturbed
	if yes && hindered != nil {
		return fmt.Errorf("rebase the log: %w", hindered)
	}
	o.From = found.Log
	all, unknown, err := c.findLanes(ctx, target, &found, yes)
	if err != nil {
		return err
	}
	o.Lanes = all
	switch {
	case yes:
	case hindered != nil:
		_, err := fmt.Fprintf(c.io.Out, "nothing was changed; --yes couldn't do it now: %v\n", hindered)
		return err
	default:
		_, err := fmt.Fprintln(c.io.Out, "nothing was changed; --yes does it")
		return err
	}
	id, err := r.Do(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.io.Out, "the log is rebased and is log %s now; recorded in tenon.log_rebases\n", id)
	if found.Layout.Lanes == 0 {
		return nil
	}
	if unknown == 0 {
		err = c.carryLanes(ctx, db, target, o.By)
	}
	if err != nil || unknown > 0 {
		_, err = fmt.Fprintf(c.io.Out, "say with `tenon relay rebase` where the relay goes on: it refuses until then%s\n", because(err))
		return err
	}
	_, err = fmt.Fprintln(c.io.Out, "the relay goes on behind the same events")
	return err
}

// findLanes prints what was found and returns what Kafka knows of each lane, and of how many it knows nothing.
func (c *commandLine) findLanes(
	ctx context.Context, target *kafka.Lanes, found *postgres.LogFinding, take bool,
) (all []relaying.State, unknown int, err error) {
	state := "it can be read here as it is"
	if found.Needed() {
		state = "its newest events can't be read here"
	}
	fmt.Fprintf(c.io.Out, "log %s: %d events, the newest of transaction %d; the server is at %d: %s\n", found.Log, found.Events, found.Newest, found.Server-1, state)
	for n := range found.Layout.Lanes {
		s, err := laneState(ctx, target, found.Log, n, take)
		if err != nil {
			return nil, 0, err
		}
		where := fmt.Sprintf("Kafka has its progress after %d batches; newest event sent: position %d", s.Progress.Batches, s.Progress.Last.Position)
		if s.IsNew() {
			unknown++
			where = "Kafka knows nothing of it; the copy in the database counts, if there is one"
		}
		fmt.Fprintf(c.io.Out, "lane %d: %s\n", n, where)
		all = append(all, s)
	}
	return all, unknown, nil
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ", because " + err.Error()
}

// laneState returns what Kafka knows of a lane. To take it ends what a relay on the log's former server has in hand.
func laneState(ctx context.Context, target *kafka.Lanes, log uuid.UUID, lane int, take bool) (relaying.State, error) {
	if !take {
		return target.View(ctx, log, lane)
	}
	session, state, err := target.Take(ctx, log, lane)
	if err != nil {
		return state, err
	}
	session.Close()
	return state, nil
}

// carryLanes stores the copies, which are exact, where relays look for their progress.
func (c *commandLine) carryLanes(ctx context.Context, db *postgres.DB, target *kafka.Lanes, by string) error {
	r, _, err := newRebase(ctx, db, target, by)
	if err != nil {
		return err
	}
	_, err = r.Move(ctx, lanes.ToCopy)
	return err
}
