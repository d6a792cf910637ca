package lanes

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tenon-go/tenon/adapters/relay/internal/pause"
	"github.com/tenon-go/tenon/application/relaying"
)

// reportEvery is how often the board is told what happened.
const reportEvery = 200 * time.Millisecond

// reporter tells the board, apart from the lanes: people's figures hold no record up. Safe for concurrent use.
type reporter struct {
	board    relaying.Board
	node     string
	log      *slog.Logger
	retryMax time.Duration

	mu      sync.Mutex
	pending map[int]relaying.Report // by lane
	noted   chan struct{}           // holds a token when pending isn't empty
}

func newReporter(cfg Config) *reporter {
	return &reporter{
		board: cfg.Board, node: cfg.Node, log: cfg.Logger, retryMax: cfg.RetryMax,
		pending: make(map[int]relaying.Report), noted: make(chan struct{}, 1),
	}
}

// report returns what there is to tell of the lane.
func (t *tenure) report(spans []relaying.Span, parkedChanged bool) relaying.Report {
	r := relaying.Report{Node: t.relay.cfg.Node, Progress: t.progress, Spans: spans, ParkedChanged: parkedChanged}
	if parkedChanged {
		r.Parked = slices.Collect(maps.Values(t.parked))
	}
	return r
}

// note adds to what the board is told of the lane next.
func (r *reporter) note(lane int, n relaying.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.pending[lane]; ok {
		n = merge(before, n)
	}
	r.pending[lane] = n
	select {
	case r.noted <- struct{}{}:
	default:
	}
}

// merge returns both reports of a lane as one. Spans that adjoin become one, so that an outage of the board costs no
// memory.
func merge(before, after relaying.Report) relaying.Report {
	if !after.ParkedChanged {
		after.Parked, after.ParkedChanged = before.Parked, before.ParkedChanged
	}
	if after.Commit == 0 {
		after.Commit = before.Commit
	}
	if before.Progress.Epoch != after.Progress.Epoch {
		return after
	}
	spans := before.Spans
	for _, s := range after.Spans {
		if n := len(spans); n > 0 && spans[n-1].To == s.From {
			spans[n-1] = joined(spans[n-1], s)
			continue
		}
		spans = append(spans, s)
	}
	after.Spans = spans
	return after
}

// joined returns two spans as one. What one of them doesn't know of its positions nobody knows of both.
func joined(a, b relaying.Span) relaying.Span {
	whole := relaying.Span{From: a.From, To: b.To, Records: a.Records + b.Records}
	if knowsHighest(a) && knowsHighest(b) {
		whole.Highest = max(a.Highest, b.Highest)
	}
	return whole
}

// knowsHighest reports whether a span has a greatest position, or passed nothing.
func knowsHighest(s relaying.Span) bool { return s.Highest > 0 || s.Records == 0 }

// run tells the board until ctx ends, then once more.
func (r *reporter) run(ctx context.Context) {
	var between pause.Pause
	for {
		select {
		case <-r.noted:
		case <-ctx.Done():
			r.last()
			return
		}
		if err := r.flush(ctx); err != nil {
			r.log.Debug("relay could not report", "error", err) // the lanes say so if the database is away
			between.Wait(r.retryMax, ctx.Done(), nil)
			continue
		}
		between.Reset()
		timer := time.NewTimer(reportEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// lastReport bounds how long a stop waits for the board.
const lastReport = 2 * time.Second

func (r *reporter) last() {
	ctx, cancel := context.WithTimeout(context.Background(), lastReport)
	defer cancel()
	if err := r.flush(ctx); err != nil {
		r.log.Debug("relay could not report at its end", "error", err)
	}
}

// flush tells the board what is pending, and keeps it pending when that fails.
func (r *reporter) flush(ctx context.Context) error {
	r.mu.Lock()
	pending := r.pending
	r.pending = make(map[int]relaying.Report)
	r.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	reports := make([]relaying.Report, 0, len(pending))
	for _, n := range slices.Sorted(maps.Keys(pending)) {
		reports = append(reports, pending[n])
	}
	err := r.board.Report(ctx, reports)
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, newer := range r.pending {
		if before, ok := pending[n]; ok {
			newer = merge(before, newer)
		}
		pending[n] = newer
	}
	r.pending = pending
	select {
	case r.noted <- struct{}{}:
	default:
	}
	return err
}
