package tenon

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Streams are where the command line writes.
type Streams struct {
	Out io.Writer // what was asked for
	Err io.Writer // logs and errors
}

// commandLine is the tree of commands over one environment.
type commandLine struct {
	environ  []string
	contexts []Context
	io       Streams
	started  bool // arguments and configuration were right
}

func (c *commandLine) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "tenon",
		Short: "An event-sourced domain kernel: commands over HTTP, events in PostgreSQL, in order to Kafka, into read models",
		Long: `Tenon runs bounded contexts: HTTP commands record events in PostgreSQL, a relay carries them to Kafka in order,
projections build read models from Kafka.

Everything is set by environment variables, or by a file that TENON_CONFIG names: see "tenon config". Without TENON_DATABASE_URL
and TENON_KAFKA_BROKERS, PostgreSQL and Kafka are started inside, with their data in .tenon.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetOut(c.io.Out)
	root.SetErr(c.io.Err)
	root.AddCommand(c.serve(), c.migrate(), c.events(), c.relay(), c.debezium(), c.projections(), c.deadLetters(), c.logCommands(), c.config(), c.version())
	return root
}

// load reads the configuration for a command; what is printed then is the command's own business.
func (c *commandLine) load() (Config, error) {
	cfg, err := LoadConfig(c.environ, c.contexts...)
	if err != nil {
		return Config{}, fmt.Errorf("configuration:\n%w", err)
	}
	c.started = true
	return cfg, nil
}

func (c *commandLine) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program and of Go",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c.started = true
			v := version()
			_, err := fmt.Fprintf(c.io.Out, "tenon %s %s\n", v.number, v.goVersion)
			return err
		},
	}
}

// build is what the Go toolchain wrote into the program.
type build struct {
	number    string // module version or commit
	goVersion string
}

func version() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{number: "(unknown)"}
	}
	b := build{number: info.Main.Version, goVersion: info.GoVersion}
	if b.number != "" && b.number != "(devel)" {
		return b
	}
	b.number = "(devel)"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.number = s.Value
		}
	}
	return b
}
