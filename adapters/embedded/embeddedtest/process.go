package embeddedtest

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
	"github.com/tenon-go/tenon/adapters/embedded/internal/freeport"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
)

// Process is a broker in a process of its own. Its methods may be called from any goroutine.
type Process struct {
	mu    sync.Mutex
	cfg   embedded.KafkaConfig
	addr  string
	child *child.Process     // nil: not running
	real  *kafkatest.Cluster // nil: this binary is the broker; else the fields above are unused
}

// BrokerProcess starts a broker in a process of its own, which keeps its records in dir and its port
// over Kill and Start. It ends with the test. The test binary's TestMain must call [Main]. With
// TENON_TEST_KAFKA=real it is an Apache Kafka, which keeps them elsewhere.
func BrokerProcess(t testing.TB, dir string, opts ...BrokerOption) *Process {
	t.Helper()
	p := &Process{cfg: embedded.KafkaConfig{DataDir: dir, AutoCreate: true}}
	for _, opt := range opts {
		opt(&p.cfg)
	}
	if kafkatest.Chosen() {
		return &Process{real: realBroker(t, p.cfg)}
	}
	port, err := freeport.Find(0) // by this process, which finds it for nobody else while the broker is down
	if err != nil {
		t.Fatal(err)
	}
	p.cfg.Port = port
	if err := p.Start(); err != nil {
		t.Fatalf("start a broker process for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Errorf("end the test's broker process: %v", err)
		}
	})
	return p
}

// Addr returns host:port, the same for all runs.
func (p *Process) Addr() string {
	if p.real != nil {
		return p.real.Addr()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr
}

// Start starts the broker again and returns when it accepts connections. It does nothing when the
// broker runs.
func (p *Process) Start() error {
	if p.real != nil {
		return p.real.Restart(0)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != nil {
		return nil
	}
	process, addr, err := startBrokerChild(p.cfg)
	if err != nil {
		return fmt.Errorf("start broker process: %w", err)
	}
	p.child, p.addr = process, addr
	return nil
}

// Kill ends the broker as a crash would (SIGKILL) and waits until it is gone. It does nothing when
// the broker does not run.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

// Stop ends the broker in good order and waits until it is gone. It does nothing when the broker does
// not run.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Process) end(sig syscall.Signal) error {
	if p.real != nil && sig == syscall.SIGKILL {
		return p.real.Kill(0)
	}
	if p.real != nil {
		return p.real.Stop(0)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child == nil {
		return nil
	}
	if err := p.child.Signal(sig); err != nil {
		return err
	}
	select {
	case <-p.child.Done():
		p.child = nil
		return nil
	case <-time.After(startTimeout):
		return fmt.Errorf("broker process %d did not end after %s", p.child.PID(), sig)
	}
}
