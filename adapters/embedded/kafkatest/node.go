package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

// node is one broker, which is a controller too.
type node struct {
	in      *install
	id      int32
	dir     string // holds data, configuration and log
	port    int    // for clients
	control int    // for controllers
	secure  int    // for users, see Secure
	lasting bool   // see Options
	flags   []string
	process *child.Process // nil: not running
}

func (n *node) addr() string { return fmt.Sprintf("127.0.0.1:%d", n.port) }

func (n *node) log() string { return filepath.Join(n.dir, "server.log") }

// start starts the process and doesn't wait until it serves.
func (n *node) start() error {
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	flags := n.flags
	if flags == nil {
		flags = []string{"-XX:SharedArchiveFile=" + n.in.archive}
	}
	args := append(frugal(), flags...)
	if n.lasting {
		args = lasting() // the archive is of another collector
	}
	args = append(args, "-cp", n.in.classPath, "kafka.Kafka", filepath.Join(n.dir, "server.properties"))
	cmd := exec.Command(n.in.java, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.dir, log, log
	n.process, err = child.Start(cmd, syscall.SIGKILL, nil)
	return err
}

// frugal are flags of the virtual machine for a server that lives for seconds beside others.
func frugal() []string {
	return []string{
		"-Xms64m", "-Xmx320m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", logTime, logTimeFormat, logConfig,
	}
}

// lasting are the flags of kafka-server-start.sh and kafka-run-class.sh of Apache Kafka 4.
func lasting() []string {
	return []string{
		"-Xms1g", "-Xmx1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
		"-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true", logTime, logTimeFormat, logConfig,
	}
}

// What the servers log.
const (
	logTime       = "-Dorg.slf4j.simpleLogger.showDateTime=true"
	logTimeFormat = "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"
	logConfig     = "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn"
)

// end ends the process with the signal and waits until it is gone. One that ignores it for long is killed.
func (n *node) end(sig syscall.Signal) error {
	if n.process == nil {
		return nil
	}
	if err := endProcess(n.process, sig); err != nil {
		return err
	}
	n.process = nil
	return nil
}

func endProcess(p *child.Process, sig syscall.Signal) error {
	if err := p.Signal(sig); err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-time.After(stopTimeout):
		if err := p.Signal(syscall.SIGKILL); err != nil {
			return err
		}
		<-p.Done()
	}
	return nil
}

// ready waits until the broker serves and knows a controller and all the brokers want.
func (n *node) ready(ctx context.Context, want []int32) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.addr()), kgo.DisableClientMetrics(), kgo.DialTimeout(time.Second))
	if err != nil {
		return err
	}
	defer cl.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := asks(ctx, cl.SeedBrokers()[0], want)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-n.process.Done():
			return fmt.Errorf("broker %d ended (%w):\n%s", n.id, errors.Join(n.process.Err()), tail(n.log()))
		case <-ctx.Done():
			return fmt.Errorf("broker %d: %w, last: %w:\n%s", n.id, ctx.Err(), err, tail(n.log()))
		}
	}
}

// asks puts one broker the question about the others.
func asks(ctx context.Context, broker *kgo.Broker, want []int32) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	answer, err := broker.Request(ctx, req)
	if err != nil {
		return err
	}
	meta := answer.(*kmsg.MetadataResponse)
	known := make(map[int32]bool)
	for i := range meta.Brokers {
		known[meta.Brokers[i].NodeID] = true
	}
	for _, id := range want {
		if !known[id] {
			return fmt.Errorf("it doesn't know broker %d", id)
		}
	}
	if meta.ControllerID < 0 {
		return errors.New("it knows no controller")
	}
	return nil
}

// tail returns the end of a log.
func tail(file string) string {
	const lines = 60
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
