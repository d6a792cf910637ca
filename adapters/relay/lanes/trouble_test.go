package lanes

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
)

// What began in an outage, which is told apart, may end a moment after it: that is nothing to tell.
func TestTroubleIsToldWhenItOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		down := true
		trouble := &trouble{
			log: slog.New(slog.NewTextHandler(&log, nil)), begun: "can't go on", ended: "goes on", patience: time.Second,
			outage: func() bool { return down },
		}
		fail := func() { trouble.fail(fmt.Errorf("beat: %w", eventlog.ErrUnavailable)) }
		fail()
		time.Sleep(time.Minute)
		fail()
		down = false
		time.Sleep(900 * time.Millisecond)
		fail()
		if log.Len() > 0 {
			t.Errorf("told in the outage, or a moment after it: %s", &log)
		}
		time.Sleep(100 * time.Millisecond)
		fail()
		if !strings.Contains(log.String(), "can't go on") {
			t.Errorf("told nothing of what goes on: %q", &log)
		}
		trouble.ok()
		if !strings.Contains(log.String(), "goes on") || trouble.health() != nil {
			t.Errorf("told %q, health %v", &log, trouble.health())
		}
	})
}
