package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/tenon-go/tenon/adapters/embedded"
)

const (
	brokerEnv   = "TENON_BENCH_BROKER"
	brokerReady = "broker ready at "
)

// broker is a broker process: this program once more.
type broker struct {
	cmd  *exec.Cmd
	life io.Closer // its standard input, whose end is its end: it can't outlive this process
	addr string
}

// ServeBroker makes this process a broker if it was started as one, and then doesn't return. Call it first in main and in
// TestMain.
func ServeBroker() {
	if os.Getenv(brokerEnv) == "" {
		return
	}
	if err := serveBroker(); err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveBroker() error {
	k, err := embedded.StartKafka(context.Background(), embedded.KafkaConfig{})
	if err != nil {
		return err
	}
	defer k.Stop()
	if _, err := fmt.Fprintln(os.Stdout, brokerReady+k.Addr()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func startBroker(ctx context.Context) (*broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Not bound to ctx: it is stopped in its turn.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self) //nolint:gosec // this program
	cmd.Env = append(os.Environ(), brokerEnv+"=1")
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &broker{cmd: cmd, life: input}
	line, err := bufio.NewReader(output).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), brokerReady)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the broker process said %q instead of its address", line), err, b.stop())
	}
	b.addr = addr
	return b, nil
}

func (b *broker) stop() error { return errors.Join(b.life.Close(), b.cmd.Wait()) }
