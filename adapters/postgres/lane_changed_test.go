package postgres_test

import (
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
)

func TestChangedSeesEveryCommitAndNothingElse(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	token := ""
	look := func(when string, want bool) {
		t.Helper()
		now, changed, err := l.Changed(t.Context(), token)
		if err != nil || changed != want {
			t.Errorf("%s: changed %v, %v; want %v", when, changed, err, want)
		}
		token = now
	}
	look("without a token", true)
	look("in an empty log", false)
	store(t, db, event("a", 1))
	look("after a commit", true)
	look("again", false)
	late := beginTx(t, db)
	appendTo(t, late, event("late", 1))
	store(t, db, event("b", 1))
	look("after a commit beside a transaction", true)
	exec(t, db, "CREATE TABLE public.other ()")
	look("after a commit elsewhere", false)
	commit(t, late)
	look("after the late commit", true)
	look("after that", false)
	token = "99999999:99999999:"
	look("after the database was set back", true)
	look("from the beginning", true)
	look("at last", false)
	if _, _, err := l.Changed(t.Context(), "nonsense"); err == nil {
		t.Error("a token that is none is accepted")
	}
}
