package tenon

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/projection"
)

func (c *commandLine) projectionsRebuild() *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild NAME",
		Short: "Build this program's version of a projection beside the one that serves",
		Long: `Build this program's version of a projection beside the one that serves: for programs that don't begin by themselves
(TENON_PROJECTIONS_REBUILD=refuse). A program with that version does the work, as soon as one runs; it takes over when it is
there. To build rows anew that are wrong, raise the projection's version: each version has tables of its own.`,
		Example: "  tenon projections rebuild order_list",
		Args:    projectionName,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withVersions(cmd.Context(), func(ctx context.Context, v *rebuild.Versions, _ *postgres.DB, own []projection.Projection) error {
				p, err := newest(own, args[0])
				if err != nil {
					return err
				}
				cfg, err := c.load()
				if err != nil {
					return err
				}
				s, err := v.Enter(ctx, rebuild.Entry{Projection: p, Source: rebuild.Source(cfg.Projections), Begin: true})
				switch {
				case err != nil:
					return err
				case s.State == rebuild.Serving:
					return fmt.Errorf("version %d of %s, which is this program's, serves already: a rebuild needs another version, "+
						"raise it where the projection is declared", s.Number, s.Projection)
				case s.State == rebuild.Kept:
					return fmt.Errorf("version %d of %s is built and kept: let it serve by `tenon projections use %s %d`", s.Number, s.Projection, s.Projection, s.Number)
				}
				_, err = fmt.Fprintf(c.io.Out, "version %d of %s is being built by the programs that have it; `tenon projections list` shows how far it is\n",
					s.Number, s.Projection)
				return err
			})
		},
	}
}

// newest returns the program's projection of that name with the highest version.
func newest(own []projection.Projection, name string) (found projection.Projection, err error) {
	for _, p := range own {
		if p.Name == name && p.Version > found.Version {
			found = p
		}
	}
	if found.Version == 0 {
		err = fmt.Errorf("this program has no projection %q; `tenon projections list` shows what there is", name)
	}
	return found, err
}

func (c *commandLine) projectionsUse() *cobra.Command {
	number, force := 0, false
	cmd := &cobra.Command{
		Use:   "use NAME VERSION",
		Short: "Let another version serve: go back to the old one, or forward again",
		Long: `Let another version serve: readers see its tables from one moment to the next. It must have all that the version has which
serves now, so a program with it must be running. --force lets it serve however far behind it is.`,
		Example: "  tenon projections use order_list 1",
		Args:    projectionVersion(&number),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withVersions(cmd.Context(), func(ctx context.Context, v *rebuild.Versions, _ *postgres.DB, _ []projection.Projection) error {
				if err := v.Use(ctx, args[0], number, force); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.io.Out, "version %d of %s serves\n", number, args[0])
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "also if it is behind")
	return cmd
}

func (c *commandLine) projectionsDrop() *cobra.Command {
	number := 0
	var by, why string
	cmd := &cobra.Command{
		Use:   "drop NAME VERSION",
		Short: "Remove a version that doesn't serve, with its tables",
		Long: `Remove a version that doesn't serve, with its tables and what is parked for it. A program with that version that runs, or
starts, would begin to build it again: stop those first.`,
		Example: "  tenon projections drop order_list 1",
		Args:    projectionVersion(&number),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withVersions(cmd.Context(), func(ctx context.Context, v *rebuild.Versions, _ *postgres.DB, _ []projection.Projection) error {
				if err := v.Drop(ctx, args[0], number, by, why); err != nil {
					return err
				}
				_, err := fmt.Fprintf(c.io.Out, "version %d of %s is dropped\n", number, args[0])
				return err
			})
		},
	}
	whyFlag(cmd, &why, "why", "why, for the record of parked events that go with it")
	byFlag(cmd, &by)
	return cmd
}
