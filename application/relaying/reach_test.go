package relaying_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon/application/relaying"
)

func TestReach(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	var log bytes.Buffer
	r := relaying.NewReach("Kafka", 4*time.Second, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	refused, reset := errors.New("connection refused"), errors.New("connection reset")
	want := func(says string, lines int) {
		t.Helper()
		got := ""
		if err := r.Unreachable(); err != nil {
			got = err.Error()
		}
		if n := strings.Count(log.String(), "\n"); got != says || n != lines {
			t.Errorf("it says %q after %d lines, want %q after %d:\n%s", got, n, says, lines, &log)
		}
	}
	want("", 0)
	r.Failed(refused)
	now = now.Add(3 * time.Second)
	r.Failed(refused)
	want("", 0)
	r.Answered() // another server
	want("", 0)
	r.Failed(refused)
	now = now.Add(4 * time.Second)
	want("Kafka unreachable since 2026-03-04T05:06:10Z: connection refused", 1)
	r.Failed(reset)
	r.Failed(reset)
	want("Kafka unreachable since 2026-03-04T05:06:10Z: connection reset", 1)
	if !errors.Is(r.Unreachable(), reset) {
		t.Error("the cause can't be tested for")
	}
	r.Answered()
	r.Answered()
	want("", 2)
	if !strings.Contains(log.String(), `msg="Kafka reachable again" after=4s`) {
		t.Error(log.String())
	}
}
