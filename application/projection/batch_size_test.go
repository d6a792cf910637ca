package projection_test

import (
	"testing"
	"time"

	"github.com/tenon-go/tenon/application/projection"
)

func TestBatchesGrowWhileTheyAreQuickAndShrinkWhenTheyTakeLong(t *testing.T) {
	t.Parallel()
	size := projection.NewBatchSize(3500)
	for i, step := range []struct {
		records int
		took    time.Duration
		want    int // of the next batch
	}{
		{1000, time.Millisecond, 2000},
		{1999, time.Millisecond, 2000}, // there were no more
		{2000, 500 * time.Millisecond, 2000},
		{2000, time.Millisecond, 3500},
		{3500, time.Millisecond, 3500},
		{3500, time.Minute, 1750},
		{10, time.Minute, 875},
		{875, time.Millisecond, 1750},
	} {
		if size.Took(step.records, step.took); size.Now() != step.want {
			t.Errorf("after step %d: %d, want %d", i, size.Now(), step.want)
		}
	}
	for range 20 {
		size.Took(1, time.Minute)
	}
	if size.Now() != 1 {
		t.Errorf("after many batches that took long: %d, want 1", size.Now())
	}
	if small := projection.NewBatchSize(7); small.Now() != 7 {
		t.Errorf("of at most 7: %d at first", small.Now())
	}
}
