package postgres_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
)

func TestSnapshotIsReplacedByNewerAndByAnotherFold(t *testing.T) {
	t.Parallel()
	db := open(t)
	shot := func(v domain.Version, fold int) application.Snapshot {
		return application.Snapshot{Type: "order", ID: "a", Version: v, Fold: fold, State: json.RawMessage(`{"b": 1,"a":2}`)}
	}
	if got := must(db.LoadSnapshot(t.Context(), nil, "order", "a"))(t); got.Version != 0 {
		t.Errorf("got %+v, want none", got)
	}
	for _, step := range []struct{ save, want application.Snapshot }{
		{shot(5, 1), shot(5, 1)}, {shot(4, 1), shot(5, 1)}, {shot(6, 1), shot(6, 1)}, {shot(2, 2), shot(2, 2)}, {shot(1, 1), shot(1, 1)},
	} {
		if err := db.SaveSnapshot(t.Context(), step.save); err != nil {
			t.Fatal(err)
		}
		got := must(db.LoadSnapshot(t.Context(), beginTx(t, db), "order", "a"))(t)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after saving version %d of fold %d (-want +got):\n%s", step.save.Version, step.save.Fold, diff)
		}
	}
}
