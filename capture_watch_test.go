package tenon

import (
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// Health with TENON_RELAY=none: a connector may be away for as long as it takes to come back, and no longer.
func TestHealthWithoutARelayTellsWhatTheSlotIsLike(t *testing.T) {
	t.Parallel()
	w := &captureWatch{patience: 30 * time.Second}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, step := range []struct {
		what   string
		after  time.Duration
		there  bool
		status postgres.CaptureStatus
		says   string // "" for healthy
	}{
		{"no slot", 0, false, postgres.CaptureStatus{}, ""},
		{"read", time.Second, true, postgres.CaptureStatus{Active: true}, ""},
		{"not read for a moment", time.Second, true, postgres.CaptureStatus{}, ""},
		{"not read for a while", 29 * time.Second, true, postgres.CaptureStatus{}, ""},
		{"not read for long", time.Second, true, postgres.CaptureStatus{Slot: "s"}, "nobody reads replication slot s since 2026-01-02T03:04:07Z"},
		{"read again", time.Second, true, postgres.CaptureStatus{Active: true}, ""},
		{"not read again", 40 * time.Second, true, postgres.CaptureStatus{}, ""},
		{"older events unsent", time.Second, true, postgres.CaptureStatus{Active: true, Slot: "s", Unsent: 3}, "3 events from before replication slot s were never sent"},
		{"lost", time.Second, true, postgres.CaptureStatus{Lost: true, Slot: "s"}, "replication slot s is lost"},
		{"removed", time.Second, false, postgres.CaptureStatus{}, ""},
	} {
		at = at.Add(step.after)
		w.note(step.status, step.there, at)
		err := w.health()
		if (err == nil) != (step.says == "") || err != nil && !strings.Contains(err.Error(), step.says) {
			t.Errorf("%s: %v, want %q", step.what, err, step.says)
		}
	}
}
