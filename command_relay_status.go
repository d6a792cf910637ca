package tenon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

func (c *commandLine) relayStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print each lane's owner, progress, lag and parked keys",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				cfg, err := c.load()
				if err != nil {
					return err
				}
				s, err := relayStatusOf(ctx, db, cfg.Relay)
				if err == nil && cfg.Relay == relayNone {
					s.Slot, err = slotOf(ctx, postgres.NewCapture(db, cfg.DebeziumSlot))
				}
				if err != nil {
					return err
				}
				if asJSON {
					enc := json.NewEncoder(c.io.Out)
					enc.SetIndent("", "  ")
					return enc.Encode(s)
				}
				return s.print(c.io.Out)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}

// printedRelay is a status as --json prints it.
type printedRelay struct {
	Relay       string        `json:"relay"` // the setting
	Epoch       int64         `json:"epoch,omitempty"`
	Nodes       int           `json:"nodes,omitempty"`
	ChangingTo  int           `json:"changingTo,omitempty"` // lanes
	ChangeHeld  int           `json:"changeHeld,omitempty"` // lanes that have stopped for it
	ChangeEnded int           `json:"changeEnded,omitempty"`
	Lanes       []printedLane `json:"lanes"` // with watermill one, if it ever ran

	Slot *printedCapture `json:"replicationSlot,omitempty"` // with none, if there is one
}

// printedLane is a lane as --json prints it.
type printedLane struct {
	Lane       int        `json:"lane"`
	Owner      string     `json:"owner,omitempty"`
	LeaseEnds  *time.Time `json:"leaseEnds,omitempty"`
	Batches    int64      `json:"batches"`
	Last       int64      `json:"lastPosition,omitempty"`
	ReportedAt *time.Time `json:"reportedAt,omitempty"`
	Commit     float64    `json:"commitSeconds,omitempty"` // that Kafka took for the newest batch with events
	Lag        int        `json:"lag"`
	LagIsMore  bool       `json:"lagIsMore,omitempty"` // than lag: counting stopped there
	Oldest     *time.Time `json:"oldestUnsent,omitempty"`
	Parked     int        `json:"parkedKeys"`
}

func relayStatusOf(ctx context.Context, db *postgres.DB, setting string) (printedRelay, error) {
	desk := postgres.NewRelayDesk(db)
	p := printedRelay{Relay: setting, Lanes: []printedLane{}}
	if setting == "watermill" {
		g, ran, err := desk.Watermill(ctx)
		if err == nil && ran {
			p.Lanes = append(p.Lanes, printedLane{
				Batches: g.Batches, ReportedAt: timeOrNil(g.UpdatedAt), Lag: g.Lag.Events, LagIsMore: g.Lag.More, Oldest: timeOrNil(g.Lag.Oldest),
			})
		}
		return p, err
	}
	s, err := desk.Status(ctx)
	if err != nil {
		return p, err
	}
	p.Epoch, p.Nodes, p.ChangingTo, p.ChangeHeld, p.ChangeEnded = s.Layout.Epoch, s.Nodes, s.Layout.Next, s.Held, s.Closed
	for _, l := range s.Lanes {
		p.Lanes = append(p.Lanes, printedLane{
			Lane: l.Lane, Owner: l.Owner, LeaseEnds: timeOrNil(l.LeaseEnds), Batches: l.Batches, Last: l.Last, ReportedAt: timeOrNil(l.ReportedAt),
			Commit: l.Commit.Seconds(), Lag: l.Lag.Events, LagIsMore: l.Lag.More, Oldest: timeOrNil(l.Lag.Oldest), Parked: l.Parked,
		})
	}
	return p, nil
}

// slotOf returns the status of the slot, nil if there is none.
func slotOf(ctx context.Context, capture *postgres.Capture) (*printedCapture, error) {
	s, err := capture.Status(ctx)
	if errors.Is(err, postgres.ErrNoCapture) {
		return nil, nil
	}
	return shownCapture(&s), err
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// shownTime returns a time as people read it, "-" for none.
func shownTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// printNone says what forwards the log in the relay's place.
func (p *printedRelay) printNone(out io.Writer) {
	if p.Slot == nil {
		fmt.Fprintln(out, "TENON_RELAY=none: no relay runs here and there is no replication slot: something else must forward the log")
		return
	}
	fmt.Fprint(out, "TENON_RELAY=none: no relay runs here. ")
	p.Slot.describe(out)
	if p.Slot.Unsent > 0 {
		fmt.Fprintf(out, "%s events from before it were never sent: let a relay run until `tenon debezium status` shows none\n",
			shownCount(p.Slot.Unsent, p.Slot.Unsent == postgres.MostUnsent))
	}
}

func (p *printedRelay) print(out io.Writer) error {
	if p.Relay == relayNone {
		p.printNone(out)
	}
	switch {
	case p.Relay == "watermill" && len(p.Lanes) == 0:
		fmt.Fprintln(out, "TENON_RELAY=watermill: it has sent nothing yet and has no place in tenon.cursors")
	case p.Relay == "watermill":
		fmt.Fprintln(out, `TENON_RELAY=watermill: one relay without lanes; its place is the row "relay" of tenon.cursors`)
	case len(p.Lanes) == 0 && p.Relay == relayNone:
	case len(p.Lanes) == 0:
		fmt.Fprintln(out, "no relay of lanes has run on this database yet: the first one makes the lanes (TENON_RELAY=exactly-once, role relay)")
	case p.ChangingTo != 0:
		fmt.Fprintf(out, "%d lanes of layout %d, %d nodes; changing to %d lanes: %d have stopped, %d have ended\n",
			len(p.Lanes), p.Epoch, p.Nodes, p.ChangingTo, p.ChangeHeld, p.ChangeEnded)
	default:
		if p.Relay == relayNone {
			fmt.Fprintln(out, "where the relay was when it stopped:")
		}
		fmt.Fprintf(out, "%d lanes of layout %d, %d nodes\n", len(p.Lanes), p.Epoch, p.Nodes)
	}
	if len(p.Lanes) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LANE\tOWNER\tLEASE ENDS\tBATCHES\tLAST POSITION\tREPORTED\tCOMMIT\tLAG\tOLDEST UNSENT\tPARKED KEYS")
	for i := range p.Lanes {
		l := &p.Lanes[i]
		owner := l.Owner
		if owner == "" {
			owner = "-"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\n", l.Lane, owner, shownTime(l.LeaseEnds), l.Batches, l.Last,
			shownTime(l.ReportedAt), shownCommit(l.Commit), shownCount(l.Lag, l.LagIsMore), shownTime(l.Oldest), l.Parked)
	}
	return w.Flush()
}

// shownCommit returns what a commit took, "-" where none is known.
func shownCommit(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return time.Duration(seconds * float64(time.Second)).Round(10 * time.Microsecond).String()
}

// shownWord returns a word as a shell takes it for an argument.
func shownWord(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_.:,/@%+=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// shownCount says when counting stopped.
func shownCount(n int, more bool) string {
	if more {
		return fmt.Sprintf("more than %d", n)
	}
	return fmt.Sprint(n)
}

// maxListed bounds what a command lists.
const maxListed = 1000

func (c *commandLine) relayParked() *cobra.Command {
	return &cobra.Command{
		Use:   "parked",
		Short: "List the keys whose events are held back, and what Kafka said about the first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				keys, err := postgres.NewRelayDesk(db).Parked(ctx, maxListed)
				if err != nil {
					return err
				}
				return printParked(c.io.Out, keys)
			})
		},
	}
}

func printParked(out io.Writer, keys []relaying.HeldBack) error {
	if len(keys) == 0 {
		_, err := fmt.Fprintln(out, "nothing is parked")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AGGREGATE TYPE\tID\tLANE\tHELD BACK\tSINCE\tATTEMPTS\tFIRST EVENT\tTOPIC\tWHAT KAFKA SAID")
	for i := range keys {
		k := &keys[i]
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%s\t%s\t%s\n", shownWord(k.AggregateType), shownWord(k.AggregateID), k.Lane, shownCount(k.Records, k.More),
			shownTime(&k.Since), k.Attempts, k.Event, k.Topic, k.Reason)
	}
	if len(keys) == maxListed {
		fmt.Fprintf(w, "only the first %d are listed\n", maxListed)
	}
	return w.Flush()
}

func (c *commandLine) relayRequests() *cobra.Command {
	return &cobra.Command{
		Use:   "requests",
		Short: "List open requests to retry or skip, then the newest that are done, and what came of them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withDatabase(cmd.Context(), func(ctx context.Context, db *postgres.DB) error {
				requests, err := postgres.NewRelayDesk(db).Requests(ctx, 50)
				if err != nil {
					return err
				}
				return printRequests(c.io.Out, requests)
			})
		},
	}
}

func printRequests(out io.Writer, requests []relaying.RequestStatus) error {
	if len(requests) == 0 {
		_, err := fmt.Fprintln(out, "nobody has asked for anything")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tAGGREGATE TYPE\tAGGREGATE ID\tASKED\tBY\tREASON\tDONE\tOUTCOME")
	for i := range requests {
		q := &requests[i]
		outcome := q.Outcome
		switch {
		case q.DoneAt.IsZero():
			outcome = "open"
		case outcome == "":
			outcome = "done"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", q.ID, q.Kind, shownWord(q.Key.AggregateType), shownWord(q.Key.AggregateID), shownTime(&q.At),
			q.By, q.Reason, shownTime(&q.DoneAt), outcome)
	}
	return w.Flush()
}
