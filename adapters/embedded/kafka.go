package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tenon-go/tenon/adapters/embedded/internal/freeport"
)

// KafkaConfig says how to run the embedded broker. The zero value is a broker in memory on a free port
// that creates no topics by itself.
type KafkaConfig struct {
	// DataDir receives the records in DataDir/kafka; they are there again at the next start.
	// Empty: everything is kept in memory and gone at Stop.
	DataDir string
	// Port on 127.0.0.1. 0: with a DataDir the one used last if it is free, else any free one.
	Port int
	// Partitions of topics created without a number. Default 6.
	Partitions int
	// SyncWrites flushes every write to the disk. Without it a crash of the process loses nothing, a
	// power cut may; with it writing is about fifteen times slower.
	SyncWrites bool
	// AutoCreate creates a topic when a client that allows it asks for one that is missing.
	AutoCreate bool
	// Logger receives the broker's warnings and errors. Default: none.
	Logger *slog.Logger
}

// Kafka is a running broker. Its methods may be called from any goroutine.
type Kafka struct {
	cluster *kfake.Cluster
	addr    string
	dir     string // empty: in memory
	lock    *DirLock
	log     *slog.Logger
	stop    sync.Once
}

// StartKafka starts a broker in this process and returns when it accepts connections. A port that is
// taken gives *[PortError], a data directory another process has *[LockedError].
func StartKafka(ctx context.Context, cfg KafkaConfig) (*Kafka, error) {
	err := errors.Join(ctx.Err(), cfg.check())
	cfg.setDefaults()
	var k *Kafka
	switch {
	case err != nil:
	case cfg.DataDir == "":
		k, err = startBroker(cfg, 0)
	default:
		k, err = startStoredBroker(ctx, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("start embedded Kafka: %w", err)
	}
	return k, nil
}

func (c *KafkaConfig) check() error {
	err := checkPort("Kafka", c.Port)
	if c.Partitions < 0 {
		err = errors.Join(err, fmt.Errorf("Partitions is %d: 1 or more, or 0 for the default", c.Partitions))
	}
	return err
}

func (c *KafkaConfig) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Partitions == 0 {
		c.Partitions = 6
	}
}

func startStoredBroker(ctx context.Context, cfg KafkaConfig) (*Kafka, error) {
	dir, err := makeDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(dir, "kafka.lock")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "kafka.json")
	last, err := readSettings(path)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	cfg.DataDir = filepath.Join(dir, "kafka")
	if err := prepareData(ctx, dir, cfg); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	k, err := startBroker(cfg, last.Port)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	k.lock, k.dir = lock, dir
	if err := (settings{Port: k.port()}).write(path); err != nil {
		k.Stop()
		return nil, err
	}
	return k, nil
}

// startBroker tries again when another process takes the free port it has found.
func startBroker(cfg KafkaConfig, preferred int) (*Kafka, error) {
	for attempt := 1; ; attempt++ {
		port := cfg.Port
		if port == 0 {
			var err error
			if port, err = freeport.Find(preferred); err != nil {
				return nil, err
			}
		}
		cluster, err := kfake.NewCluster(brokerOptions(cfg, port)...)
		switch {
		case err == nil:
			if cfg.AutoCreate {
				createOnDemand(cluster, cfg.Logger.Warn)
			}
			return &Kafka{cluster: cluster, addr: cluster.ListenAddrs()[0], log: cfg.Logger}, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return nil, err
		case cfg.Port != 0 || attempt == maxPortAttempts:
			return nil, &PortError{Service: "Kafka", Port: port, Cause: freeport.Cause(err)}
		}
	}
}

// aYear in milliseconds.
const aYear = "31536000000"

func brokerOptions(cfg KafkaConfig, port int) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.Ports(port),
		kfake.DefaultNumPartitions(cfg.Partitions),
		kfake.WithLogger(brokerLogger{cfg.Logger}),
	}
	if cfg.DataDir != "" {
		// The broker compacts by removing a partition's files and writing them anew: a kill in between would lose the
		// relay's cursors. Here nothing is compacted or expires.
		opts = append(opts, kfake.DataDir(cfg.DataDir), kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": aYear}))
	}
	if cfg.SyncWrites {
		opts = append(opts, kfake.SyncWrites())
	}
	return opts
}

// Addr returns host:port for clients.
func (k *Kafka) Addr() string { return k.addr }

func (k *Kafka) port() int {
	_, port, _ := net.SplitHostPort(k.addr)
	n, _ := strconv.Atoi(port)
	return n
}

// Stop closes the broker and writes what it holds to the data directory. What could not be written is
// logged. A second call waits for the first and does nothing.
func (k *Kafka) Stop() {
	k.stop.Do(func() {
		k.cluster.Close()
		if k.lock == nil {
			return
		}
		if err := errors.Join(markClean(k.dir), k.lock.Unlock()); err != nil {
			k.log.Error("stop embedded Kafka", "error", err)
		}
	})
}
