package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/applicationtest"
)

// program is a tenon process.
type program struct {
	t    testing.TB
	cmd  *exec.Cmd
	out  *output
	env  map[string]string // where it listens: API, PostgreSQL, Kafka
	dir  string
	done chan struct{}
}

// output collects what a process prints. Safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// command returns a tenon command line over a data directory, not started.
func command(t testing.TB, dir string, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(unconfigured(), asProgram+"=1", "TENON_HTTP_ADDR=127.0.0.1:0", "TENON_DATA_DIR="+dir)
	cmd.Env = append(cmd.Env, environ...)
	return cmd
}

// unconfigured is the environment without settings, which may be the tests' own.
func unconfigured() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "TENON_") })
}

// dataDir returns a directory that every user may enter, as PostgreSQL's own needs.
func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tenon-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755) //nolint:gosec // see above
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

// ownKafka is the setting of an Apache Kafka where one is chosen, the same for all programs over the data directory. Else the
// program starts a broker itself.
func ownKafka(t testing.TB, dir string, environ []string) []string {
	t.Helper()
	given := func(pair string) bool { return strings.HasPrefix(pair, "TENON_KAFKA_BROKERS=") }
	if !kafkatest.Chosen() || slices.ContainsFunc(environ, given) {
		return nil
	}
	path := filepath.Join(filepath.Dir(dir), "kafka")
	addr, err := os.ReadFile(path) //nolint:gosec // the test's own file
	if err != nil {
		addr = []byte(embeddedtest.Broker(t))
		if err := os.WriteFile(path, addr, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"TENON_KAFKA_BROKERS=" + string(addr)}
}

// launch starts `tenon serve` and returns at once.
func launch(t testing.TB, dir string, environ ...string) *program {
	t.Helper()
	environ = append(ownKafka(t, dir, environ), environ...)
	p := &program{t: t, cmd: command(t, dir, environ, "serve"), out: new(output), dir: dir, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("program %d:\n%s", p.cmd.Process.Pid, p.out)
		}
	})
	return p
}

// serve starts `tenon serve` and waits until it is ready.
func serve(t testing.TB, dir string, environ ...string) *program {
	t.Helper()
	p := launch(t, dir, environ...)
	p.waitReady()
	return p
}

// waitReady waits until the program has said where it listens and answers that it is ready.
func (p *program) waitReady() {
	p.t.Helper()
	applicationtest.Eventually(p.t, func() error {
		if p.ended() {
			p.t.Fatalf("the program ended:\n%s", p.out)
		}
		if !strings.Contains(p.out.String(), "Ctrl-C stops.") {
			return errors.New("it hasn't started")
		}
		return nil
	})
	p.readEndpoints()
	applicationtest.Eventually(p.t, func() error {
		status, body, err := p.get("/readyz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz: %d %s", status, body)
		}
		return err
	})
}

// readEndpoints finds the addresses in what was printed.
func (p *program) readEndpoints() {
	p.env = make(map[string]string)
	for line := range strings.SplitSeq(p.out.String(), "\n") {
		f := strings.Fields(line)
		if len(f) > 1 && (f[0] == "API" || f[0] == "Health" || f[0] == "PostgreSQL" || f[0] == "Kafka") {
			p.env[f[0]] = f[1]
		}
	}
	if base, ok := strings.CutSuffix(p.env["Health"], "/readyz"); ok {
		p.env["API"] = base
	}
}

func (p *program) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// interrupt sends Ctrl-C and returns the exit status.
func (p *program) interrupt() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

func (p *program) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.done
}

// wait returns the exit status.
func (p *program) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		p.t.Fatal("the program doesn't end")
		return -1
	}
}

// client has connections of its own for every test, and an end to waiting.
func client() *http.Client { return &http.Client{Timeout: 40 * time.Second} }

func (p *program) get(path string) (int, string, error) { return p.do(http.MethodGet, path, "") }

func (p *program) do(method, path, body string) (int, string, error) {
	base := p.env["API"]
	req, err := http.NewRequestWithContext(context.Background(), method, base+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client().Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// want does a request and fails the test unless it is answered with status.
func (p *program) want(status int, method, path, body string) string {
	p.t.Helper()
	got, text, err := p.do(method, path, body)
	if err != nil || got != status {
		p.t.Fatalf("%s %s %s: %d %s, %v; want %d", method, path, body, got, text, err, status)
	}
	return text
}

// wantMetric waits until the metrics say that.
func (p *program) wantMetric(line string) {
	p.t.Helper()
	applicationtest.Eventually(p.t, func() error {
		_, text, err := p.get("/metrics")
		if err == nil && !strings.Contains(text, line) {
			err = fmt.Errorf("the metrics don't say %s", line)
		}
		return err
	})
}

// open returns a pool on the program's database.
func (p *program) open(url string) *postgres.DB {
	p.t.Helper()
	db, err := postgres.Open(context.Background(), postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = db.Close() })
	return db
}

// killPostmaster kills the program's own PostgreSQL.
func killPostmaster(t testing.TB, p *program) {
	t.Helper()
	var data string
	if err := p.open(p.env["PostgreSQL"]).Pool().Get(&data, "SHOW data_directory"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid")) //nolint:gosec // the server's own file
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	postmaster, err := os.FindProcess(pid)
	if err == nil {
		err = postmaster.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}
