package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/tenon-go/tenon/adapters/embedded/internal/freeport"
	"github.com/tenon-go/tenon/adapters/embedded/internal/rundir"
)

// Cluster is one broker or three, counted from 0. Its methods may be called from any goroutine.
type Cluster struct {
	mu    sync.Mutex
	nodes []*node
	dir   *rundir.Dir
}

// startCluster starts a cluster; another process may have taken one of the ports meanwhile, so it tries again.
func startCluster(ctx context.Context, in *install, opts Options) (*Cluster, error) {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		c, err := newCluster(ctx, in, opts)
		if err != nil {
			return nil, err
		}
		err = c.launch(ctx, c.nodes...)
		if err == nil && opts.Secure != nil {
			err = opts.Secure.introduce(ctx, c.Brokers())
		}
		if err == nil {
			return c, nil
		}
		err = errors.Join(err, c.end())
		if attempt == attempts || !strings.Contains(err.Error(), "Address already in use") {
			return nil, err
		}
	}
}

// newCluster makes the brokers' directories from the formatted ones in the cache.
func newCluster(ctx context.Context, in *install, opts Options) (*Cluster, error) {
	n := max(opts.Brokers, 1)
	if n != 1 && n != formatted {
		return nil, fmt.Errorf("Brokers is %d, want 1 or %d", opts.Brokers, formatted)
	}
	dir, err := rundir.New(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir}
	for i := range n {
		next := &node{in: in, id: int32(i + 1), lasting: opts.Lasting, dir: filepath.Join(dir.Path(), fmt.Sprint("broker-", i))}
		next.port, err = freeport.Find(0)
		if err == nil {
			next.control, err = freeport.Find(0)
		}
		if err == nil {
			next.secure, err = freeport.Find(0)
		}
		if err != nil {
			return nil, errors.Join(err, dir.Remove())
		}
		c.nodes = append(c.nodes, next)
	}
	for _, n := range c.nodes {
		err = errors.Join(err, n.prepare(c.nodes, opts))
	}
	if err != nil {
		return nil, errors.Join(err, dir.Remove())
	}
	return c, nil
}

// launch starts brokers and waits until each of them serves and knows all that run.
func (c *Cluster) launch(ctx context.Context, nodes ...*node) error {
	for _, n := range nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	var running []int32
	for _, n := range c.nodes {
		if n.process != nil {
			running = append(running, n.id)
		}
	}
	for _, n := range nodes {
		if err := n.ready(ctx, running); err != nil {
			return err
		}
	}
	return nil
}

// Brokers returns the address of each broker, host:port. They stay the same over restarts.
func (c *Cluster) Brokers() []string {
	all := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		all[i] = n.addr()
	}
	return all
}

// Addr returns the addresses separated by commas, as TENON_KAFKA_BROKERS has them.
func (c *Cluster) Addr() string { return strings.Join(c.Brokers(), ",") }

// Kill ends brokers as crashes would (SIGKILL). One that doesn't run stays so.
func (c *Cluster) Kill(brokers ...int) error { return c.endEach(syscall.SIGKILL, brokers) }

// Stop ends brokers in good order: each hands over what it leads first.
func (c *Cluster) Stop(brokers ...int) error { return c.endEach(syscall.SIGTERM, brokers) }

func (c *Cluster) endEach(sig syscall.Signal, brokers []int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, i := range brokers {
		errs = append(errs, c.nodes[i].end(sig))
	}
	return errors.Join(errs...)
}

// Restart starts brokers again on their data and returns when they serve. It does nothing for one that runs. While fewer
// than two of three run none of them serves: start two at once then.
func (c *Cluster) Restart(brokers ...int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var ended []*node
	for _, i := range brokers {
		if n := c.nodes[i]; n.process == nil {
			ended = append(ended, n)
		}
	}
	if err := c.launch(ctx, ended...); err != nil {
		return fmt.Errorf("restart brokers %v: %w", brokers, err)
	}
	return nil
}

// Pause stops a broker without ending it (SIGSTOP): its connections stay open and nobody answers.
func (c *Cluster) Pause(broker int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[broker]
	if n.process == nil {
		return fmt.Errorf("pause broker %d: it doesn't run", broker)
	}
	return n.process.Pause()
}

// Resume lets a paused broker go on. It returns at once: the broker has to find its way back first.
func (c *Cluster) Resume(broker int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.nodes[broker]; n.process != nil {
		return n.process.Resume()
	}
	return nil
}

// end kills all brokers and removes their files.
func (c *Cluster) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.end(syscall.SIGKILL))
	}
	return errors.Join(append(errs, c.dir.Remove())...)
}

// story returns the ends of the brokers' logs, and keeps the whole logs where it says.
func (c *Cluster) story() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, err := os.MkdirTemp("", "tenon-kafka-logs-")
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Kafka's whole logs are kept in %s; their ends:", kept)
	for i, n := range c.nodes {
		log, err := os.ReadFile(n.log())
		if err == nil {
			err = os.WriteFile(filepath.Join(kept, fmt.Sprintf("broker-%d.log", i)), log, 0o644)
		}
		if err != nil {
			fmt.Fprintf(&text, "\n%v", err)
		}
		fmt.Fprintf(&text, "\n--- broker %d\n%s", i, tail(n.log()))
	}
	return text.String()
}
