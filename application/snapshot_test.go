package application_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// purse is an aggregate with a state that JSON knows.
type purse struct {
	domain.Root

	state struct{ Balance, Count int }
}

func (p *purse) Apply(e domain.Event) {
	if e, ok := e.(deposited); ok {
		p.state.Balance += e.Amount * (p.state.Count + 1)
		p.state.Count++
	}
}

func (p *purse) State() any { return &p.state }

// countedStreams counts the records that are read.
type countedStreams struct {
	eventlog.Streams

	n int
}

func (s *countedStreams) Stream(ctx context.Context, tx eventlog.Tx, kind, id string, after domain.Version) iter.Seq2[eventlog.Record, error] {
	return func(yield func(eventlog.Record, error) bool) {
		for r, err := range s.Streams.Stream(ctx, tx, kind, id, after) {
			s.n++
			if !yield(r, err) {
				return
			}
		}
	}
}

func purseRepository(streams eventlog.Streams, opts ...application.SourcedOption[*purse]) application.Repository[*purse] {
	types := new(codec.Types)
	codec.Register[deposited](types, "purse.deposited", 1)
	return application.EventSourced[purse](streams, codec.JSON{Types: types}, "purse", opts...)
}

// fill commits units of the sizes given, through a mediator whose repository keeps snapshots.
func fill(t rapid.TB, log *memory.Log, cfg application.SnapshotConfig, sizes ...int) {
	b := application.NewBuilder(application.Config{Store: log})
	application.Register[purse](b, "purse", purseRepository(log, application.Snapshots(cfg, (*purse).State)), nil)
	application.Event[deposited](b, "purse.deposited", 1)
	application.Handle(b, func(ctx context.Context, u *application.Unit, c deposit) (int, error) {
		p, err := application.Get[purse](ctx, u, c.Account)
		if err != nil {
			p = new(purse)
			domain.Begin(p, c.Account)
			application.Add(u, p)
		}
		for i := range c.Amount {
			domain.Record(p, deposited{i})
		}
		return 0, nil
	})
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range sizes {
		if _, err := application.Send(context.Background(), m, deposit{Account: "p", Amount: n}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSnapshotIsEqualToTheFullFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log, cfg := memory.NewLog(), application.SnapshotConfig{Store: new(memory.Snapshots), Every: rapid.IntRange(1, 9).Draw(t, "every")}
		fill(t, log, cfg, rapid.SliceOfN(rapid.IntRange(1, 7), 1, 8).Draw(t, "units")...)
		full, err := purseRepository(log).Load(context.Background(), nil, "p")
		if err != nil {
			t.Fatal(err)
		}
		short, err := purseRepository(log, application.Snapshots(cfg, (*purse).State)).Load(context.Background(), nil, "p")
		if err != nil || short.state != full.state || domain.Stored(short) != domain.Stored(full) {
			t.Fatalf("with snapshots %+v at %d (%v), without %+v at %d", short.state, domain.Stored(short), err, full.state, domain.Stored(full))
		}
	})
}

func TestLoadOfALongStreamReadsOnlyItsTail(t *testing.T) {
	log, cfg := memory.NewLog(), application.SnapshotConfig{Store: new(memory.Snapshots)}
	fill(t, log, cfg, 9_950, 50, 7)
	counted := &countedStreams{Streams: log}
	p, err := purseRepository(counted, application.Snapshots(cfg, (*purse).State)).Load(t.Context(), nil, "p")
	if err != nil || domain.Stored(p) != 10_007 || counted.n != 8 {
		t.Errorf("version %d, %d records read (%v); want 10007 from the snapshot's own and 7 more", domain.Stored(p), counted.n, err)
	}
}

func TestSnapshotThatCannotBeUsedIsPassedOver(t *testing.T) {
	for name, c := range map[string]struct {
		shot application.Snapshot
		logs bool
	}{
		"another fold":   {application.Snapshot{Version: 3, Fold: 2, State: json.RawMessage(`{"Balance":-1}`)}, false},
		"damaged":        {application.Snapshot{Version: 3, Fold: 1, State: json.RawMessage(`{"Balance":7,"Count":"x"}`)}, true},
		"beyond the log": {application.Snapshot{Version: 9, Fold: 1, State: json.RawMessage(`{"Balance":-1}`)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			log, store := memory.NewLog(), new(memory.Snapshots)
			cfg := application.SnapshotConfig{Store: store, Every: 100, Logger: slog.New(slog.NewTextHandler(&logged, nil))}
			fill(t, log, cfg, 4)
			c.shot.Type, c.shot.ID = "purse", "p"
			if err := store.SaveSnapshot(t.Context(), c.shot); err != nil {
				t.Fatal(err)
			}
			p, err := purseRepository(log, application.Snapshots(cfg, (*purse).State)).Load(t.Context(), nil, "p")
			if err != nil || p.state.Count != 4 || p.state.Balance != 0+1*2+2*3+3*4 || domain.Stored(p) != 4 {
				t.Errorf("loaded %+v (%v), want the fold of 4 events", p, err)
			}
			if lines := strings.Count(logged.String(), "\n"); (lines == 1) != c.logs {
				t.Errorf("logged %q", logged.String())
			}
		})
	}
}

// unreadable is a store whose snapshots can't be read.
type unreadable struct{ *memory.Snapshots }

func (unreadable) LoadSnapshot(context.Context, eventlog.Tx, string, string) (application.Snapshot, error) {
	return application.Snapshot{}, eventlog.ErrUnavailable
}

// A snapshot only saves time: without it all events are folded. Within a transaction, which the failed read may have ended, or
// for nobody, they aren't.
func TestSnapshotThatCannotBeReadIsPassedOver(t *testing.T) {
	var logged bytes.Buffer
	log := memory.NewLog()
	fill(t, log, application.SnapshotConfig{Store: new(memory.Snapshots)}, 4)
	cfg := application.SnapshotConfig{Store: unreadable{}, Logger: slog.New(slog.NewTextHandler(&logged, nil))}
	repo := purseRepository(log, application.Snapshots(cfg, (*purse).State))
	if p, err := repo.Load(t.Context(), nil, "p"); err != nil || domain.Stored(p) != 4 {
		t.Errorf("loaded %+v (%v), want the fold of 4 events", p, err)
	}
	if lines := strings.Count(logged.String(), "\n"); lines != 1 {
		t.Errorf("logged %q, want one line", logged.String())
	}
	tx, err := log.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	if _, err := repo.Load(t.Context(), tx, "p"); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("within a transaction: %v, want ErrUnavailable", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := repo.Load(ended, nil, "p"); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("under an ended context: %v, want the store's error", err)
	}
}

func TestSnapshotsFormIsGolden(t *testing.T) {
	golden, err := os.ReadFile("testdata/snapshot.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(application.Snapshot{Type: "account", ID: "a-1", Version: 2, Fold: 1, State: json.RawMessage(`{"Balance":42}`)})
	if diff := cmp.Diff(string(bytes.TrimSpace(golden)), string(got)); diff != "" || err != nil {
		t.Errorf("error %v, form (-want +got):\n%s", err, diff)
	}
}

// With one option and one method a long-lived aggregate is loaded from its last snapshot.
func ExampleSnapshots() {
	log, kept := memory.NewLog(), new(memory.Snapshots)
	b := application.NewBuilder(application.Config{Store: log})
	repo := application.EventSourced[purse](log, b.Codec(), "purse",
		application.Snapshots(application.SnapshotConfig{Store: kept, Every: 2}, (*purse).State))
	application.Register[purse](b, "purse", repo, nil)
	application.Event[deposited](b, "purse.deposited", 1)
	application.Handle(b, func(_ context.Context, u *application.Unit, c deposit) (int, error) {
		p := new(purse)
		domain.Begin(p, c.Account)
		domain.Record(p, deposited{c.Amount})
		domain.Record(p, deposited{c.Amount})
		application.Add(u, p)
		return p.state.Balance, nil
	})
	m, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = application.Send(context.Background(), m, deposit{Account: "p-1", Amount: 10})
	shot, _ := kept.LoadSnapshot(context.Background(), nil, "purse", "p-1")
	fmt.Println(shot.Version, string(shot.State), err)
	// Output:
	// 2 {"Balance":30,"Count":2} <nil>
}
