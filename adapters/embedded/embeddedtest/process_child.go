package embeddedtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

const (
	brokerEnv   = "TENON_EMBEDDEDTEST_BROKER"
	brokerReady = "broker ready at "
)

// startBrokerChild runs this binary as a broker and returns when it has told its address.
func startBrokerChild(cfg embedded.KafkaConfig) (*child.Process, string, error) {
	cfg.Logger = nil
	spec, err := json.Marshal(cfg)
	if err != nil {
		return nil, "", err
	}
	output, theirs, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer output.Close()
	// Without Main in TestMain the binary would run its tests, the one that starts it included.
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), brokerEnv+"="+string(spec))
	cmd.Stdout, cmd.Stderr = theirs, os.Stderr
	process, err := child.Start(cmd, syscall.SIGKILL, nil)
	if err := errors.Join(err, theirs.Close()); err != nil {
		return nil, "", err
	}
	addr, err := readAddr(output)
	if err != nil {
		_ = process.Signal(syscall.SIGKILL)
		<-process.Done()
		return nil, "", err
	}
	return process, addr, nil
}

func readAddr(output *os.File) (string, error) {
	if err := output.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), brokerReady)
	if !ok {
		return "", errors.Join(fmt.Errorf("it said %q instead of its address; its message is above, "+
			"and TestMain must call embeddedtest.Main", line), err)
	}
	return addr, nil
}

// serveBroker is the broker process. It returns the exit status.
func serveBroker(spec string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := runBroker(ctx, spec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func runBroker(ctx context.Context, spec string) error {
	var cfg embedded.KafkaConfig
	if err := json.Unmarshal([]byte(spec), &cfg); err != nil {
		return fmt.Errorf("read the broker's configuration: %w", err)
	}
	k, err := embedded.StartKafka(ctx, cfg)
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
