package tenon

import "github.com/spf13/cobra"

func (c *commandLine) serve() *cobra.Command {
	var roleList string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the API, the relay and the projections until told to stop",
		Long: `Runs the API, the relay, the projections and the handlers in one process, or some of them with --roles. Without TENON_DATABASE_URL and
TENON_KAFKA_BROKERS it starts PostgreSQL and Kafka first. Brings the database schemas up to date (TENON_MIGRATE=off: refuses to run
behind them). Ctrl-C or SIGTERM stops cleanly.`,
		Example: `  tenon serve
  TENON_DATABASE_URL=postgres://me:secret@db:5432/shop TENON_KAFKA_BROKERS=kafka:9092 tenon serve --roles relay,projections,handlers`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if roleList != "" {
				c.environ = append(c.environ, "TENON_ROLES="+roleList)
			}
			cfg, err := c.load()
			if err != nil {
				return err
			}
			app, err := New(cfg, c.io, c.contexts...)
			if err != nil {
				return err
			}
			err = app.Run(cmd.Context())
			app.log.Info("stopped", "clean", err == nil)
			return err
		},
	}
	cmd.Flags().StringVar(&roleList, "roles", "", "what runs in this process, comma separated: api, relay, projections, handlers (default: TENON_ROLES)")
	return cmd
}
