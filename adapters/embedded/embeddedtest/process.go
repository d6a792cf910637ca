package embeddedtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

const (
	brokerEnv   = "TENON_EMBEDDEDTEST_BROKER"
	brokerReady = "broker ready at "
)

// Process is a broker in a process of its own. Its methods may be called from any goroutine.
type Process struct {
	cfg  embedded.KafkaConfig
	addr string

	mu    sync.Mutex
	child *child.Process
}

// BrokerProcess starts a broker in a process of its own, which keeps its records in dir and its port
// over Kill and Start. It ends with the test. The test binary's TestMain must call [Main].
func BrokerProcess(t testing.TB, dir string, opts ...BrokerOption) *Process {
	t.Helper()
	p := &Process{cfg: embedded.KafkaConfig{DataDir: dir, AutoCreate: true}}
	for _, opt := range opts {
		opt(&p.cfg)
	}
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
func (p *Process) Addr() string { return p.addr }

// Kill ends the broker as a crash would (SIGKILL) and waits until it is gone. It does nothing when
// the broker does not run.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

// Stop ends the broker in good order and waits until it is gone. It does nothing when the broker does
// not run.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Process) end(sig syscall.Signal) error {
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

// Start starts the broker again and returns when it accepts connections. It does nothing when the
// broker runs.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child != nil {
		return nil
	}
	spec, err := json.Marshal(brokerSpec{p.cfg.DataDir, p.cfg.Port, p.cfg.Partitions, p.cfg.SyncWrites, p.cfg.AutoCreate})
	if err != nil {
		return fmt.Errorf("start broker process: %w", err)
	}
	output, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start broker process: %w", err)
	}
	defer output.Close()
	defer theirs.Close()
	// Without Main in TestMain the binary would run its tests, this one included.
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), brokerEnv+"="+string(spec))
	cmd.Stdout, cmd.Stderr = theirs, os.Stderr
	process, err := child.Start(cmd, syscall.SIGKILL, nil)
	if err != nil {
		return err
	}
	_ = theirs.Close()
	addr, err := readAddr(output)
	if err != nil {
		_ = process.Signal(syscall.SIGKILL)
		<-process.Done()
		return err
	}
	p.child, p.addr = process, addr
	_, port, _ := net.SplitHostPort(addr)
	p.cfg.Port, err = strconv.Atoi(port)
	return err
}

func readAddr(output *os.File) (string, error) {
	if err := output.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return "", fmt.Errorf("wait for the broker process: %w", err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), brokerReady)
	if !ok {
		return "", errors.Join(fmt.Errorf("broker process did not start, it said %q: its message is above; "+
			"TestMain must call embeddedtest.Main", line), err)
	}
	return addr, nil
}

// brokerSpec is what a broker process is told.
type brokerSpec struct {
	DataDir    string
	Port       int
	Partitions int
	SyncWrites bool
	AutoCreate bool
}

// serveBroker is the broker process. It returns the exit status.
func serveBroker(raw string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var spec brokerSpec
	err := json.Unmarshal([]byte(raw), &spec)
	if err == nil {
		err = runBroker(ctx, spec)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func runBroker(ctx context.Context, spec brokerSpec) error {
	k, err := embedded.StartKafka(ctx, embedded.KafkaConfig{
		DataDir: spec.DataDir, Port: spec.Port, Partitions: spec.Partitions,
		SyncWrites: spec.SyncWrites, AutoCreate: spec.AutoCreate,
	})
	if err != nil {
		return err
	}
	defer k.Stop()
	if _, err := fmt.Println(brokerReady + k.Addr()); err != nil {
		return fmt.Errorf("report readiness: %w", err)
	}
	<-ctx.Done()
	return nil
}
