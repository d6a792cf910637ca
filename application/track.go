package application

import (
	"context"
	"sync"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

// Writes collects what the commands sent under a context have written. Safe for concurrent use.
type Writes struct {
	mu    sync.Mutex
	token reading.Token
}

type writesKey struct{}

// Track returns a context under which commands note what they write, and where they note it.
func Track(ctx context.Context) (context.Context, *Writes) {
	w := new(Writes)
	return context.WithValue(ctx, writesKey{}, w), w
}

// Token returns what has been written so far, for queries that must see it: see [WithWait]. A command that had nothing to record
// counts with what it looked at, so that whoever repeats a command whose answer got lost can read what the first one wrote. The
// zero Token when there is nothing, or too much: see [reading.NewToken].
func (w *Writes) Token() reading.Token {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.token
}

// SendTracked is [Send], with the token of what the command wrote.
func SendTracked[C Request[R], R any](ctx context.Context, m *Mediator, c C) (R, reading.Token, error) {
	ctx, writes := Track(ctx)
	result, err := Send(ctx, m, c)
	return result, writes.Token(), err
}

// note tells whoever tracks the unit what it wrote. It was committed.
func (u *Unit) note(ctx context.Context) {
	w, ok := ctx.Value(writesKey{}).(*Writes)
	if !ok {
		return
	}
	heads := make([]eventlog.Head, 0, len(u.tracked))
	for _, t := range u.tracked {
		if t.collected > 0 || len(u.happened) == 0 {
			heads = append(heads, eventlog.Head{Type: t.kind.name, ID: domain.IDOf(t.aggregate), Version: domain.Stored(t.aggregate)})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.token = w.token.And(reading.NewToken(heads...))
}
