//go:build linux

package kafkatest

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// connectChildEnv makes TestConnectInAnotherBinary start a worker for these brokers.
const connectChildEnv = "TENON_TEST_CONNECT_BROKERS"

// small is a distributed worker without connectors.
func small(brokers string) ConnectOptions {
	return ConnectOptions{Brokers: brokers, Worker: map[string]string{
		"group.id": "connect", "config.storage.topic": "connect-configs", "offset.storage.topic": "connect-offsets", "status.storage.topic": "connect-status",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}}
}

func TestConnectInAnotherBinary(t *testing.T) {
	brokers := os.Getenv(connectChildEnv)
	if brokers == "" {
		t.Skip("it is a part of TestConnectEndsWithATestBinaryThatIsKilled")
	}
	c := StartConnect(t, small(brokers))
	fmt.Printf("listens %d\n", c.port)
	select {} // until it is killed
}

func TestConnectEndsWithATestBinaryThatIsKilled(t *testing.T) {
	NeedDebezium(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestConnectInAnotherBinary$") //nolint:gosec // this binary
	cmd.Env = append(os.Environ(), connectChildEnv+"="+Lend(t).Addr())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	port := ""
	for lines := bufio.NewScanner(out); port == "" && lines.Scan(); {
		if after, ok := strings.CutPrefix(lines.Text(), "listens "); ok {
			port = after
		}
	}
	ask := func() error {
		resp, err := http.Get("http://127.0.0.1:" + port)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if err := ask(); err != nil {
		t.Errorf("the worker doesn't listen: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(30 * time.Second)
	for ask() == nil {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatal(errors.New("the worker outlives the binary that started it"))
		}
	}
}
