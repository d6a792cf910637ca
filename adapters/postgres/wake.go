package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Wake tells readers in other processes what [eventlog.Signal] tells those in this one: that something was committed.
// It keeps one connection of its own, on which it sends NOTIFY after commits and listens for those of others; never in
// the transaction that appends, which would take a lock of the whole server at commit.
//
// A wake-up may come too often or not at all, so readers poll as well, more rarely. Behind a pooler that shares
// connections between transactions LISTEN has no effect: then polling is what is left.
type Wake struct {
	db     *DB
	id     string // tells the notifications of this Wake from those of others
	signal eventlog.Signal
	outage outage
}

const (
	wakeChannel    = "tenon.events"
	wakeInterval   = 5 * time.Millisecond // between two notifications
	wakeTimeout    = 10 * time.Second     // of one statement
	wakeFirstRetry = 50 * time.Millisecond
	wakeLongRetry  = 5 * time.Second
)

// NewWake returns a Wake for commits that raise db's signal. It works while Run does.
func NewWake(db *DB) *Wake {
	return &Wake{db: db, id: uuid.NewString(), outage: outage{
		log: db.logger, begun: "can't exchange wake-ups with other processes, readers poll", over: "exchanges wake-ups with other processes again",
	}}
}

// Signal returns what is raised after each commit of this process, at once, and after those of other processes. Don't
// give it to the DB as its own.
func (w *Wake) Signal() *eventlog.Signal { return &w.signal }

// Health returns nil while wake-ups are exchanged, else what is wrong and since when. It is no reason to stop: readers
// poll meanwhile.
func (w *Wake) Health() error { return w.outage.health() }

// Run sends and receives until ctx ends and then returns nil; while it connects that may take a few seconds. It
// reconnects with backoff and logs a line when an outage begins and one when it is over. Call it once.
func (w *Wake) Run(ctx context.Context) error {
	committed := make(chan struct{}, 1)
	var forwarder sync.WaitGroup
	woken := w.db.signal.Wait()
	forwarder.Go(func() { w.forward(ctx, woken, committed) })
	defer forwarder.Wait()
	var retry time.Duration
	for {
		connected, err := w.exchange(ctx, committed)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // what fails then fails because of the stop
		}
		w.outage.begin(err)
		if connected {
			retry = 0
		}
		retry = grow(retry, wakeFirstRetry, wakeLongRetry)
		pause(ctx, jitter(retry))
	}
}

// forward passes on what is committed here, whether there is a connection or not.
func (w *Wake) forward(ctx context.Context, woken <-chan struct{}, committed chan struct{}) {
	for {
		select {
		case <-woken:
			woken = w.db.signal.Wait()
			w.signal.Raise()
			remember(committed)
		case <-ctx.Done():
			return
		}
	}
}

// remember notes in a channel with one place that there is something to notify of.
func remember(committed chan struct{}) {
	select {
	case committed <- struct{}{}:
	default:
	}
}

// exchange works on one connection until that is lost or ctx ends.
func (w *Wake) exchange(ctx context.Context, committed chan struct{}) (connected bool, err error) {
	conn, lost, err := w.listen(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		_ = conn.Close() // it may be closed already
		<-lost
	}()
	w.outage.end()
	w.signal.Raise() // what others committed meanwhile told nobody here
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case <-lost:
			return true, classify(conn.Err())
		case <-committed:
			if err := execute(conn, "NOTIFY "+pq.QuoteIdentifier(wakeChannel)+", "+pq.QuoteLiteral(w.id)); err != nil {
				remember(committed)
				return true, err
			}
			pause(ctx, wakeInterval)
		}
	}
}

// listen connects. lost is closed when the connection has ended and nothing of it runs any more.
func (w *Wake) listen(ctx context.Context) (conn *pq.ListenerConn, lost <-chan struct{}, err error) {
	notes := make(chan *pq.Notification, 32)
	conn, err = pq.NewListenerConn(w.db.wakeURL, notes)
	if err != nil {
		return nil, nil, classify(err)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	go func() {
		defer close(ended)
		defer stop()
		for n := range notes {
			if n.Extra != w.id {
				w.signal.Raise()
			}
		}
	}()
	if err := execute(conn, "LISTEN "+pq.QuoteIdentifier(wakeChannel)); err != nil {
		_ = conn.Close() // it may be closed already
		<-ended
		return nil, nil, err
	}
	return conn, ended, nil
}

// execute gives a statement up when the server doesn't answer, by closing the connection.
func execute(conn *pq.ListenerConn, statement string) error {
	timer := time.AfterFunc(wakeTimeout, func() { _ = conn.Close() })
	defer timer.Stop()
	if _, err := conn.ExecSimpleQuery(statement); err != nil {
		return fmt.Errorf("%s: %w", statement, classify(err))
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
