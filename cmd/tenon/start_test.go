package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/application/applicationtest"
)

func TestASecondProgramOnTheSameDataSaysSo(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := serve(t, dir)
	second := launch(t, dir)
	if status := second.wait(); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	if text := second.out.String(); !strings.Contains(text, "in use: another tenon") || !strings.Contains(text, "TENON_DATA_DIR") {
		t.Errorf("it said:\n%s", text)
	}
	first.place()
}

func TestAPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := launch(t, dataDir(t), "TENON_HTTP_ADDR="+ln.Addr().String())
	if status := p.wait(); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	if text := p.out.String(); !strings.Contains(text, "TENON_HTTP_ADDR") || !strings.Contains(text, ln.Addr().String()) {
		t.Errorf("it said:\n%s", text)
	}
}

// closedAddress returns an address on which nothing listens.
func closedAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestServersThatCannotBeReachedEndTheStartWithTheirName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  []string
		says []string
	}{
		{
			"PostgreSQL",
			[]string{"TENON_DATABASE_URL=postgres://me:hunter2@" + closedAddress(t) + "/shop?sslmode=disable"},
			[]string{"waiting for PostgreSQL", "TENON_DATABASE_URL", "TENON_STARTUP_TIMEOUT", "connection refused"},
		},
		{
			"Kafka",
			[]string{"TENON_KAFKA_BROKERS=" + closedAddress(t)},
			[]string{"waiting for Kafka", "TENON_KAFKA_BROKERS", "TENON_STARTUP_TIMEOUT"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, dataDir(t), append(c.env, "TENON_STARTUP_TIMEOUT=2s")...)
			if status := p.wait(); status != 1 {
				t.Errorf("status %d, want 1", status)
			}
			text := p.out.String()
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("it doesn't say %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "hunter2") || strings.Count(text, "waiting for") > 3 {
				t.Errorf("it says a password, or the same again and again:\n%s", text)
			}
		})
	}
}

func TestWhileStartingTheAPISaysSoAndTheStopIsClean(t *testing.T) {
	t.Parallel()
	addr := closedAddress(t)
	p := launch(t, dataDir(t), "TENON_HTTP_ADDR="+addr, "TENON_STARTUP_TIMEOUT=0",
		"TENON_DATABASE_URL=postgres://me@"+closedAddress(t)+"/shop?sslmode=disable")
	p.env = map[string]string{"API": "http://" + addr}
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/orders": http.StatusServiceUnavailable,
	} {
		applicationtest.Eventually(t, func() error { _, _, err := p.get(path); return err })
		if status, text, err := p.get(path); err != nil || status != want {
			t.Errorf("%s: %d %s, %v; want %d", path, status, text, err, want)
		}
	}
	if status := p.interrupt(); status != 0 {
		t.Errorf("Ctrl-C while starting ended it with status %d", status)
	}
}

func TestOwnServersAndTwoInstancesStartedAtOnce(t *testing.T) {
	t.Parallel()
	url, broker := embeddedtest.Database(t), embeddedtest.Broker(t)
	own := []string{"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + broker}
	dir := dataDir(t)
	one, two := launch(t, dir, own...), launch(t, dir, own...)
	one.waitReady()
	two.waitReady()
	for range 10 {
		one.place()
		two.place()
	}
	two.listed("customer=ada", 20)
	one.listed("customer=ada", 20)
	if strings.Contains(one.out.String(), "embedded") {
		t.Errorf("it started servers of its own:\n%s", one.out)
	}
	if _, err := os.Stat(filepath.Join(dir, "postgres")); !os.IsNotExist(err) {
		t.Errorf("data of an embedded server: %v", err)
	}
	if status := one.interrupt(); status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	two.place()
	two.listed("customer=ada", 21)
	sameAsFold(t, two, url)
}

func TestRolesApart(t *testing.T) {
	t.Parallel()
	url, broker := embeddedtest.Database(t), embeddedtest.Broker(t)
	own := []string{"TENON_DATABASE_URL=" + url, "TENON_KAFKA_BROKERS=" + broker}
	dir := dataDir(t)
	api := serve(t, dir, append(own, "TENON_ROLES=api")...)
	relay := serve(t, dir, append(own, "TENON_ROLES=relay")...)
	projections := serve(t, dir, append(own, "TENON_ROLES=projections")...)
	api.place()
	api.listed("customer=ada", 1)
	if strings.Contains(api.out.String(), "Kafka") {
		t.Errorf("the API alone needs no Kafka, but says:\n%s", api.out)
	}
	for _, p := range []*program{relay, projections} {
		p.want(http.StatusNotFound, http.MethodGet, "/orders", "")
	}
}

func TestMigrationsOffRefusesToRunBehindTheSchema(t *testing.T) {
	t.Parallel()
	own := []string{"TENON_DATABASE_URL=" + embeddedtest.Database(t), "TENON_KAFKA_BROKERS=" + embeddedtest.Broker(t), "TENON_MIGRATE=off"}
	dir := dataDir(t)
	p := launch(t, dir, own...)
	if status := p.wait(); status != 1 || !strings.Contains(p.out.String(), "run `tenon migrate`") {
		t.Fatalf("status %d, it said:\n%s", status, p.out)
	}
	if out, err := command(t, dir, own, "migrate").CombinedOutput(); err != nil || strings.Contains(string(out), "pending") {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	serve(t, dir, own...).place()
}
