package rebuild_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/applicationtest"
)

func TestChangedVersionIsBuiltBesideAndServesWhole(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	const n = 10
	for i := range n {
		check(t, add(db, fmt.Sprintf("thing-%d", i), 1, 20, ""))
	}
	run(t, config(db, things(1)))
	wantFold(t, db, view, 1)
	var writers sync.WaitGroup
	for i := range n {
		writers.Go(func() {
			if err := add(db, fmt.Sprintf("thing-%d", i), 21, 200, ""); err != nil {
				t.Error(err)
			}
		})
	}
	watch := watchView(t, db)
	run(t, config(db, things(2)))
	wantState(t, db, 2, rebuild.Serving, rebuild.Log)
	wantState(t, db, 1, rebuild.Kept, rebuild.Log)
	writers.Wait()
	wantFold(t, db, view, 2)
	watch.end(t, 2)
	wantFold(t, db, "shop.things_v1", 1) // it is still fed
}

func TestBackAndForth(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	check(t, add(db, "thing-0", 1, 5, ""))
	run(t, config(db, things(1)))
	wantFold(t, db, view, 1)
	_, stop := run(t, config(db, things(2)))
	wantState(t, db, 2, rebuild.Serving, "")
	versions := rebuild.NewVersions(db)
	check(t, add(db, "thing-1", 1, 5, ""))
	check(t, versions.Use(t.Context(), name, 1, false))
	wantFold(t, db, view, 1)
	stop()
	_, stop = run(t, config(db, things(2))) // a start doesn't turn it again
	check(t, add(db, "thing-2", 1, 5, ""))
	wantFold(t, db, "shop.things_v2", 2)
	wantState(t, db, 2, rebuild.Kept, "")
	wantFold(t, db, view, 1)
	check(t, versions.Use(t.Context(), name, 2, false))
	wantFold(t, db, view, 2)
	check(t, versions.Use(t.Context(), name, 1, false))

	stop() // version 2 falls behind
	check(t, add(db, "thing-3", 1, 5, ""))
	wantFold(t, db, view, 1)
	if err := versions.Use(t.Context(), name, 2, false); !errors.Is(err, rebuild.ErrNotReady) {
		t.Errorf("use of a version that is behind: %v, want ErrNotReady", err)
	}
	wantFold(t, db, view, 1)
	check(t, versions.Use(t.Context(), name, 2, true))
	wantState(t, db, 1, rebuild.Kept, "")
	if err := versions.Use(t.Context(), name, 9, false); !errors.Is(err, rebuild.ErrNoVersion) {
		t.Errorf("use of a version that isn't there: %v, want ErrNoVersion", err)
	}
}

// TestServingVersionIsHeldWhileAnotherOneCatchesUp holds it for one that never does.
func TestServingVersionIsHeldWhileAnotherOneCatchesUp(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	check(t, add(db, "thing-0", 1, 5, ""))
	run(t, config(db, things(1)))
	_, stop := run(t, config(db, things(2)))
	wantState(t, db, 2, rebuild.Serving, "")
	versions := rebuild.NewVersions(db)
	check(t, versions.Use(t.Context(), name, 1, false))
	stop()
	check(t, add(db, "thing-0", 6, 6, ""))
	wantFold(t, db, view, 1)
	used := make(chan error, 1)
	go func() { used <- versions.Use(t.Context(), name, 2, false) }()
	applicationtest.Eventually(t, func() error {
		if free := value[int](t, db, `SELECT count(*) FROM (SELECT FROM tenon.projection_lanes WHERE version = 1 FOR UPDATE SKIP LOCKED) AS l`); free > 0 {
			return errors.New("version 1 isn't held")
		}
		return nil
	})
	check(t, add(db, "thing-0", 7, 7, ""))
	if err := <-used; !errors.Is(err, rebuild.ErrNotReady) {
		t.Errorf("use of a version that is behind: %v, want ErrNotReady", err)
	}
	wantFold(t, db, view, 1)
}

func TestChangedVersionIsRefusedUntilSomebodyBeginsIt(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	check(t, add(db, "thing-0", 1, 5, ""))
	run(t, config(db, things(1)))
	wantFold(t, db, view, 1)
	cfg := config(db, things(2))
	cfg.Begin = false
	f, _ := run(t, cfg)
	applicationtest.Eventually(t, func() error {
		if err := f.Health(); !errors.Is(err, rebuild.ErrRefused) || !strings.Contains(err.Error(), "tenon projections rebuild things") {
			return fmt.Errorf("health: %w", err)
		}
		return nil
	})
	if value[bool](t, db, `SELECT to_regclass('shop.things_v2') IS NOT NULL`) {
		t.Error("a refused version has a table")
	}
	_, err := rebuild.NewVersions(db).Enter(t.Context(), rebuild.Entry{Projection: things(2), Source: rebuild.Log, Begin: true})
	check(t, err)
	wantState(t, db, 2, rebuild.Serving, "")
	applicationtest.Eventually(t, f.Health)
}

func TestVersionThatParksWhatTheOldOneAppliedWaitsForADecision(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	check(t, add(db, "thing-0", 1, 5, ""))
	check(t, add(db, "thing-1", 1, 5, "2"))
	run(t, config(db, things(1)))
	wantFold(t, db, view, 1)
	run(t, config(db, things(2)))
	applicationtest.Eventually(t, func() error {
		v, err := rebuild.NewVersions(db).Get(t.Context(), name, 2)
		if err == nil && !strings.Contains(v.LastError, "parked 1 aggregates") {
			err = fmt.Errorf("it says %q", v.LastError)
		}
		return err
	})
	wantState(t, db, 2, rebuild.Building, "")
	check(t, add(db, "thing-0", 6, 9, ""))
	wantFold(t, db, view, 1)
	if n := value[int](t, db, `SELECT count(*) FROM tenon.events WHERE topic LIKE '%.DLT'`); n != 0 {
		t.Errorf("%d copies were sent while the version is being built", n)
	}
	check(t, rebuild.NewVersions(db).Use(t.Context(), name, 2, false))
	wantState(t, db, 2, rebuild.Serving, "")
	if by := value[int](t, db, `SELECT made_by FROM shop.things WHERE id = 'thing-0'`); by != 2 {
		t.Errorf("readers see version %d", by)
	}
}

// What stopped one program is over when the next one feeds the version.
func TestErrorOfAFormerProgramIsOver(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	_, stop := run(t, config(db, things(1)))
	wantState(t, db, 1, rebuild.Serving, "")
	stop()
	_, err := db.Pool().ExecContext(t.Context(), `UPDATE tenon.projection_versions SET last_error = 'broken', failed_at = now()`)
	check(t, err)
	run(t, config(db, things(1)))
	applicationtest.Eventually(t, func() error {
		v, err := rebuild.NewVersions(db).Get(t.Context(), name, 1)
		if err == nil && (!v.FailedAt.IsZero() || v.LastError == "") {
			err = fmt.Errorf("failing since %v, it says %q", v.FailedAt, v.LastError)
		}
		return err
	})
}

func TestPausedProjectionIsFedByNobodyUntilItIsResumed(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	versions := rebuild.NewVersions(db)
	check(t, add(db, "thing-0", 1, 5, ""))
	f, stop := run(t, config(db, things(1)))
	wantFold(t, db, view, 1)
	check(t, versions.Pause(t.Context(), name, "anna", "ticket 4711"))
	applicationtest.Eventually(t, func() error {
		if owned := value[int](t, db, `SELECT count(*) FROM tenon.projection_lanes WHERE owner IS NOT NULL`); owned > 0 {
			return fmt.Errorf("%d lanes have owners", owned)
		}
		return nil
	})
	applicationtest.Eventually(t, f.Health)
	stop()
	_, _ = run(t, config(db, things(1)))
	_, _ = run(t, config(db, things(2))) // not begun either
	check(t, add(db, "thing-0", 6, 10, ""))
	for range 20 {
		check(t, versions.Pause(t.Context(), name, "bob", "again"))
		if v := value[int](t, db, `SELECT max(version) FROM shop.things`); v != 5 {
			t.Fatalf("a paused projection has reached version %d", v)
		}
	}
	if all, err := versions.Pauses(t.Context()); err != nil || len(all) != 1 || all[0].By != "anna" || all[0].Why != "ticket 4711" {
		t.Errorf("pauses: %+v, %v", all, err)
	}
	if was, err := versions.Resume(t.Context(), name); err != nil || !was {
		t.Errorf("resume: %v, %v", was, err)
	}
	wantState(t, db, 2, rebuild.Serving, "")
	wantFold(t, db, view, 2)
}
