package tenon

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/debezium"
	"github.com/tenon-go/tenon/adapters/postgres"
)

func (c *commandLine) debezium() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "debezium",
		Short: "Let Debezium carry the log to Kafka in the relay's place (TENON_RELAY=none)",
		Long: `Let Debezium's connector for PostgreSQL, in Kafka Connect, carry the log to Kafka in the relay's place (TENON_RELAY=none).
docs/debezium.md says step by step how to go over from a relay to Debezium and back on a running system.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.debeziumConfig(), c.debeziumSetup(), c.debeziumStatus(), c.debeziumWait(), c.debeziumRemove())
	return cmd
}

func (c *commandLine) debeziumConfig() *cobra.Command {
	var asJSON bool
	var name, user, password string
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the connector's configuration for the settings in force; it holds no password",
		Long: `Print the connector's configuration for the settings in force: as a properties file for a standalone worker of Kafka Connect, or
with --json as the REST API of distributed workers takes it, which demands exactly-once support of them. It holds no
password, only where the worker finds it.`,
		Example: `  tenon debezium config > connector.properties
  tenon debezium config --json | curl -X PUT -H 'Content-Type: application/json' -d @- http://connect:8083/connectors/tenon-outbox/config`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if cfg.DatabaseURL == "" {
				return errors.New("TENON_DATABASE_URL isn't set: the connector can't read the embedded PostgreSQL, it needs a server with wal_level=logical")
			}
			connector := debezium.Connector{
				DatabaseURL: cfg.DatabaseURL, User: user, Password: password, Slot: cfg.DebeziumSlot, Publication: postgres.CapturePublication,
				Columns: postgres.CaptureColumns(), Partitions: cfg.Partitions, Replication: cfg.Replication, CloudEvents: cfg.CloudEvents, Distributed: asJSON,
			}
			return printConnector(c.io.Out, &connector, name)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for the REST API of distributed workers")
	cmd.Flags().StringVar(&name, "name", "tenon-outbox", "the connector's name, in the properties file")
	cmd.Flags().StringVar(&user, "user", "debezium", "the connector's user of the database")
	cmd.Flags().StringVar(&password, "password", debezium.DefaultPassword, "where the worker finds the password, as its config providers say")
	return cmd
}

func printConnector(out io.Writer, connector *debezium.Connector, name string) error {
	settings, err := connector.Settings()
	if err != nil {
		return fmt.Errorf("TENON_DATABASE_URL: %w", err)
	}
	if !connector.Distributed {
		_, err = io.WriteString(out, debezium.Properties(name, settings))
		return err
	}
	text, err := debezium.JSON(settings)
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}
