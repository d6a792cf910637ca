package tenon

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/projection"
)

func (c *commandLine) projections() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "projections",
		Short: "See read models, pause them, build a changed version beside the old one and go back",
		Long: `A projection keeps a read model. A changed one has another version, which is built from the log in tables of its own, beside the
version that readers see; when it is there it takes over in one transaction. The old one is kept and, as long as a program
with it runs, fed, so that going back is one command. The programs that run carry out what is decided here within seconds.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.projectionsList(), c.projectionsPause(), c.projectionsResume(), c.projectionsRebuild(), c.projectionsUse(), c.projectionsDrop())
	return cmd
}

// withVersions runs work on the versions and the program's own projections.
func (c *commandLine) withVersions(
	ctx context.Context, work func(ctx context.Context, v *rebuild.Versions, db *postgres.DB, own []projection.Projection) error,
) error {
	return c.withDatabase(ctx, func(ctx context.Context, db *postgres.DB) error {
		_, own, end, err := c.projectionsOf(db)
		if err != nil {
			return err
		}
		defer end() //nolint:errcheck // nothing was started
		err = work(ctx, rebuild.NewVersions(db), db, own)
		if errors.Is(err, rebuild.ErrNoVersion) {
			return fmt.Errorf("%w; `tenon projections list` shows what there is", err)
		}
		return err
	})
}

// projectionName is the argument that names a projection.
func projectionName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("got %d arguments, want a projection's name as `tenon projections list` shows it, such as: %s order_list", len(args), cmd.CommandPath())
	}
	return nil
}

// projectionVersion is the arguments that name a version.
func projectionVersion(number *int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) (err error) {
		if len(args) != 2 {
			return fmt.Errorf("got %d arguments, want a projection's name and a version as `tenon projections list` shows them, such as: %s order_list 1",
				len(args), cmd.CommandPath())
		}
		if *number, err = strconv.Atoi(args[1]); err != nil || *number < 1 {
			return fmt.Errorf("%q is no version: want a number from 1", args[1])
		}
		return nil
	}
}

func (c *commandLine) projectionsPause() *cobra.Command {
	var by, why string
	cmd := &cobra.Command{
		Use:     "pause NAME",
		Short:   "Feed a projection no further, on no node, until it is resumed",
		Example: `  tenon projections pause order_list --why "disk is full, ticket 4711"`,
		Args:    projectionName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withVersions(cmd.Context(), func(ctx context.Context, v *rebuild.Versions, _ *postgres.DB, own []projection.Projection) error {
				if err := known(ctx, v, own, args[0]); err != nil {
					return err
				}
				if err := v.Pause(ctx, args[0], by, why); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.io.Out, "%s is paused: programs that run stop feeding it within seconds, also after restarts\n", args[0])
				return err
			})
		},
	}
	whyFlag(cmd, &why, "why", "why, for the record")
	byFlag(cmd, &by)
	return cmd
}

// known returns an error for a name that neither the program nor the database has.
func known(ctx context.Context, v *rebuild.Versions, own []projection.Projection, name string) error {
	for _, p := range own {
		if p.Name == name {
			return nil
		}
	}
	all, err := v.All(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Projection == name {
			return nil
		}
	}
	return fmt.Errorf("there is no projection %q; `tenon projections list` shows what there is", name)
}

func (c *commandLine) projectionsResume() *cobra.Command {
	return &cobra.Command{
		Use:     "resume NAME",
		Short:   "Feed a projection again that was paused",
		Example: "  tenon projections resume order_list",
		Args:    projectionName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withVersions(cmd.Context(), func(ctx context.Context, v *rebuild.Versions, _ *postgres.DB, _ []projection.Projection) error {
				was, err := v.Resume(ctx, args[0])
				if err != nil {
					return err
				}
				if !was {
					return fmt.Errorf("%s isn't paused; `tenon projections list` shows what is", args[0])
				}
				_, err = fmt.Fprintf(c.io.Out, "%s is resumed: programs that run feed it again within seconds\n", args[0])
				return err
			})
		},
	}
}
