package postgres_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// note is an aggregate with a row of state in public.state; jot makes one.
type note struct{ domain.Root }

type jotted struct{ Text string }

func (*note) Apply(domain.Event) {}

type jot struct {
	application.Returns[application.Done]
	Events int
}

// notes keeps notes as relational rows.
type notes struct{}

func (notes) Load(context.Context, eventlog.Tx, string) (*note, error) {
	return nil, domain.ErrNotFound
}

func (notes) Save(ctx context.Context, tx eventlog.Tx, changed []*note) error {
	for _, n := range changed {
		if _, err := postgres.SQL(tx).ExecContext(ctx, insertState, n.ID(), int64(n.Version())); err != nil {
			return postgres.Wrap(ctx, err)
		}
	}
	return nil
}

// notepad returns a mediator whose notes have state, or are their events alone.
func notepad(t testing.TB, db *postgres.DB, relational bool) *application.Mediator {
	t.Helper()
	b := application.NewBuilder(application.Config{Store: db})
	var repo application.Repository[*note] = notes{}
	if !relational {
		repo = application.EventSourced[note](db, b.Codec(), "note")
	}
	application.Register[note](b, "note", repo, nil)
	application.Event[jotted](b, "note.jotted", 1)
	application.Handle(b, func(_ context.Context, u *application.Unit, c jot) (application.Done, error) {
		n := new(note)
		domain.Begin(n, uuid.NewString())
		for range c.Events {
			domain.Record(n, jotted{"milk"})
		}
		application.Add(u, n)
		return application.Done{}, nil
	})
	return must(b.Build())(t)
}

// waits counts the messages to the server that wait for an answer.
type waits struct{ n atomic.Int64 }

// countWaits returns the URL through a counter.
func countWaits(t *testing.T, rawURL string) (*waits, string) {
	t.Helper()
	w, u := new(waits), must(url.Parse(rawURL))(t)
	listener, target := must(net.Listen("tcp", "127.0.0.1:0"))(t), u.Host
	var pumps sync.WaitGroup
	pumps.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			pumps.Go(func() { _, _ = io.Copy(client, server); client.Close() })
			pumps.Go(func() { w.pump(client, server); server.Close() })
		}
	})
	t.Cleanup(func() { // after the DB, which was opened later, is closed
		listener.Close()
		pumps.Wait()
	})
	u.Host = listener.Addr().String()
	return w, u.String()
}

// pump forwards message by message: a start-up message has no type; Query and Sync are what a client waits after.
func (w *waits) pump(client io.Reader, server io.Writer) {
	for started := false; ; started = true {
		head := make([]byte, 5)
		if !started {
			head = head[:4]
		}
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if started && (head[0] == 'Q' || head[0] == 'S') {
			w.n.Add(1)
		}
		if _, err := server.Write(slices.Concat(head, body)); err != nil {
			return
		}
	}
}

// What a unit costs is its state with BEGIN and its events with COMMIT; one of events alone is a single statement.
func TestRoundTripsOfAUnit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		relational bool
		events     int
		want       int64
	}{
		"state and an event":          {true, 1, 2},
		"state and a thousand events": {true, 1000, 2},
		"events alone":                {false, 1, 1},
		"a thousand events alone":     {false, 1000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count, through := countWaits(t, migratedURL(t))
			db := openConfig(t, postgres.Config{URL: through, MaxConns: 1})
			exec(t, db, "CREATE TABLE public.state (id uuid PRIMARY KEY, version bigint NOT NULL)")
			m := notepad(t, db, tt.relational)
			for i := range 3 {
				before := count.n.Load()
				if _, err := application.Send(t.Context(), m, jot{Events: tt.events}); err != nil {
					t.Fatal(err)
				}
				if got := count.n.Load() - before; i > 0 && got != tt.want { // the first one prepares
					t.Errorf("unit %d took %d round trips, want %d", i, got, tt.want)
				}
			}
		})
	}
}
