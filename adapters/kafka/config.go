// Package kafka reaches Kafka: [Lanes] publishes exactly once, [Publisher] as a Watermill publisher, [Source] reads topics for
// projections as a member of a consumer group, [Subscriber] for Watermill's handlers, [Admin] creates topics and
// answers whether the brokers are there.
//
// None of them needs a broker to be made: they connect when they are used, and wait or report eventlog.ErrUnavailable while no
// broker answers. Reading is done with franz-go, sending for Watermill with Sarama; both put a key on the partition where
// Java's default partitioner puts it.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const dialTimeout = 3 * time.Second

// Config says how to reach the brokers.
type Config struct {
	Brokers  []string      // host:port of one broker or more; required
	ClientID string        // names this program in the brokers' logs; empty: "tenon"
	Linger   time.Duration // how long a publisher gathers records for one request; 0: 5 ms, negative: not at all
	Security Security      // TLS and the user; empty: neither
	// Compression of what is published; empty: Snappy.
	Compression Compression
	Logger      *slog.Logger     // nil: none
	Now         func() time.Time // nil: time.Now

	// Dial makes the connections, over which TLS is spoken if Security says so; nil: TCP with a deadline of 3 s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// checked returns c with its defaults, or all that is wrong with it, joined.
func (c Config) checked() (Config, error) {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("kafka: Brokers is empty, want at least one host:port"))
	}
	for i, broker := range c.Brokers {
		if err := checkAddress(broker); err != nil {
			errs = append(errs, fmt.Errorf("kafka: Brokers[%d] is %q, want host:port: %w", i, broker, err))
		}
	}
	if c.ClientID == "" {
		c.ClientID = "tenon"
	}
	if c.Linger == 0 {
		c.Linger = 5 * time.Millisecond
	}
	if c.Compression == "" {
		c.Compression = Snappy
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if err := c.Compression.check(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Security.check(); err != nil {
		errs = append(errs, err)
	}
	return c, errors.Join(errs...)
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if host == "" {
		return errors.New("host is empty")
	}
	return nil
}

// client returns a franz-go client, which connects when it is first used.
func (c Config) client(opts ...kgo.Opt) (*kgo.Client, error) {
	common := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.Dialer(c.Security.dial(c.Dial)),
		kgo.RetryBackoffFn(retryBackoff),
		kgo.MetadataMinAge(100 * time.Millisecond),
	}
	cl, err := kgo.NewClient(slices.Concat(common, c.Security.franz(), opts)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return cl, nil
}
