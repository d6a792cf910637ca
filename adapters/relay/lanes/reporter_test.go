package lanes

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestReportsThatAreMergedTellTheNewestCommit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after, want time.Duration }{{3, 0, 3}, {3, 5, 5}, {0, 5, 5}} {
		if got := merge(relaying.Report{Commit: c.before}, relaying.Report{Commit: c.after}).Commit; got != c.want {
			t.Errorf("%d, then %d: %d, want %d", c.before, c.after, got, c.want)
		}
	}
}

// A board that is away gets one span for many: it ends where the farthest of them does, or nobody knows where.
func TestSpansThatAdjoinAreReportedAsOne(t *testing.T) {
	t.Parallel()
	span := func(from, to eventlog.Cursor, highest int64) relaying.Report {
		return relaying.Report{Spans: []relaying.Span{{From: from, To: to, Records: 2, Highest: highest}}}
	}
	for name, c := range map[string]struct {
		after relaying.Report
		want  []relaying.Span
	}{
		"farther":       {span("b", "c", 9), []relaying.Span{{From: "a", To: "c", Records: 4, Highest: 9}}},
		"less far":      {span("b", "c", 3), []relaying.Span{{From: "a", To: "c", Records: 4, Highest: 5}}},
		"unknown":       {span("b", "c", 0), []relaying.Span{{From: "a", To: "c", Records: 4}}},
		"not adjoining": {span("c", "d", 9), []relaying.Span{{From: "a", To: "b", Records: 2, Highest: 5}, {From: "c", To: "d", Records: 2, Highest: 9}}},
	} {
		if diff := cmp.Diff(c.want, merge(span("a", "b", 5), c.after).Spans); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
