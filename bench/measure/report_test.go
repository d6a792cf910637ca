package measure

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestReportIsTheGoldenFile(t *testing.T) {
	t.Parallel()
	r := Report{
		Facts: []Fact{{"machine", "2 cores"}, {"commit", "abc"}},
		Tables: []Table{{
			Case: Case{
				Name: "relay", About: "A backlog.",
				Metrics: []Metric{{Name: "rate", Unit: "events/s"}, {Name: "time", Unit: "ms", Lower: true}, {Name: "allocations", Unit: "1", Lower: true, Exact: true}},
				Competitors: []Competitor{
					{Name: "tenon", Role: Ours},
					{Name: "loop", Role: Peer, Note: "sleeps."},
					{Name: "bare", Role: Limit},
				},
				Goals: []Goal{
					{Metric: "rate", Of: "tenon", Against: "loop", AtLeast: 25, Unmet: "never shown"},
					{Metric: "rate", Of: "tenon", Against: "bare", AtLeast: 0.7, Unmet: "One at a time."},
					{Metric: "time", Of: "tenon", AtMost: 20},
					{Metric: "rate", Of: "tenon", AtLeast: 100000, Unmet: "Two cores."},
				},
			},
			Figures: map[string]map[string][]float64{
				"tenon": {"rate": {50000, 60000, 40000}, "time": {0.5, 0.25, 0.75}, "allocations": {0, 0, 0}},
				"loop":  {"rate": {1000, 999, 1001}, "time": {123.4, 100, 200}, "allocations": {7, 7, 7}},
				"bare":  {"rate": {100000, 1234567, 99999}, "time": {0.1, 0.1, 0.1}, "allocations": {0, 0, 0}},
			},
		}},
	}
	var got bytes.Buffer
	if err := r.Write(&got); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/report.md"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}
