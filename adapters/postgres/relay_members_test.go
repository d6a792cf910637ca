package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

func beatOf(t testing.TB, m *postgres.RelayMembers, node string, lanes int) relaying.Assignment {
	t.Helper()
	return must(m.Beat(t.Context(), node, lanes, time.Hour))(t)
}

// expire makes a node as good as dead: it hasn't beaten for longer than its lease.
func expire(t testing.TB, db *postgres.DB, node string) {
	t.Helper()
	exec(t, db, `UPDATE tenon.relay_nodes SET expires_at = clock_timestamp() - interval '1 second' WHERE node = $1`, node)
	exec(t, db, `UPDATE tenon.relay_lanes SET expires_at = clock_timestamp() - interval '1 second' WHERE owner = $1`, node)
}

func TestRelayFirstBeatMakesTheLayout(t *testing.T) {
	t.Parallel()
	m := postgres.NewRelayMembers(open(t))
	want := relaying.Assignment{Layout: relaying.Layout{Epoch: 1, Lanes: 3}, Lanes: []int{0, 1, 2}, Nodes: 1}
	if diff := cmp.Diff(want, beatOf(t, m, "a", 3)); diff != "" {
		t.Errorf("first beat (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, beatOf(t, m, "a", 7)); diff != "" {
		t.Errorf("a later beat with another number (-want +got):\n%s", diff)
	}
}

func TestRelayNodesShareAndGiveBack(t *testing.T) {
	t.Parallel()
	m := postgres.NewRelayMembers(open(t))
	beatOf(t, m, "a", 5)
	if got := beatOf(t, m, "b", 5).Lanes; len(got) != 0 {
		t.Errorf("b has %v while a's leases last", got)
	}
	if diff := cmp.Diff([]int{0, 1, 2}, beatOf(t, m, "a", 5).Lanes); diff != "" {
		t.Errorf("a gives back (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{3, 4}, beatOf(t, m, "b", 5).Lanes); diff != "" {
		t.Errorf("b takes (-want +got):\n%s", diff)
	}
	if err := m.Leave(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, beatOf(t, m, "b", 5).Lanes); diff != "" {
		t.Errorf("after a left (-want +got):\n%s", diff)
	}
}

func TestRelayLanesOfADeadNodeAreTakenAfterItsLease(t *testing.T) {
	t.Parallel()
	db := open(t)
	m := postgres.NewRelayMembers(db)
	beatOf(t, m, "dead", 2)
	if got := beatOf(t, m, "b", 2).Lanes; len(got) != 0 {
		t.Errorf("b has %v before the lease ended", got)
	}
	expire(t, db, "dead")
	if diff := cmp.Diff([]int{0, 1}, beatOf(t, m, "b", 2).Lanes); diff != "" {
		t.Errorf("after the lease ended (-want +got):\n%s", diff)
	}
	if got := beatOf(t, m, "dead", 2); len(got.Lanes) != 0 || got.Nodes != 2 {
		t.Errorf("the dead one came back to %v of %d nodes, want no lanes of 2 nodes", got.Lanes, got.Nodes)
	}
	if n := queryValue[int](t, db, `SELECT min(token) FROM tenon.relay_lanes`); n != 2 {
		t.Errorf("lanes were taken %d times, want 2", n)
	}
}

func TestRelayBeatChecksItsArguments(t *testing.T) {
	t.Parallel()
	m := postgres.NewRelayMembers(open(t))
	for want, f := range map[string]func() error{
		"node is missing":   func() error { _, err := m.Beat(t.Context(), "", 1, time.Hour); return err },
		"0 lanes: want 1":   func() error { _, err := m.Beat(t.Context(), "a", 0, time.Hour); return err },
		"65 lanes: want 1":  func() error { _, err := m.Beat(t.Context(), "a", 65, time.Hour); return err },
		"lease is 0s: want": func() error { _, err := m.Beat(t.Context(), "a", 1, 0); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v doesn't say %q", err, want)
		}
	}
}

// From any start, with nodes that come, go and die, a few rounds of beats in any order lead to a fair spread, and no lane
// is ever held by two.
func TestRelayNodesReachAFairSpread(t *testing.T) {
	t.Parallel()
	db := open(t)
	m := postgres.NewRelayMembers(db)
	rng := rand.New(rand.NewPCG(3, 5))
	const lanes = 11
	held, born := make(map[string][]int), 0 // held by each node as it knows
	for range 12 {
		for range 1 + rng.IntN(3) {
			born++
			held[fmt.Sprintf("n%02d", rng.IntN(100)*100+born)] = nil
		}
		for node := range held {
			if len(held) == 1 || rng.IntN(3) != 0 {
				continue
			}
			if rng.IntN(2) == 0 {
				expire(t, db, node)
			} else if err := m.Leave(t.Context(), node); err != nil {
				t.Fatal(err)
			}
			delete(held, node)
		}
		for range 3 {
			roundOfBeats(t, m, rng, held, lanes)
		}
		checkSpread(t, held, lanes)
	}
}

func roundOfBeats(t *testing.T, m *postgres.RelayMembers, rng *rand.Rand, held map[string][]int, lanes int) {
	t.Helper()
	nodes := make([]string, 0, len(held))
	for node := range held {
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	for _, node := range nodes {
		held[node] = beatOf(t, m, node, lanes).Lanes
		owner := make(map[int]string)
		for n, has := range held {
			for _, lane := range has {
				if other, twice := owner[lane]; twice {
					t.Fatalf("lane %d is held by %s and %s", lane, other, n)
				}
				owner[lane] = n
			}
		}
	}
}

func checkSpread(t *testing.T, held map[string][]int, lanes int) {
	t.Helper()
	all, least, most := 0, lanes, 0
	for _, has := range held {
		all, least, most = all+len(has), min(least, len(has)), max(most, len(has))
	}
	if all != lanes || most-least > 1 {
		t.Fatalf("%d of %d lanes are held, between %d and %d by a node: %v", all, lanes, least, most, held)
	}
}

// All nodes at once: nobody waits for anybody in a circle, and what they were told together holds each lane once.
func TestRelayNodesBeatAtOnce(t *testing.T) {
	t.Parallel()
	rounds := 10
	if torture() {
		rounds = 300
	}
	db := open(t)
	m := postgres.NewRelayMembers(db)
	const lanes, nodes = 16, 8
	for round := range rounds {
		got := make([]relaying.Assignment, nodes)
		errs := make([]error, nodes)
		var wg sync.WaitGroup
		for n := range nodes {
			wg.Go(func() { got[n], errs[n] = m.Beat(t.Context(), fmt.Sprintf("n%d", n), lanes, time.Hour) })
		}
		wg.Wait()
		owner := make(map[int]int)
		for n := range nodes {
			if errs[n] != nil {
				t.Fatal(errs[n])
			}
			for _, lane := range got[n].Lanes {
				if other, twice := owner[lane]; twice {
					t.Fatalf("round %d: lane %d was given to %d and %d", round, lane, other, n)
				}
				owner[lane] = n
			}
		}
		if round > 3 && round%5 == 3 && len(owner) != lanes {
			t.Fatalf("round %d: %d of %d lanes are held", round, len(owner), lanes)
		}
		if round%5 == 4 { // half of them are gone, in both ways
			expire(t, db, "n1")
			expire(t, db, "n2")
			if err := m.Leave(t.Context(), "n3"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
