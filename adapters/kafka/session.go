package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

var errSessionClosed = errors.New("session is closed")

// session is one taking of a lane: its clients, until the first error.
type session struct {
	lanes   *Lanes
	log     uuid.UUID
	lane    int
	ids     []string // transactional ids, of the clients in their order
	clients []*kgo.Client
	parked  map[relaying.Key]bool // as committed
	// examined are topics that hold nothing of former owners' that was left open. Only the transaction under way uses it.
	examined map[string]bool
	encoder  encoder // its records are the clients' while a Commit is under way, and for good after an error

	ctx    context.Context // ends with the session; its cause says why
	cancel context.CancelCauseFunc
	work   sync.WaitGroup // transactions, also ones that nobody waits for any more
	closed chan struct{}  // when all clients are closed
}

var _ relaying.Session = (*session)(nil)

func newSession(l *Lanes, log uuid.UUID, lane int) *session {
	s := &session{
		lanes: l, encoder: encoder{cfg: l.lanes}, log: log, lane: lane,
		parked: make(map[relaying.Key]bool), examined: make(map[string]bool), closed: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// end makes the session useless and closes its clients in the background. Only the first cause counts.
func (s *session) end(cause error) {
	s.cancel(cause)
	s.lanes.retire(s)
}

// Close ends the session. It waits a few seconds at most for brokers that don't answer.
func (s *session) Close() {
	s.end(errSessionClosed)
	within(closeWait, s.closed)
}

func (s *session) closeClients() {
	var all sync.WaitGroup
	for _, cl := range s.clients {
		all.Go(cl.Close)
	}
	all.Wait()
}

// Commit publishes b in one Kafka transaction. Payloads are not copied: they must stay as they are also after an error,
// when a client may still be busy with them for a moment.
func (s *session) Commit(ctx context.Context, b relaying.Batch) error {
	if cause := context.Cause(s.ctx); cause != nil {
		return fmt.Errorf("commit batch %d of lane %d: the session has ended, take the lane again: %w", b.Progress.Batches, s.lane, cause)
	}
	t, err := s.prepare(b)
	if err == nil {
		err = s.run(ctx, t)
	}
	if err != nil {
		err = fmt.Errorf("commit batch %d of lane %d: %w", b.Progress.Batches, s.lane, err)
		s.end(err)
		return err
	}
	s.parked = t.parked
	s.encoder.done()
	return nil
}

// run is the watchdog: a client may ignore its context while it doesn't know whether a broker has got a record.
func (s *session) run(ctx context.Context, t *transaction) error {
	work, cancel := context.WithTimeout(s.ctx, s.lanes.lanes.CommitTimeout)
	defer cancel()
	done := make(chan error, 1)
	s.work.Go(func() { done <- t.run(work) })
	select {
	case err := <-done:
		switch {
		case err == nil || work.Err() == nil:
			return err
		case context.Cause(s.ctx) != nil:
			return context.Cause(s.ctx)
		}
	case <-ctx.Done():
		return ctx.Err()
	case <-work.Done():
		if cause := context.Cause(s.ctx); cause != nil {
			return cause
		}
	}
	return fmt.Errorf("%w: no outcome within %v", eventlog.ErrUnavailable, s.lanes.lanes.CommitTimeout)
}
