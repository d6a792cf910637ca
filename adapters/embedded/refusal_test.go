package embedded_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
)

func TestLockIsExclusive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := embedded.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = embedded.Lock(dir)
	locked, ok := errors.AsType[*embedded.LockedError](err)
	if !ok || locked.PID != os.Getpid() {
		t.Fatalf("second lock: %v, want *LockedError with this process's id", err)
	}
	for _, part := range []string{dir, strconv.Itoa(os.Getpid()), "another tenon", "TENON_DATA_DIR"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("message %q does not contain %q", err, part)
		}
	}
	for range 2 {
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
	again, err := embedded.Lock(dir)
	if err != nil {
		t.Fatalf("lock after unlock: %v", err)
	}
	if err := again.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestLockOfKilledProcessIsFree(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	holder, _ := startHolder(t, os.Args[0], dir, nil)
	_, err := embedded.Lock(dir)
	if locked, ok := errors.AsType[*embedded.LockedError](err); !ok || locked.PID != holder.PID() {
		t.Errorf("lock while process %d has it: %v, want *LockedError with its id", holder.PID(), err)
	}
	kill(t, holder)
	lock, err := embedded.Lock(dir)
	if err != nil {
		t.Fatalf("lock after its holder was killed: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestSecondServerOnADirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{DataDir: dir})
	if _, ok := errors.AsType[*embedded.LockedError](err); !ok {
		t.Errorf("second start: %v, want *LockedError", err)
	}
	addRow(t, p.URL())
}

func TestPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	port := occupiedPort(t)
	dir := dataDir(t)
	_, pgErr := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{DataDir: dir, Port: port, Volatile: true})
	_, kafkaErr := embedded.StartKafka(t.Context(), embedded.KafkaConfig{Port: port})
	for service, err := range map[string]error{"PostgreSQL": pgErr, "Kafka": kafkaErr} {
		inUse, ok := errors.AsType[*embedded.PortError](err)
		if !ok || inUse.Port != port || inUse.Service != service {
			t.Errorf("%s on a port in use: %v, want *PortError naming both", service, err)
			continue
		}
		if !strings.Contains(err.Error(), strconv.Itoa(port)) || !strings.Contains(err.Error(), "in use") {
			t.Errorf("message %q does not say that port %d is in use", err, port)
		}
	}
	start(t, embedded.PostgresConfig{DataDir: dir})
}

func TestLastPortIsGivenUpWhenTaken(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	first := p.URL()
	stop(t, p)
	address := first[strings.Index(first, "@")+1 : strings.LastIndex(first, "/")]
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p = start(t, embedded.PostgresConfig{DataDir: dir})
	if p.URL() == first {
		t.Error("URL has not changed though its port was taken")
	}
	addRow(t, p.URL())
}

func TestUnusableDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(file, "data")
	_, pgErr := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{DataDir: dir})
	_, kafkaErr := embedded.StartKafka(t.Context(), embedded.KafkaConfig{DataDir: dir})
	_, lockErr := embedded.Lock(dir)
	for what, err := range map[string]error{"PostgreSQL": pgErr, "Kafka": kafkaErr, "lock": lockErr} {
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "data directory") {
			t.Errorf("%s in a file: %v, want an error that names the data directory", what, err)
		}
	}
}

func TestWrongConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]embedded.PostgresConfig{
		"DataDir is empty":                 {},
		"port -1 for":                      {DataDir: "x", Port: -1},
		"port 65536 for":                   {DataDir: "x", Port: 65536},
		`parameter port="1" cannot be set`: {DataDir: "x", Parameters: map[string]string{"port": "1"}},
	} {
		if _, err := embedded.StartPostgres(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("start with %+v: %v, want %q", cfg, err, want)
		}
	}
}

func occupiedPort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("address %v is not TCP", l.Addr())
	}
	return addr.Port
}
