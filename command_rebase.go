package tenon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/application/relaying"
)

// rebaseFlags are what the one who decides gives.
type rebaseFlags struct {
	to, reason, by string
	yes            bool
}

func (f *rebaseFlags) check() error {
	switch lanes.Destination(f.to) {
	case "":
		return errors.New("--to is missing: want copy, now or start; --help says what each does")
	case lanes.ToCopy, lanes.ToNow, lanes.ToStart:
	default:
		return fmt.Errorf("--to is %q: want copy, now or start", f.to)
	}
	switch {
	case f.reason == "":
		return errors.New(`reason is missing: say for the record why the relay goes on elsewhere, with --reason "..."`)
	case f.by == "":
		return errors.New("who decides is missing: say it with --by")
	}
	return nil
}

func (c *commandLine) relayRebase() *cobra.Command {
	var f rebaseFlags
	cmd := &cobra.Command{
		Use:   "rebase --to copy|now|start --reason TEXT [--yes]",
		Short: "Decide where a relay goes on whose log or progress isn't what it was",
		Long: `Decide where a relay goes on that refuses to, because the database was set back to a backup or Kafka lost the relay's progress:

  copy   where the copy in the database says, for lanes whose progress Kafka has lost. What was sent after the copy was
         written, at most some tenths of a second before the end, is sent again. Lanes with which nothing is wrong stay.
  now    after everything that is committed now: it counts as sent. For a database set back to a backup whose events Kafka has.
  start  at the beginning: every event is sent again.

With now and start no key is parked any more. Without --yes nothing is moved: it prints what is wrong with each lane, and
how many events each choice would send or pass over, and disturbs no relay. Relays may run: one that refused goes on within seconds, one with
which nothing is wrong at its next event.`,
		Example: `  tenon relay rebase --to now --reason "backup of Monday restored, ticket 4711"
  tenon relay rebase --to now --reason "backup of Monday restored, ticket 4711" --yes`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return err
			}
			return f.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withServers(cmd.Context(), "", func(ctx context.Context, db *postgres.DB, target *kafka.Lanes) error {
				return c.rebase(ctx, db, target, f)
			})
		},
	}
	cmd.Flags().StringVar(&f.to, "to", "", "copy, now or start; required")
	whyFlag(cmd, &f.reason, "reason", "why, for the record; required")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do it")
	byFlag(cmd, &f.by)
	return cmd
}

// withServers runs f on the database and the brokers: those of the configuration, of a program running with the same data
// directory, or embedded ones, started for f alone. The database sees app as the name of the program, "" for the usual one.
func (c *commandLine) withServers(ctx context.Context, app string, f func(context.Context, *postgres.DB, *kafka.Lanes) error) (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log := newLogger(cfg, c.io.Err)
	s, err := startServers(ctx, cfg, log, true)
	if isLocked(err) {
		s, err = runningServers(cfg)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	db, err := postgres.Open(ctx, postgres.Config{URL: s.databaseURL, MaxConns: 2, AppName: app, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	kafkaConfig, err := cfg.kafkaConfig(s.brokers, log)
	if err != nil {
		return err
	}
	target, err := kafka.NewLanes(kafkaConfig, lanesConfig(cfg))
	if err != nil {
		return err
	}
	defer target.Close()
	waiting, cancel := cfg.untilStarted(ctx)
	defer cancel()
	if err := db.WaitReady(waiting); err != nil {
		return err
	}
	return f(ctx, db, target)
}

// runningServers are the user's own, and what he doesn't name of the program that runs with the same data directory.
func runningServers(cfg Config) (*servers, error) {
	e, err := readEndpoints(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	s := &servers{databaseURL: cfg.DatabaseURL, brokers: cfg.KafkaBrokers}
	if s.databaseURL == "" {
		s.databaseURL = e.DatabaseURL
	}
	if len(s.brokers) == 0 {
		s.brokers = e.KafkaBrokers
	}
	return s, nil
}

func (c *commandLine) rebase(ctx context.Context, db *postgres.DB, target *kafka.Lanes, f rebaseFlags) error {
	desk, log := postgres.NewRelayDesk(db), postgres.NewLaneLog(db)
	if f.yes {
		if err := c.makeLanes(ctx, db, f.by); err != nil {
			return err
		}
	}
	r, layout, err := newRebase(ctx, db, target, f.by)
	if err != nil {
		return err
	}
	if !f.yes {
		found, err := r.Look(ctx)
		if err != nil {
			return err
		}
		return printFindings(c.io.Out, found)
	}
	identity, err := log.Identify(ctx)
	if err != nil {
		return err
	}
	id, err := desk.NoteRebase(ctx, relaying.Rebase{Identity: identity, Epoch: layout.Epoch, To: f.to, By: f.by, Reason: f.reason})
	if err != nil {
		return err
	}
	moved, err := r.Move(ctx, lanes.Destination(f.to))
	if err = errors.Join(err, desk.RebaseDone(context.WithoutCancel(ctx), id, err)); err != nil {
		return err
	}
	for _, p := range moved {
		fmt.Fprintf(c.io.Out, "lane %d goes on after %d batches; newest event before it: position %d\n", p.Lane.Number, p.Batches, p.Last.Position)
	}
	_, err = fmt.Fprintf(c.io.Out, "rebase %d is done and recorded in tenon.relay_rebases\n", id)
	return err
}

// makeLanes divides a log into lanes that no relay of lanes has run on, if a connector has sent its events.
func (c *commandLine) makeLanes(ctx context.Context, db *postgres.DB, by string) error {
	status, err := postgres.NewRelayDesk(db).Status(ctx)
	if err != nil || status.Layout.Epoch > 0 {
		return err
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if known, err := postgres.NewCapture(db, cfg.DebeziumSlot).Known(ctx); err != nil || !known {
		return err
	}
	members := postgres.NewRelayMembers(db)
	if _, err := members.Beat(ctx, by, cfg.RelayLanes, time.Second); err != nil {
		return err
	}
	return members.Leave(ctx, by)
}

// newRebase returns a rebase of the layout in force.
func newRebase(ctx context.Context, db *postgres.DB, target *kafka.Lanes, by string) (*lanes.Rebase, relaying.Layout, error) {
	status, err := postgres.NewRelayDesk(db).Status(ctx)
	if err != nil {
		return nil, relaying.Layout{}, err
	}
	board, err := postgres.NewRelayBoard(db, postgres.RelayBoardConfig{})
	if err != nil {
		return nil, relaying.Layout{}, err
	}
	log := postgres.NewLaneLog(db)
	r, err := lanes.NewRebase(lanes.RebaseConfig{
		Log: log, Boundary: log, Survey: log, Target: target, View: target, Board: board, Copies: postgres.NewRelayStore(db), Layout: status.Layout, Node: by,
	})
	return r, status.Layout, err
}

func printFindings(out io.Writer, found []lanes.LaneFinding) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LANE\tCOPY SENDS\tNOW PASSES OVER\tSTART SENDS")
	for i := range found {
		f := &found[i]
		since := shownCount(f.Since.Events, f.Since.More)
		byCopy := since
		switch {
		case f.Problem == nil:
			byCopy = "stays"
		case f.NoCopy != nil:
			byCopy = "can't"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", f.Lane, byCopy, since, shownCount(f.All.Events, f.All.More))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range found {
		f := &found[i]
		switch {
		case f.Problem == nil:
			fmt.Fprintf(out, "lane %d: nothing is wrong\n", f.Lane)
		case f.NoCopy == nil:
			fmt.Fprintf(out, "lane %d: %v\n", f.Lane, f.Problem)
		default:
			fmt.Fprintf(out, "lane %d: %v; copy can't mend it: %v\n", f.Lane, f.Problem, f.NoCopy)
		}
	}
	_, err := fmt.Fprintln(out, "nothing was moved; --yes does it")
	return err
}
