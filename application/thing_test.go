package application_test

import (
	"context"
	"errors"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
)

// thing is the aggregate of these tests: it is created, then renamed any number of times.
type thing struct {
	domain.Root

	name string
}

type (
	created struct{ Name string }
	renamed struct{ Name string }
	// unnamed is an event that nothing registers.
	unnamed struct{}
)

func (t *thing) Apply(e domain.Event) {
	switch e := e.(type) {
	case created:
		t.name = e.Name
	case renamed:
		t.name = e.Name
	}
}

func newThing(id, name string) *thing {
	t := new(thing)
	domain.Begin(t, id)
	domain.Record(t, created{name})
	return t
}

// counter is a second aggregate, changed by Before handlers.
type counter struct {
	domain.Root

	n int
}

type counted struct{ N int }

func (c *counter) Apply(e domain.Event) {
	if e, ok := e.(counted); ok {
		c.n = e.N
	}
}

// create, rename, look: the requests.
type (
	create struct {
		application.Returns[domain.Version]
		ID, Name string
	}
	rename struct {
		application.Returns[domain.Version]
		ID, Name string
		Expect   application.Expect
	}
)

var errRefused = errors.New("refused")

func handleCreate(_ context.Context, u *application.Unit, c create) (domain.Version, error) {
	t := newThing(c.ID, c.Name)
	application.Add(u, t)
	return t.Version(), nil
}

func handleRename(ctx context.Context, u *application.Unit, c rename) (domain.Version, error) {
	t, err := application.Get[thing](ctx, u, c.ID, c.Expect)
	if err != nil {
		return 0, err
	}
	if t.name != c.Name {
		domain.Record(t, renamed{c.Name})
	}
	return t.Version(), nil
}
