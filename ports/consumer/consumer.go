// Package consumer is how messages reach a program's own handlers: a Watermill router with a stack that loses nothing, doubles
// nothing and never blocks a partition for ever. [New] makes the [Router], a [Handler] says what is handled, [On] adds
// handlers of single event types.
//
// A message passes, from the outside: dead letter, retry in place, the transaction of its effects, trace and correlation,
// timeout, recovery from panics, then the handler. A handler writes through the transaction that it is given; the message's
// id commits with it, so that a message that comes again has no further effect. One that fails for good is copied to its
// dead-letter topic and passed; outages of the database or the broker are waited out, and no message is blamed for them.
//
// Handlers call no other service: what they send leaves through the log, see application.Joined. Read models aren't here: see
// application/projection, which handles batches.
package consumer

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tenon-go/tenon/application/codec"
)

// Config is what all handlers of a router share. The zero value works.
type Config struct {
	// Codec decodes events for [On] whose type this program has registered; others are read as JSON. Nil: JSON for all.
	Codec codec.Codec
	// Timeout is how long one attempt may take, then its context ends and it counts as failed. Default 10 s. A handler that
	// doesn't end with its context holds its partition; Health says so.
	Timeout time.Duration
	// Retries is how often a message is tried again before it is a dead letter; outages don't count. Default 5, below 0: never.
	Retries int
	// MinBackoff and MaxBackoff bound the pause before a retry, which doubles. Default 50 ms and 3 s.
	MinBackoff, MaxBackoff time.Duration
	// CloseTimeout is how long a Run that was told to stop waits for what is in hand. Default 25 s.
	CloseTimeout time.Duration
	// Logger gets a line for each dead letter and for each first failure of a message, and one when a handler begins to wait for
	// an outage. Default: none.
	Logger *slog.Logger
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Retries == 0 {
		c.Retries = 5
	}
	c.Retries = max(c.Retries, 0)
	for field, value := range map[*time.Duration]time.Duration{
		&c.Timeout: 10 * time.Second, &c.MinBackoff: 50 * time.Millisecond, &c.MaxBackoff: 3 * time.Second, &c.CloseTimeout: 25 * time.Second,
	} {
		if *field == 0 {
			*field = value
		}
	}
}

func (c *Config) check() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Timeout", c.Timeout}, {"MinBackoff", c.MinBackoff}, {"MaxBackoff", c.MaxBackoff}, {"CloseTimeout", c.CloseTimeout},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("%s is %v: want a positive duration, or 0 for the default", d.name, d.value))
		}
	}
	if c.MinBackoff > c.MaxBackoff {
		errs = append(errs, fmt.Errorf("MinBackoff is %v and MaxBackoff %v: want the first to be no longer", c.MinBackoff, c.MaxBackoff))
	}
	return errors.Join(errs...)
}
