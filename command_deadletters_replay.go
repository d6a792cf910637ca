package tenon

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/projection"
)

func (c *commandLine) lettersReplay() *cobra.Command {
	var f deadletter.Filter
	var reason, by, why string
	var all bool
	cmd := &cobra.Command{
		Use:   "replay ID | --all | a filter",
		Short: "Apply parked events, each aggregate's in order from its first on",
		Long: `Apply parked events through their projections. An aggregate's events are applied in order from its first parked event on,
whichever of them was chosen, until its end or an event that fails again. The program that replays must be the one whose
projections can apply them: replay with the new program after mending the old one.`,
		Example: `  tenon deadletters replay 17
  tenon deadletters replay --projection order_list --event-type order.shipped --why "fixed in 1.4.2"
  tenon deadletters replay --all`,
		Args: func(cmd *cobra.Command, args []string) error {
			f.Reason = deadletter.Reason(reason)
			chosen := f.Projection != "" || f.Version != 0 || f.Topic != "" || f.AggregateType != "" || f.AggregateID != "" || f.Type != "" || f.Reason != ""
			switch {
			case len(args) > 0 && f.Reason != "":
				return errors.New("--reason chooses events by why they were parked; why you replay is --why, for the record")
			case all && (chosen || len(args) > 0) || chosen && len(args) > 0:
				return errors.New("want either an event's id, or a filter, or --all")
			case all || chosen:
				return nil
			}
			id, err := letterID(cmd, args)
			f.IDs = []int64{id}
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				keys, err := postgres.NewDeadLetters(db).Keys(ctx, f)
				if err != nil {
					return err
				}
				if len(keys) == 0 && f.IDs != nil {
					return fmt.Errorf("event %d: %w; `tenon deadletters list` shows what is parked", f.IDs[0], deadletter.ErrNotParked)
				}
				return c.replayAll(ctx, db, keys, deadletter.Decision{By: by, Why: why})
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "replay everything that is parked")
	cmd.Flags().StringVar(&why, "why", "", "why, for the record")
	filterFlags(cmd, &f, &reason)
	byFlag(cmd, &by)
	return cmd
}

// replayAll replays sequences one after the other; those that are stuck don't keep the others.
func (c *commandLine) replayAll(ctx context.Context, db *postgres.DB, keys []deadletter.Key, by deadletter.Decision) error {
	replayers, end, err := c.replayers(db)
	if err != nil {
		return err
	}
	defer end() //nolint:errcheck // nothing was started
	applied, stuck := 0, 0
	for _, k := range keys {
		r := replayers[fmt.Sprint(k.Projection, "/", k.Version)]
		if r == nil {
			return fmt.Errorf("this program has no projection %s of version %d", k.Projection, k.Version)
		}
		done, err := r.Replay(ctx, k, by)
		if err != nil && !errors.Is(err, deadletter.ErrNotParked) { // somebody else may have been faster
			return err
		}
		applied += done.Applied
		if e := done.Stuck; e != nil {
			stuck++
			fmt.Fprintf(c.io.Out, "%s %s stays parked at event %d: %s\n", shownWord(k.AggregateType), shownWord(k.AggregateID), e.ID, e.Error)
		}
	}
	fmt.Fprintf(c.io.Out, "%d events of %d aggregates were applied\n", applied, len(keys))
	if stuck > 0 {
		return fmt.Errorf("%d of %d aggregates stay parked: an event failed again", stuck, len(keys))
	}
	return nil
}

// replayers returns the replayers of the program's projections, by name and version.
func (c *commandLine) replayers(db *postgres.DB) (map[string]*projection.Replayer, func() error, error) {
	b, all, end, err := c.projectionsOf(db)
	if err != nil {
		return nil, nil, err
	}
	replayers := make(map[string]*projection.Replayer, len(all))
	for _, p := range all {
		r, err := projection.NewReplayer(projection.ReplayerConfig{
			Projection: p, Store: db, Checkpoints: db, Parked: postgres.NewDeadLetters(db), Codec: codecFor(b, p),
		})
		if err != nil {
			return nil, nil, errors.Join(err, end())
		}
		replayers[fmt.Sprint(p.Name, "/", p.Version)] = r
	}
	return replayers, end, nil
}

// projectionsOf returns the program's projections, wired but not running.
func (c *commandLine) projectionsOf(db *postgres.DB) (*application.Builder, []projection.Projection, func() error, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, nil, err
	}
	a, err := New(cfg, c.io, c.contexts...)
	if err != nil {
		return nil, nil, nil, err
	}
	w := newWired(db)
	if w.server, err = a.newServer(w); err != nil { // for the contexts to wire their routes onto; it never listens
		return nil, nil, nil, err
	}
	w.closers = append(w.closers, w.server.Close)
	b := w.newBuilder(a.log)
	declared, err := a.wireContexts(b, w, w.server.API())
	if err == nil {
		_, err = b.Build()
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, w.close())
	}
	return b, declared.projections, w.close, nil
}
