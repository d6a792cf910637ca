package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestWithheldIsWhatTheCursorPassed(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	early := beginTx(t, db)
	appendTo(t, early, message("a"))
	store(t, db, append(events("a", 1, 4), message("a"), event("b", 1), message("b"))...)
	_, between := drainLane(t, l, relaying.Lane{Of: 1}, "", 100)
	commit(t, early)
	store(t, db, append(events("a", 5, 3), message("a"))...)
	inside := must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, After: between, Records: 2, Bytes: manyBytes}))(t).Next // the late one, a/5
	_, end := drainLane(t, l, relaying.Lane{Of: 1}, inside, 100)
	third := must(db.Read(t.Context(), "", 100))(t).Records[3].Position // a/3, behind the late message

	order, free := relaying.Key{AggregateType: "order", AggregateID: "a"}, relaying.Key{AggregateID: "a"}
	for name, tt := range map[string]struct {
		query relaying.WithheldQuery
		want  []string
	}{
		"between windows":          {relaying.WithheldQuery{Key: order, From: third, Passed: between}, []string{"a/3", "a/4"}},
		"inside a window":          {relaying.WithheldQuery{Key: order, From: third, Passed: inside}, []string{"a/3", "a/4", "a/5"}},
		"at the end":               {relaying.WithheldQuery{Key: order, From: third, Passed: end}, []string{"a/3", "a/4", "a/5", "a/6", "a/7"}},
		"at most two":              {relaying.WithheldQuery{Key: order, Passed: end, Records: 2}, []string{"a/1", "a/2"}},
		"a byte":                   {relaying.WithheldQuery{Key: order, Passed: end, Bytes: 1}, []string{"a/1"}},
		"messages between windows": {relaying.WithheldQuery{Key: free, Passed: between}, []string{"a/0"}},
		"messages inside a window": {relaying.WithheldQuery{Key: free, Passed: inside}, []string{"a/0", "a/0"}},
		"messages at the end":      {relaying.WithheldQuery{Key: free, Passed: end}, []string{"a/0", "a/0", "a/0"}},
		"after a place":            {relaying.WithheldQuery{Key: order, After: between, Passed: end}, []string{"a/5", "a/6", "a/7"}},
		"after one in a window":    {relaying.WithheldQuery{Key: order, After: inside, Passed: end}, []string{"a/6", "a/7"}},
		"late messages after":      {relaying.WithheldQuery{Key: free, After: between, Passed: end}, []string{"a/0", "a/0"}},
		"at the beginning":         {relaying.WithheldQuery{Key: order, Passed: ""}, []string{}},
		"unknown":                  {relaying.WithheldQuery{Key: relaying.Key{AggregateID: "c"}, Passed: end}, []string{}},
	} {
		if tt.query.Records == 0 {
			tt.query.Records = 100
		}
		if tt.query.Bytes == 0 {
			tt.query.Bytes = manyBytes
		}
		if diff := cmp.Diff(tt.want, names(must(l.Withheld(t.Context(), tt.query))(t))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What a key has is found by its index, also when the log is large and the planner has no statistics of it.
func TestTortureWithheldPlans(t *testing.T) {
	t.Parallel()
	transactions := 8_000
	if torture() {
		transactions = 100_000
	}
	db := open(t)
	l := postgres.NewLaneLog(db)
	for i := range 30 {
		store(t, db, append(events(fmt.Sprint("k", i), 1, 5), message("key"))...)
	}
	exec(t, db, fmt.Sprintf(fillSQL, transactions, "many"))
	_, end := drainLane(t, l, relaying.Lane{Of: 1}, "", 20_000)
	check := func(state string) {
		for _, key := range []relaying.Key{{AggregateType: "order", AggregateID: "k3"}, {AggregateID: "key"}, {AggregateType: "order", AggregateID: "none"}} {
			for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
				t.Run(fmt.Sprintf("%s, %s, %s", state, key, mode), func(t *testing.T) {
					q := relaying.WithheldQuery{Key: key, Passed: end, Records: pageLimit, Bytes: manyBytes}
					explain(t, db, mode, postgres.WithheldSQL, postgres.WithheldArgs(postgres.Cursor{}, must(postgres.ParseCursor(end))(t), q)...).check(t)
				})
			}
		}
	}
	check("no statistics")
	exec(t, db, "ANALYZE tenon.events")
	check("analyzed")
}
