package httpport

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// addrSetting is the name under which users know the address.
const addrSetting = "TENON_HTTP_ADDR"

// Config of a [Server]. The zero value works.
type Config struct {
	Addr   string       // host:port; port 0 is any free one; empty: 127.0.0.1:8080
	Logger *slog.Logger // nil: slog.Default()
	Checks []Check      // what /readyz asks; names unique

	Title    string // of the API, in its document; empty: Tenon
	Version  string // of the program, in the API's document; empty: dev
	DocsPath string // page of the API; empty: /docs

	Metrics *prometheus.Registry // served at /metrics; nil: a new one with the Go runtime's metrics

	BodyLimit         int64         // bytes of a request body; 0: 1 MiB
	ReadHeaderTimeout time.Duration // for the headers of a request; 0: 5 s
	ReadTimeout       time.Duration // for the body of a request; 0: 10 s
	RequestTimeout    time.Duration // for handling a request: its context's deadline; 0: 30 s
	ReadWait          time.Duration // for a read model, where a request with a token doesn't say; at most 4/5 of RequestTimeout; 0: 5 s
	WriteTimeout      time.Duration // from the headers to the last byte of the answer; 0: ReadTimeout + RequestTimeout + 5 s
	IdleTimeout       time.Duration // for a connection without requests; 0: 2 min
	StopTimeout       time.Duration // for requests in hand when the server stops; 0: 10 s
	CheckTimeout      time.Duration // for each check; 0: 2 s
}

func (c Config) withDefaults() Config {
	c.Addr = or(c.Addr, "127.0.0.1:8080")
	c.Title = or(c.Title, "Tenon")
	c.Version = or(c.Version, "dev")
	c.DocsPath = or(c.DocsPath, "/docs")
	c.BodyLimit = or(c.BodyLimit, 1<<20)
	c.ReadHeaderTimeout = or(c.ReadHeaderTimeout, 5*time.Second)
	c.ReadTimeout = or(c.ReadTimeout, 10*time.Second)
	c.RequestTimeout = or(c.RequestTimeout, 30*time.Second)
	c.ReadWait = min(or(c.ReadWait, 5*time.Second), c.RequestTimeout*4/5)
	c.WriteTimeout = or(c.WriteTimeout, c.ReadTimeout+c.RequestTimeout+5*time.Second)
	c.IdleTimeout = or(c.IdleTimeout, 2*time.Minute)
	c.StopTimeout = or(c.StopTimeout, 10*time.Second)
	c.CheckTimeout = or(c.CheckTimeout, 2*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
		c.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	return c
}

// or returns v, or other when v is the zero value.
func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// validate returns all that is wrong with c, joined.
func (c Config) validate() error {
	var errs []error
	if _, port, err := net.SplitHostPort(c.Addr); err != nil {
		errs = append(errs, fmt.Errorf("%s must be host:port, not %q", addrSetting, c.Addr))
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, fmt.Errorf("%s must end in a port from 0 to 65535, not %q (%d)", addrSetting, c.Addr, n))
	}
	if !strings.HasPrefix(c.DocsPath, "/") || len(c.DocsPath) < 2 || strings.HasSuffix(c.DocsPath, "/") {
		errs = append(errs, fmt.Errorf("DocsPath must be a path such as /docs, not %q", c.DocsPath))
	}
	if c.BodyLimit < 0 {
		errs = append(errs, fmt.Errorf("BodyLimit must be at least 1 byte, not %d", c.BodyLimit))
	}
	for name, d := range map[string]time.Duration{
		"ReadHeaderTimeout": c.ReadHeaderTimeout, "ReadTimeout": c.ReadTimeout, "RequestTimeout": c.RequestTimeout, "ReadWait": c.ReadWait,
		"WriteTimeout": c.WriteTimeout, "IdleTimeout": c.IdleTimeout, "StopTimeout": c.StopTimeout, "CheckTimeout": c.CheckTimeout,
	} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s must be longer than 0, not %v", name, d))
		}
	}
	seen := make(map[string]bool, len(c.Checks))
	for i, check := range c.Checks {
		switch {
		case check.Name == "" || check.Run == nil:
			errs = append(errs, fmt.Errorf("Checks[%d] must have a name and a function", i))
		case seen[check.Name]:
			errs = append(errs, fmt.Errorf("Checks[%d] must have a name of its own, not %q again", i, check.Name))
		}
		seen[check.Name] = true
	}
	return errors.Join(errs...)
}
