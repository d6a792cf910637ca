package tenon

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
)

func (c *commandLine) migrate() *cobra.Command {
	var status bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database schemas up to date, or show with --status what would run",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				if !status {
					if err := postgres.Migrate(ctx, db, schemas(c.contexts)...); err != nil {
						return err
					}
				}
				return c.printMigrations(ctx, db)
			})
		},
	}
	cmd.Flags().BoolVar(&status, "status", false, "change nothing, show what has run and what is pending")
	return cmd
}

func (c *commandLine) printMigrations(ctx context.Context, db *postgres.DB) error {
	for _, s := range schemas(c.contexts) {
		migrations, err := postgres.MigrationStatus(ctx, db, s)
		if err != nil {
			return err
		}
		for _, m := range migrations {
			state := "pending"
			if !m.AppliedAt.IsZero() {
				state = m.AppliedAt.UTC().Format("2006-01-02 15:04:05Z")
			}
			fmt.Fprintf(c.io.Out, "%-8s %-40s %s\n", s.Name, m.File, state)
		}
	}
	return nil
}

// withDatabase runs f on the configured database: the user's own, that of a program running with the same data
// directory, or the embedded one, started for f alone.
func (c *commandLine) withDatabase(ctx context.Context, f func(context.Context, *postgres.DB) error) (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log := newLogger(cfg, c.io.Err)
	s, err := startServers(ctx, cfg, log, false)
	if isLocked(err) {
		var e Endpoints
		if e, err = readEndpoints(cfg.DataDir); err == nil {
			s = &servers{databaseURL: e.DatabaseURL}
		}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	db, err := postgres.Open(ctx, postgres.Config{URL: s.databaseURL, MaxConns: 2, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	waiting, cancel := cfg.untilStarted(ctx)
	defer cancel()
	if err := db.WaitReady(waiting); err != nil {
		return err
	}
	err = f(ctx, db)
	if postgres.LacksMigration(err) {
		err = fmt.Errorf("the database lacks migrations of this program, run `tenon migrate`: %w", err)
	}
	return err
}
