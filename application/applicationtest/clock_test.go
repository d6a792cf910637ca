package applicationtest_test

import (
	"testing"
	"time"

	"github.com/tenon-go/tenon/application/applicationtest"
)

func TestClockStandsStill(t *testing.T) {
	t.Parallel()
	var c applicationtest.Clock
	if first, second := c.Now(), c.Now(); !first.Equal(second) || first.Location() != time.UTC {
		t.Errorf("clock says %v, then %v; want one time, UTC", first, second)
	}
}

func TestClockMovesWhenTold(t *testing.T) {
	t.Parallel()
	var c applicationtest.Clock
	before := c.Now()
	c.Advance(time.Hour)
	c.Advance(-time.Minute)
	if passed := c.Now().Sub(before); passed != 59*time.Minute {
		t.Errorf("%v passed, want 59m", passed)
	}
}
