package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/application/applicationtest"
)

// rounds returns how often a fault is made to happen: few in `make test`, many in `make torture`.
func rounds(few, many int) int {
	if os.Getenv("TENON_TORTURE") != "" {
		return many
	}
	return few
}

func TestTwoHundredClientsShipTwentyOrders(t *testing.T) {
	t.Parallel()
	p := serve(t, dataDir(t))
	orders := make([]string, 20)
	for i := range orders {
		orders[i] = p.place()
		p.want(http.StatusNoContent, http.MethodPut, "/orders/"+orders[i]+"/confirm", "")
	}
	answers := make(chan int, 200*len(orders))
	var wg sync.WaitGroup
	for c := range 200 {
		wg.Go(func() {
			for i := range orders {
				id := orders[(i+c)%len(orders)]
				status, text, err := p.do(http.MethodPut, "/orders/"+id+"/ship", fmt.Sprintf(`{"trackingNumber":"T-%d"}`, c%7))
				if err != nil || (status != http.StatusNoContent && status != http.StatusConflict && status != http.StatusPreconditionFailed) {
					t.Errorf("client %d: %d %s, %v", c, status, text, err)
					return
				}
				answers <- status
			}
		})
	}
	wg.Wait()
	close(answers)
	shipped := 0
	for status := range answers {
		if status == http.StatusNoContent {
			shipped++
		}
	}
	if shipped < len(orders) {
		t.Errorf("%d answers say shipped, want at least one for each of %d orders", shipped, len(orders))
	}
	db := p.open(p.env["PostgreSQL"])
	var events int
	if err := db.Pool().Get(&events, `SELECT count(*) FROM tenon.events WHERE event_type = 'order.shipped'`); err != nil {
		t.Fatal(err)
	}
	if events != len(orders) {
		t.Errorf("%d orders have %d shipped events", len(orders), events)
	}
	p.listed("status=shipped", len(orders))
	sameAsFold(t, p, p.env["PostgreSQL"])
}

// load places, confirms and ships orders from several clients until it is stopped. It counts what was answered with 201.
type load struct {
	placed  atomic.Int64
	refused atomic.Int64
	program atomic.Pointer[program]
	end     chan struct{}
	wg      sync.WaitGroup
}

func startLoad(p *program, clients int) *load {
	l := &load{end: make(chan struct{})}
	l.program.Store(p)
	for range clients {
		l.wg.Go(func() {
			for {
				select {
				case <-l.end:
					return
				default:
					l.once()
				}
			}
		})
	}
	return l
}

// once takes an order through its life as far as the servers are there. No answer may be a 500.
func (l *load) once() {
	p := l.program.Load()
	status, text, err := p.do(http.MethodPost, "/orders", twoPens)
	if err != nil || status != http.StatusCreated {
		l.note(p, status, text, err)
		return
	}
	l.placed.Add(1)
	id := decode[anOrder](p.t, text).ID
	for _, step := range [][2]string{{"confirm", ""}, {"ship", `{"trackingNumber":"1Z"}`}} {
		status, text, err := p.do(http.MethodPut, "/orders/"+id+"/"+step[0], step[1])
		if err != nil || status != http.StatusNoContent {
			l.note(p, status, text, err)
			return
		}
	}
}

func (l *load) note(p *program, status int, text string, err error) {
	l.refused.Add(1)
	if err == nil && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout {
		p.t.Errorf("under a fault: %d %s; want 503 or 504", status, text)
	}
}

func (l *load) stop() {
	close(l.end)
	l.wg.Wait()
}

// reaches waits until n more orders were placed.
func (l *load) reaches(t testing.TB, n int64) {
	t.Helper()
	want := l.placed.Load() + n
	applicationtest.Eventually(t, func() error {
		if got := l.placed.Load(); got < want {
			return fmt.Errorf("%d orders placed, want %d", got, want)
		}
		return nil
	})
}

// allThere checks that no order that was answered with 201 is lost, and that read model and state are the fold of the log.
func (l *load) allThere(t testing.TB, p *program, url string) {
	t.Helper()
	var stored int64
	if err := p.open(url).Pool().Get(&stored, `SELECT count(*) FROM tenon.events WHERE event_type = 'order.created'`); err != nil {
		t.Fatal(err)
	}
	if placed := l.placed.Load(); stored < placed {
		t.Errorf("%d orders were answered with 201, %d are stored", placed, stored)
	}
	sameAsFold(t, p, url)
	handledOnce(t, p, url)
}

// handledOnce waits until the handlers have caught up, and checks that every shipped order has one notification and one
// announcement, and that nothing is a dead letter.
func handledOnce(t testing.TB, p *program, url string) {
	t.Helper()
	db := p.open(url).Pool()
	applicationtest.Eventually(t, func() error {
		var behind int
		err := db.Get(&behind, `SELECT count(*) FROM tenon.events e WHERE event_type = 'order.shipped' AND (
			(SELECT count(*) FROM orders.notifications n WHERE n.event_id = e.event_id) = 0 OR
			(SELECT count(*) FROM tenon.events a WHERE a.topic = 'order.shipments' AND a.causation_id = e.event_id::text) = 0)`)
		if err == nil && behind > 0 {
			err = fmt.Errorf("%d shipped orders lack a notification or an announcement", behind)
		}
		return err
	})
	var wrong int
	err := db.Get(&wrong, `SELECT (SELECT count(*) - count(DISTINCT event_id) FROM orders.notifications) +
		(SELECT count(*) - count(DISTINCT causation_id) FROM tenon.events WHERE topic = 'order.shipments') +
		(SELECT count(*) FROM tenon.events WHERE topic LIKE '%.DLT')`)
	if err != nil || wrong != 0 {
		t.Errorf("%d effects are there twice or are dead letters (%v)", wrong, err)
	}
}

// withEachRelay runs a fault with each mode of relay: what reads behind one that repeats itself is to be the same.
func withEachRelay(t *testing.T, fault func(t *testing.T, relay string)) {
	t.Helper()
	for _, relay := range []string{"exactly-once", "watermill"} {
		t.Run(relay, func(t *testing.T) {
			t.Parallel()
			fault(t, "TENON_RELAY="+relay)
		})
	}
}

func TestFaultTheProgramIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	withEachRelay(t, faultTheProgramIsKilled)
}

func faultTheProgramIsKilled(t *testing.T, relay string) {
	t.Helper()
	dir := dataDir(t)
	p := serve(t, dir, relay)
	l := startLoad(p, 4)
	for range rounds(2, 15) {
		l.reaches(t, 30)
		p.kill()
		p = serve(t, dir, relay)
		l.program.Store(p)
	}
	l.reaches(t, 30)
	l.stop()
	l.allThere(t, p, p.env["PostgreSQL"])
}

func TestFaultPostgresAndBrokerRestartUnderLoad(t *testing.T) {
	t.Parallel()
	withEachRelay(t, faultPostgresAndBrokerRestart)
}

func faultPostgresAndBrokerRestart(t *testing.T, relay string) {
	t.Helper()
	server := embeddedtest.Server(t)
	broker := embeddedtest.BrokerProcess(t, t.TempDir())
	url := server.URL()
	p := serve(t, dataDir(t), relay, "TENON_DATABASE_URL="+url, "TENON_KAFKA_BROKERS="+broker.Addr())
	l := startLoad(p, 4)
	for round := range rounds(1, 6) {
		l.reaches(t, 30)
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.reaches(t, 30)
		if err := broker.Kill(); err != nil {
			t.Fatal(err)
		}
		l.reaches(t, 30) // commands don't need the broker
		if err := broker.Start(); err != nil {
			t.Fatal(err)
		}
		l.reaches(t, 30)
		if round%2 == 0 {
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.reaches(t, 30)
	l.stop()
	p.waitReady()
	l.allThere(t, p, url)
	if err := broker.Kill(); err != nil {
		t.Fatal(err)
	}
	p.place()
	if status := p.interrupt(); status != 0 {
		t.Errorf("stopped without a broker, it ended with status %d", status)
	}
}

func TestTheEmbeddedPostgresIsStartedAgainWhenItIsKilled(t *testing.T) {
	t.Parallel()
	p := serve(t, dataDir(t))
	p.place()
	killPostmaster(t, p)
	applicationtest.Eventually(t, func() error {
		status, text, err := p.do(http.MethodPost, "/orders", twoPens)
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("%d %s", status, text)
		}
		return err
	})
	p.waitReady()
	sameAsFold(t, p, p.env["PostgreSQL"])
}
