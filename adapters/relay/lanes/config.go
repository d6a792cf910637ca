package lanes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Config says what is relayed where. Log, Boundary, Target, Members, Layouts and Board are required.
type Config struct {
	Log      relaying.Log
	Boundary relaying.Boundary
	Target   relaying.Target
	Members  relaying.Members
	Layouts  relaying.Layouts
	Board    relaying.Board

	// Wake is raised when something was committed. Default: one that only Poll raises.
	Wake *eventlog.Signal
	// Poll tells cheaply whether anything was committed since an earlier answer; it is asked every PollInterval. Default:
	// none, and Wake alone counts.
	Poll func(ctx context.Context, since string) (now string, changed bool, err error)

	// Node names this relay among others, in tables and log lines. Default: host name and a random part.
	Node string
	// Lanes is how many a new log is divided into. Default 1.
	Lanes int
	// Lease is how long a node that died keeps its lanes. Default 10 s.
	Lease time.Duration
	// BatchRecords and BatchBytes bound a batch. Default 5,000 and 4 MiB.
	BatchRecords, BatchBytes int
	// PollInterval is how often Poll is asked. Default 1 s.
	PollInterval time.Duration
	// RetryMax bounds the pause between two attempts, which doubles from 50 ms. Default 3 s.
	RetryMax time.Duration
	// ProgressEvery is how often a lane without records stores that it has passed those of others. Default 10 s.
	ProgressEvery time.Duration
	// StopTimeout bounds what is in hand when Run is told to stop. Default 15 s.
	StopTimeout time.Duration
	// Logger receives one line when a lane stops to work and one when it works again. Default: none.
	Logger *slog.Logger
	// Observe is told about each committed batch. Default: nobody.
	Observe func(lane, records int, took time.Duration)
}

func (c *Config) setDefaults() {
	if c.Wake == nil {
		c.Wake = new(eventlog.Signal)
	}
	if c.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "node"
		}
		c.Node = host + "-" + uuid.NewString()[:8]
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(int, int, time.Duration) {}
	}
	for _, d := range c.durations() {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, n := range c.numbers() {
		if *n.field == 0 {
			*n.field = n.value
		}
	}
}

type durationField struct {
	name  string
	field *time.Duration
	value time.Duration
}

func (c *Config) durations() []durationField {
	return []durationField{
		{"Lease", &c.Lease, 10 * time.Second},
		{"PollInterval", &c.PollInterval, time.Second},
		{"RetryMax", &c.RetryMax, 3 * time.Second},
		{"ProgressEvery", &c.ProgressEvery, 10 * time.Second},
		{"StopTimeout", &c.StopTimeout, 15 * time.Second},
	}
}

type numberField struct {
	name  string
	field *int
	value int
}

func (c *Config) numbers() []numberField {
	return []numberField{{"Lanes", &c.Lanes, 1}, {"BatchRecords", &c.BatchRecords, 5000}, {"BatchBytes", &c.BatchBytes, 4 << 20}}
}

func (c *Config) check() error {
	var errs []error
	for name, missing := range map[string]bool{
		"Log": c.Log == nil, "Boundary": c.Boundary == nil, "Target": c.Target == nil,
		"Members": c.Members == nil, "Layouts": c.Layouts == nil, "Board": c.Board == nil,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("%s is nil: it is required", name))
		}
	}
	for _, d := range c.durations() {
		if *d.field < 0 {
			errs = append(errs, fmt.Errorf("%s is %s: must be positive, or 0 for the default", d.name, *d.field))
		}
	}
	for _, n := range c.numbers() {
		if *n.field < 0 {
			errs = append(errs, fmt.Errorf("%s is %d: must be positive, or 0 for the default", n.name, *n.field))
		}
	}
	if c.Lanes > relaying.MaxLanes {
		errs = append(errs, fmt.Errorf("Lanes is %d: at most %d", c.Lanes, relaying.MaxLanes))
	}
	return errors.Join(errs...)
}
