package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	errNotRunning = errors.New("not running")
	errJoining    = errors.New("not a member of its group yet")
)

// troubleLasts is how long a partition's error counts; one that stays is seen again by then.
const troubleLasts = 30 * time.Second

// health knows whether a source works, from what its client sees, and logs one line when it stops working and one when it
// works again. Brokers count as unreachable when one failed and none has answered for a while: a member hears from its
// brokers with every heartbeat, so that one dead broker of several doesn't count.
type health struct {
	log     *slog.Logger
	now     func() time.Time
	silence time.Duration

	mu          sync.Mutex
	answered    time.Time
	outside     error // why it isn't a member
	unreachable error // why no broker answers
	trouble     error // what a partition's fetch last gave
	troubledAt  time.Time
	since       time.Time
	logged      bool
}

var (
	_ kgo.HookBrokerConnect    = (*health)(nil)
	_ kgo.HookBrokerE2E        = (*health)(nil)
	_ kgo.HookGroupManageError = (*health)(nil)
)

func newHealth(log *slog.Logger, now func() time.Time, heartbeat time.Duration) *health {
	return &health{log: log, now: now, silence: 2 * heartbeat, outside: errNotRunning, since: now()}
}

// err returns nil or what is wrong and since when.
func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.problem(); err != nil {
		return fmt.Errorf("kafka source, since %s: %w", h.since.UTC().Format(time.RFC3339), err)
	}
	return nil
}

func (h *health) problem() error {
	switch {
	case h.unreachable != nil:
		return h.unreachable
	case h.outside != nil:
		return h.outside
	case h.now().Sub(h.troubledAt) < troubleLasts:
		return h.trouble
	}
	return nil
}

func (h *health) isUnreachable() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unreachable != nil
}

// change applies what was seen; since is the time of the change if it turns out to be one for the worse.
func (h *health) change(apply func() (since time.Time)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.problem()
	since := apply()
	now := h.problem()
	if before == nil && now != nil {
		h.since = since
	}
	expected := errors.Is(now, errJoining) || errors.Is(now, errNotRunning)
	switch {
	case now != nil && !expected && !h.logged:
		h.logged = true
		h.log.Warn("kafka source waits", "error", now)
	case now == nil && h.logged:
		h.logged = false
		h.log.Info("kafka source goes on", "waited", h.now().Sub(h.since).Round(time.Millisecond))
	}
}

func (h *health) joined() {
	h.change(func() time.Time { h.outside = nil; return time.Time{} })
}

func (h *health) left(err error) {
	h.change(func() time.Time { h.outside = err; return h.now() })
}

func (h *health) failed(err error) {
	if errors.Is(err, kgo.ErrClientClosed) {
		return // by this side, in the end
	}
	h.change(func() time.Time {
		since := h.answered
		if h.now().Sub(h.answered) >= h.silence {
			h.unreachable = fmt.Errorf("no broker answers: %w", err)
		}
		return since
	})
}

func (h *health) troubled(err error) {
	h.change(func() time.Time { h.trouble, h.troubledAt = err, h.now(); return h.troubledAt })
}

func (h *health) ok() {
	h.change(func() time.Time { h.answered, h.unreachable = h.now(), nil; return time.Time{} })
}

// OnBrokerConnect notes a dial that failed.
func (h *health) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		h.failed(err)
	}
}

// OnBrokerE2E notes a request that was answered or lost.
func (h *health) OnBrokerE2E(_ kgo.BrokerMetadata, _ int16, e2e kgo.BrokerE2E) {
	if err := e2e.Err(); err != nil {
		h.failed(err)
		return
	}
	h.ok()
}

// OnGroupManageError notes that the membership was lost. The client joins again by itself.
func (h *health) OnGroupManageError(err error) {
	h.left(fmt.Errorf("not a member of its group: %w", err))
}
