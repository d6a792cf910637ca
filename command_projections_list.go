package tenon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/projection"
)

func (c *commandLine) projectionsList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print each version's state, source, lag, parked aggregates and last error",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withVersions(cmd.Context(), func(ctx context.Context, v *rebuild.Versions, db *postgres.DB, own []projection.Projection) error {
				all, err := c.listed(ctx, v, db, own)
				if err != nil {
					return err
				}
				if asJSON {
					enc := json.NewEncoder(c.io.Out)
					enc.SetIndent("", "  ")
					return enc.Encode(all)
				}
				return c.printVersions(all)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON array")
	return cmd
}

// listedVersion is a version as --json prints it.
type listedVersion struct {
	Projection string     `json:"projection"`
	Version    int        `json:"version"`
	State      string     `json:"state"` // building, serving, kept
	Paused     bool       `json:"paused"`
	PausedBy   string     `json:"pausedBy,omitempty"`
	Why        string     `json:"why,omitempty"`
	Source     string     `json:"source"`
	Lag        *int64     `json:"lag"` // events; null: not known
	Done       float64    `json:"done,omitempty"`
	SecondsTo  int        `json:"secondsLeft,omitempty"`
	Parked     int        `json:"parkedAggregates"`
	LastError  string     `json:"lastError,omitempty"`
	FailingAt  *time.Time `json:"failingSince,omitempty"`
}

func (c *commandLine) listed(ctx context.Context, v *rebuild.Versions, db *postgres.DB, own []projection.Projection) ([]listedVersion, error) {
	versions, err := v.All(ctx)
	if err != nil {
		return nil, err
	}
	pauses, err := v.Pauses(ctx)
	if err != nil {
		return nil, err
	}
	parked, err := postgres.NewDeadLetters(db).Counts(ctx)
	if err != nil {
		return nil, err
	}
	lags := &versionLags{versions: v, own: own, command: c}
	defer lags.close()
	all := []listedVersion{}
	for _, s := range versions {
		l := listedVersion{
			Projection: s.Projection, Version: s.Number, State: string(s.State), Source: string(s.Source), LastError: s.LastError, Lag: lags.of(ctx, s),
		}
		if !s.FailedAt.IsZero() {
			l.FailingAt = &s.FailedAt
		}
		for _, p := range pauses {
			if p.Projection == s.Projection {
				l.Paused, l.PausedBy, l.Why = true, p.By, p.Why
			}
		}
		for _, n := range parked {
			if n.Projection == s.Projection && n.Version == s.Number {
				l.Parked = n.Sequences
			}
		}
		if s.State == rebuild.Building {
			p, err := v.Progress(ctx, s)
			if err != nil {
				return nil, err
			}
			l.Done, l.SecondsTo = p.Done, int(p.Left.Seconds())
		}
		all = append(all, l)
	}
	return all, nil
}

func (c *commandLine) printVersions(all []listedVersion) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(c.io.Out, "no projection has run on this database yet")
		return err
	}
	w := tabwriter.NewWriter(c.io.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROJECTION\tVERSION\tSTATE\tSOURCE\tLAG\tPARKED\tLAST ERROR")
	for _, l := range all {
		state, lag, last := l.State, "?", shownWord(l.LastError)
		if l.State == string(rebuild.Building) {
			state = fmt.Sprintf("building %.0f%%", 100*l.Done)
			if l.SecondsTo > 0 {
				state += fmt.Sprintf(", %v left", time.Duration(l.SecondsTo)*time.Second)
			}
		}
		if l.Paused {
			state += fmt.Sprintf(", paused by %s", shownWord(l.PausedBy))
		}
		if l.Lag != nil {
			lag = fmt.Sprint(*l.Lag)
		}
		switch {
		case l.LastError == "":
			last = ""
		case l.FailingAt == nil:
			last = "(over) " + last
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%s\n", l.Projection, l.Version, state, l.Source, lag, l.Parked, last)
	}
	return w.Flush()
}

// versionLags tells how far versions are behind. Brokers are asked only if there is a version that they feed.
type versionLags struct {
	versions *rebuild.Versions
	own      []projection.Projection
	command  *commandLine

	cfg   kafka.Config
	admin *kafka.Admin
	asked bool
}

// lagTimeout bounds the wait for brokers: a lag that isn't known is no reason to show nothing.
const lagTimeout = 5 * time.Second

func (l *versionLags) close() {
	if l.admin != nil {
		l.admin.Close()
	}
}

// of returns a version's lag, nil where nobody tells.
func (l *versionLags) of(ctx context.Context, v rebuild.Version) *int64 {
	i := slices.IndexFunc(l.own, func(p projection.Projection) bool { return p.Name == v.Projection })
	if i < 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	if v.Source == rebuild.Log {
		n, err := l.versions.LogLag(ctx, v, l.own[i].Topics)
		lag := int64(n)
		return known64(lag, err)
	}
	if !l.asked {
		l.asked = true
		l.admin, l.cfg = l.command.brokers()
	}
	if l.admin == nil {
		return nil
	}
	next, err := l.versions.Offsets(ctx, v)
	if err != nil {
		return nil
	}
	return known64(l.admin.Behind(ctx, l.cfg, next, l.own[i].Topics...))
}

func known64(n int64, err error) *int64 {
	if err != nil {
		return nil
	}
	return &n
}

// brokers returns how to ask the configured brokers, or those of the program that runs with the same data directory; nil if there
// are none.
func (c *commandLine) brokers() (*kafka.Admin, kafka.Config) {
	cfg, err := c.load()
	if err != nil {
		return nil, kafka.Config{}
	}
	addresses := cfg.KafkaBrokers
	if len(addresses) == 0 {
		e, err := readEndpoints(cfg.DataDir)
		if err != nil || len(e.KafkaBrokers) == 0 {
			return nil, kafka.Config{}
		}
		addresses = e.KafkaBrokers
	}
	config, err := cfg.kafkaConfig(addresses, newLogger(cfg, c.io.Err))
	if err != nil {
		return nil, kafka.Config{}
	}
	admin, err := kafka.NewAdmin(config)
	if err != nil {
		return nil, kafka.Config{}
	}
	return admin, config
}
