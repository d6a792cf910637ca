package memory_test

import (
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/domain"
)

// TestSaveFindsTheConflictItself leaves the append out, which would find it as well.
func TestSaveFindsTheConflictItself(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	repo := memory.NewRepository[account](log, "account", copyAccount)
	a := newAccount()
	tx := begin(t, log)
	if err := repo.Save(t.Context(), tx, []*account{a}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, repo.Save(t.Context(), begin(t, log), []*account{a}), domain.ErrConflict)
}

func TestNilCopyIsAPlainOne(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	repo := memory.NewRepository[account](log, "account", nil)
	a := newAccount()
	tx := begin(t, log)
	if err := repo.Save(t.Context(), tx, []*account{a}); err != nil {
		t.Fatal(err)
	}
	loaded, err := repo.Load(t.Context(), tx, a.ID())
	if err != nil || loaded == a || domain.Stored(loaded) != 1 {
		t.Errorf("loaded %+v, error %v; want a copy at version 1", loaded, err)
	}
}
