package memory

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
)

// resource is what a transaction can lock: a stream or a row.
type resource any

type lockMode int

const (
	shared    lockMode = iota // taken by Guard: compatible with other guards
	exclusive                 // taken by whoever writes
)

// lockHolders are the open transactions that hold a resource, each with its mode.
type lockHolders struct{ modes map[*Tx]lockMode }

// wait is what a transaction is waiting for.
type wait struct {
	res  resource
	mode lockMode
}

// lock gives tx the resource until it ends, and waits for the transactions that have it now. Waiting in a circle gives
// eventlog.ErrTransient. The caller holds the mutex, which is free while waiting.
func (l *Log) lock(ctx context.Context, tx *Tx, res resource, mode lockMode) error {
	defer func() { tx.waiting = nil }()
	for {
		blockers := l.blockers(tx, wait{res, mode})
		if len(blockers) == 0 {
			l.grant(tx, res, mode)
			return nil
		}
		tx.waiting = &wait{res, mode}
		if l.reaches(blockers, tx, make(map[*Tx]bool)) {
			return fmt.Errorf("deadlock: %w", eventlog.ErrTransient)
		}
		if err := l.await(ctx, blockers[0].ended); err != nil {
			return err
		}
	}
}

// await lets the mutex go until the channel closes or ctx ends.
func (l *Log) await(ctx context.Context, ended <-chan struct{}) error {
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Log) grant(tx *Tx, res resource, mode lockMode) {
	holders := l.locks[res]
	if holders == nil {
		holders = &lockHolders{modes: make(map[*Tx]lockMode)}
		l.locks[res] = holders
	}
	if held, ok := holders.modes[tx]; !ok || held < mode {
		holders.modes[tx] = mode
	}
	tx.held = append(tx.held, res)
}

// blockers returns the other transactions whose hold on the resource forbids what is asked for.
func (l *Log) blockers(tx *Tx, w wait) []*Tx {
	holders := l.locks[w.res]
	if holders == nil {
		return nil
	}
	var found []*Tx
	for other, held := range holders.modes {
		if other != tx && (held == exclusive || w.mode == exclusive) {
			found = append(found, other)
		}
	}
	return found
}

// reaches reports whether one of the transactions waits, directly or through others, for the target.
func (l *Log) reaches(from []*Tx, target *Tx, seen map[*Tx]bool) bool {
	for _, tx := range from {
		if tx == target {
			return true
		}
		if seen[tx] || tx.waiting == nil {
			continue
		}
		seen[tx] = true
		if l.reaches(l.blockers(tx, *tx.waiting), target, seen) {
			return true
		}
	}
	return false
}

// release gives back all that tx holds and wakes who waits for it.
func (l *Log) release(tx *Tx) {
	for _, res := range tx.held {
		holders := l.locks[res]
		if holders == nil {
			continue // held twice and given back already
		}
		delete(holders.modes, tx)
		if len(holders.modes) == 0 {
			delete(l.locks, res)
		}
	}
	tx.held = nil
	close(tx.ended)
}
