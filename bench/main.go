// Command bench measures Tenon side by side with its peers and writes what it found to RESULTS.md:
//
//	make bench                       everything
//	make bench ARGS='-quick -case relay -out -'
//
// It starts its own PostgreSQL and broker; -kafka starts an Apache Kafka, -brokers names one that runs already. Cases are in package cases, the rounds and
// the report in package measure, the servers in package rig.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/tenon-go/tenon/bench/cases"
	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

func main() {
	rig.ServeBroker()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	only    *regexp.Regexp
	rounds  int
	quick   bool
	out     string
	profile string
	servers rig.Config
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("case", ".", "run the cases whose names match this regular `expression`")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds of each competitor, 1 or more")
	flags.BoolVar(&o.quick, "quick", false, "smaller sizes, for a look")
	flags.StringVar(&o.out, "out", "RESULTS.md", "`file` to write, - for standard output")
	flags.StringVar(&o.profile, "profile", "", "`file` to write a processor profile of this program to, for go tool pprof; empty: none")
	flags.StringVar(&o.servers.Data, "data", "", "`directory` for PostgreSQL's data, such as /dev/shm; empty: the one for temporary files")
	flags.BoolVar(&o.servers.Kafka, "kafka", false, "start an Apache Kafka instead of kfake; needs Java 17 and, the first time, Maven")
	brokers := flags.String("brokers", "", "host:port,... of a Kafka that runs already; empty: a broker of its own")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.out == "" {
		return o, fmt.Errorf("want flags only, -rounds of 1 or more and -out, got %q", args)
	}
	if *brokers != "" {
		o.servers.Brokers = strings.Split(*brokers, ",")
	}
	if o.servers.Kafka && len(o.servers.Brokers) > 0 {
		return o, errors.New("-kafka starts a Kafka and -brokers names one: want one of them")
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-case: %w", err)
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	r, err := rig.Start(ctx, o.servers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	facts, err := describe(ctx, r, o)
	if err != nil {
		return err
	}
	chosen := o.choose(r)
	if len(chosen) == 0 {
		return fmt.Errorf("no case matches -case %s", o.only)
	}
	tables, err := o.measure(ctx, chosen, stderr)
	if err != nil {
		return err
	}
	// All or nothing: a run that fails leaves the last results as they are.
	var report bytes.Buffer
	if err := (&measure.Report{Facts: facts, Tables: tables}).Write(&report); err != nil {
		return err
	}
	if o.out == "-" {
		_, err = report.WriteTo(stdout)
		return err
	}
	return os.WriteFile(o.out, report.Bytes(), 0o644) //nolint:gosec // for everybody to read
}

// measure runs the cases, under the profiler if asked to.
func (o *options) measure(ctx context.Context, chosen []measure.Case, stderr io.Writer) (tables []measure.Table, failure error) {
	if o.profile != "" {
		f, err := os.Create(o.profile) //nolint:gosec // a file that the user names
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			failure = errors.Join(failure, f.Close())
		}()
	}
	return measure.Run(ctx, chosen, o.rounds, stderr)
}

// choose returns the cases that are asked for.
func (o *options) choose(r *rig.Rig) []measure.Case {
	sizes := cases.Full()
	if o.quick {
		sizes = cases.Quick()
	}
	var chosen []measure.Case
	for _, c := range cases.All(r, sizes) {
		if o.only.MatchString(c.Name) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}
