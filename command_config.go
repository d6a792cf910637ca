package tenon

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (c *commandLine) config() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print every setting, what is in force and where it comes from; passwords masked",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			return c.printConfig(cfg, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object, setting name to value")
	return cmd
}

func (c *commandLine) printConfig(cfg Config, asJSON bool) error {
	settings := allSettings(c.contexts)
	if asJSON {
		values := make(map[string]string, len(settings))
		for _, s := range settings {
			values[s.Name] = s.shown(cfg.values[s.Name].text)
		}
		enc := json.NewEncoder(c.io.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(values)
	}
	w := tabwriter.NewWriter(c.io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM\tWHAT IT DOES")
	for _, s := range settings {
		v := cfg.values[s.Name]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, s.shown(v.text), v.source, s.Doc)
	}
	return w.Flush()
}
