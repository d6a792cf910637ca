package embedded

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

const pollInterval = 5 * time.Millisecond

// stopPatience is how long each step of a stop may take before a harder one follows. Data is safe
// after every one of them.
const stopPatience = 20 * time.Second

// server is one run of the server process.
type server struct {
	process *child.Process
	asked   atomic.Bool   // to stop
	ended   chan struct{} // closed when it ended unasked
	watched chan struct{} // closed when watch has returned
}

func startServer(cmd *exec.Cmd, as *child.User) (*server, error) {
	process, err := child.Start(cmd, syscall.SIGINT, as)
	if err != nil {
		return nil, err
	}
	s := &server{process: process, ended: make(chan struct{}), watched: make(chan struct{})}
	go s.watch()
	return s, nil
}

func (s *server) watch() {
	defer close(s.watched)
	<-s.process.Done()
	if !s.asked.Load() {
		close(s.ended)
	}
}

// waitReady reads the state that the server writes: pinging would fill its log with errors.
func (s *server) waitReady(ctx context.Context, data string) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if f, err := readPIDFile(data); err == nil && f.pid == s.process.PID() && f.ready {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.process.Done():
			if err := s.process.Err(); err != nil {
				return fmt.Errorf("server ended while starting: %w", err)
			}
			return errors.New("server was stopped while starting")
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", ctx.Err())
		}
	}
}

// stop asks for a fast shutdown (connections are closed, a checkpoint is written), then for an
// immediate one, then kills.
func (s *server) stop() error {
	s.asked.Store(true)
	defer func() { <-s.watched }()
	var forced error
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := s.process.Signal(sig); err != nil {
			return err
		}
		select {
		case <-s.process.Done():
			return forced
		case <-time.After(stopPatience):
			forced = fmt.Errorf("server did not end within %s of %s: forced", stopPatience, sig)
		}
	}
	return forced
}

// kill ends the postmaster and then its children, which would otherwise finish what they are doing.
func (s *server) kill(data string) error {
	err := s.process.Signal(syscall.SIGKILL)
	if err != nil {
		return err
	}
	<-s.watched
	return waitGone(context.Background(), data, syscall.SIGKILL)
}
