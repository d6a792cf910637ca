package kafkatest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	formatted = 3                        // brokers that are in the cache, formatted
	clusterID = "dGVub24ta2Fma2F0ZXN0MQ" // 16 bytes in base64
)

// format formats the directories of the brokers below to. Ports aren't part of them, so that one formatting does for all clusters.
func (in *install) format(ctx context.Context, to string) error {
	for id := range int32(formatted) {
		n := &node{in: in, id: id + 1, dir: filepath.Join(to, strconv.Itoa(int(id)+1))}
		if err := os.MkdirAll(n.dir, 0o755); err != nil {
			return err
		}
		if err := n.write([]*node{n}, nil); err != nil {
			return err
		}
		args := append(frugal(), "-cp", in.classPath, "kafka.tools.StorageTool", "format", "--cluster-id", clusterID,
			"--config", n.config())
		if err := in.run(ctx, "format", in.java, args...); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the broker's directory.
func (n *node) prepare(all []*node, opts Options) error {
	if err := os.CopyFS(n.dir, os.DirFS(n.in.path("nodes", strconv.Itoa(int(n.id))))); err != nil {
		return err
	}
	more := maps.Clone(opts.Properties)
	if opts.Secure != nil {
		base := n.properties(all)
		maps.Copy(base, more)
		if err := opts.Secure.properties(n, base); err != nil {
			return err
		}
		more = base
	}
	return n.write(all, more)
}

func (n *node) config() string { return filepath.Join(n.dir, "server.properties") }

// write writes the server's properties.
func (n *node) write(all []*node, more map[string]string) error {
	properties := n.properties(all)
	maps.Copy(properties, more)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", name, properties[name])
	}
	return os.WriteFile(n.config(), []byte(text.String()), 0o644)
}

func (n *node) properties(all []*node) map[string]string {
	var voters []string
	for _, v := range all {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", v.id, v.control))
	}
	replicas, insync := strconv.Itoa(len(all)), strconv.Itoa(len(all)/2+1)
	return map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        strconv.Itoa(int(n.id)),
		"controller.quorum.voters":       strings.Join(voters, ","),
		"listeners":                      fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", n.port, n.control),
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name":     "PLAINTEXT",
		"controller.listener.names":      "CONTROLLER",
		"log.dirs":                       filepath.Join(n.dir, "data"),

		"default.replication.factor":                       replicas,
		"min.insync.replicas":                              insync,
		"offsets.topic.replication.factor":                 replicas,
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    insync,
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            insync,
		"offsets.topic.num.partitions":                     "4",
		"transaction.state.log.num.partitions":             "4",
		"share.coordinator.state.topic.num.partitions":     "4",

		// As the in-process broker has it.
		"num.partitions":            "6",
		"auto.create.topics.enable": "true",

		// A member that comes need not wait for others, and a broker that was killed is noticed soon: until it is, its
		// partitions have no leader, and it can't come back itself. The defaults are 3 s and 9 s.
		"group.initial.rebalance.delay.ms": "0",
		"broker.session.timeout.ms":        "3000",
		"broker.heartbeat.interval.ms":     "300",

		// A small machine runs several.
		"log.cleaner.dedupe.buffer.size":    "8388608",
		"num.network.threads":               "2",
		"num.io.threads":                    "4",
		"background.threads":                "2",
		"num.recovery.threads.per.data.dir": "1",
	}
}
