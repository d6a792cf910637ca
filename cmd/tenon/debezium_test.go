package main

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const ordersTopic = "domain.order.events"

// next returns the version after one, the first after "".
func next(version string) string {
	n, err := strconv.Atoi(version)
	if err != nil && version != "" {
		return "none"
	}
	return strconv.Itoa(n + 1)
}

// Projections and handlers run as they are behind Debezium, and a standalone worker that is killed sends some events again.
func TestFaultReadModelsBehindDebeziumThatIsKilled(t *testing.T) {
	t.Parallel()
	c := newCaptured(t)
	c.run("debezium", "setup")
	p := c.serve("none")
	connect := c.connect(false)
	l := startLoad(p, 4)
	for range rounds(1, 5) {
		l.reaches(t, 50)
		if err := connect.Kill(); err != nil {
			t.Fatal(err)
		}
		l.reaches(t, 50)
		if err := connect.Restart(); err != nil {
			t.Fatal(err)
		}
		c.streams(connect)
	}
	l.reaches(t, 50)
	l.stop()
	times := c.sent()
	p.waitReady()
	l.allThere(t, p, c.url)
	t.Logf("%d events, %d of them more than once", len(times), len(moreThanOnce(times)))
}

// moreThanOnce returns the ids of events that were sent again.
func moreThanOnce(times map[string]int) map[string]int {
	more := maps.Clone(times)
	maps.DeleteFunc(more, func(_ string, n int) bool { return n < 2 })
	return more
}

// minus returns what is in all and not in some.
func minus(all, some map[string]bool) map[string]bool {
	rest := maps.Clone(all)
	maps.DeleteFunc(rest, func(id string, _ bool) bool { return some[id] })
	return rest
}

// The way from the relay to Debezium and back, as docs/debezium.md has it, while orders are placed: nothing is lost, and only what
// was committed between two named steps may come twice.
func TestGoingOverToDebeziumAndBackUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCaptured(t)
	p := c.serve("exactly-once")
	l := startLoad(p, 4)
	l.reaches(t, 20)
	beforeSlot := c.stored()
	c.run("debezium", "setup")
	c.eventuallySays("no relay is needed any more", "debezium", "status")
	l.reaches(t, 20)
	p = c.replace(l, p, "none")
	relayStopped := c.stored()
	connect := c.connect(true)
	l.reaches(t, 20)

	beforeRebase := c.stored()
	c.run("relay", "rebase", "--to", "now", "--reason", "back from Debezium", "--by", "test", "--yes")
	c.run("debezium", "wait")
	l.reaches(t, 20)
	if err := connect.Stop(); err != nil {
		t.Fatal(err)
	}
	connectorStopped := c.stored()
	p = c.replace(l, p, "exactly-once")
	c.run("debezium", "remove")
	l.reaches(t, 20)
	l.stop()

	times := c.sent()
	l.allThere(t, p, c.url)
	twice := moreThanOnce(times)
	for during, events := range map[string]map[string]bool{
		"before the slot was made":                beforeSlot,
		"between the relay's stop and the rebase": minus(beforeRebase, relayStopped),
		"after the connector's stop":              minus(c.stored(), connectorStopped),
	} {
		for id := range events {
			if times[id] != 1 {
				t.Errorf("event %s, committed %s, is on the topic %d times", id, during, times[id])
			}
		}
		if len(events) == 0 {
			t.Errorf("nothing was committed %s", during)
		}
	}
	t.Logf("%d events, %d of them twice", len(times), len(twice))
}

// replace stops the program and starts one with another relay. Meanwhile commands are refused.
func (c *captured) replace(l *load, p *program, relay string) *program {
	c.t.Helper()
	if status := p.interrupt(); status != 0 {
		c.t.Fatalf("the program ended with status %d", status)
	}
	p = c.serve(relay)
	l.program.Store(p)
	return p
}

// Who has used Debezium from the beginning goes over to the relay without sending all again.
func TestFirstRelayAfterDebeziumSendsNothingAgain(t *testing.T) {
	t.Parallel()
	c := newCaptured(t)
	c.run("debezium", "setup")
	p := c.serve("none")
	connect := c.connect(false)
	for range 5 {
		p.place()
	}
	c.run("debezium", "wait")
	if status := p.interrupt(); status != 0 {
		t.Fatalf("the program ended with status %d", status)
	}
	if err := connect.Stop(); err != nil {
		t.Fatal(err)
	}
	c.run("relay", "rebase", "--to", "now", "--reason", "back from Debezium", "--by", "test", "--yes")
	c.run("debezium", "remove")
	p = c.serve("exactly-once")
	for range 5 {
		p.place()
	}
	p.listed("customer=ada", 10)
	times := c.sent()
	if more := moreThanOnce(times); len(times) != 10 || len(more) > 0 {
		t.Errorf("%d events on the topic, %d of them more than once; want 10, each once", len(times), len(more))
	}
	if status := c.run("relay", "status"); !strings.Contains(status, "1 lanes of layout 1") {
		t.Errorf("relay status: %s", status)
	}
}

// The program can't know whether something else forwards the log where there is no slot: it is ready, and says so in its log.
func TestWithoutARelayTheProgramIsReady(t *testing.T) {
	t.Parallel()
	p := serve(t, dataDir(t), "TENON_RELAY=none")
	p.place()
	status, body, err := p.get("/readyz")
	if err != nil || status != http.StatusOK || !strings.Contains(body, `"relay"`) {
		t.Errorf("/readyz: %d %s, %v; want 200 with a check of the relay", status, body, err)
	}
	if !strings.Contains(p.out.String(), "something else must forward the log") {
		t.Errorf("nothing was said about the missing slot:\n%s", p.out)
	}
}
