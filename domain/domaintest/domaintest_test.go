package domaintest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/domaintest"
)

var (
	errEmpty = errors.New("nothing to take")
	errOther = errors.New("something else")
)

type (
	put  struct{ N int }
	took struct{ N int }
)

// box counts what is in it.
type box struct {
	domain.Root
	n     int
	dirty bool // changed without an event by sloppy
}

func (b *box) Apply(e domain.Event) {
	switch e := e.(type) {
	case put:
		b.n += e.N
	case took:
		b.n -= e.N
	}
}

func (b *box) take(n int) error {
	if n > b.n {
		return fmt.Errorf("take %d: %w", n, errEmpty)
	}
	if n > 0 {
		domain.Record(b, took{n})
	}
	return nil
}

func (b *box) sloppy() error {
	b.dirty = true
	return nil
}

func (b *box) hasty() error {
	domain.Record(b, took{1})
	return errEmpty
}

func (b *box) empty() error { return errEmpty }

func (b *box) picky() error { return &domain.InvalidError{Field: "n", Reason: "must be even"} }

func open(id string, err error) func() (*box, error) {
	return func() (*box, error) {
		if err != nil {
			return nil, err
		}
		b := new(box)
		domain.Begin(b, id)
		domain.Record(b, put{1})
		return b, nil
	}
}

func take(n int) func(*box) error { return func(b *box) error { return b.take(n) } }

// spy stands in for the testing.TB of a test that ought to fail.
type spy struct {
	testing.TB
	said []string
}

func (s *spy) Helper()                   {}
func (s *spy) Error(args ...any)         { s.said = append(s.said, fmt.Sprint(args...)) }
func (s *spy) Errorf(f string, a ...any) { s.said = append(s.said, fmt.Sprintf(f, a...)) }
func (s *spy) Fatal(args ...any)         { panic(stop{fmt.Sprint(args...)}) }
func (s *spy) Fatalf(f string, a ...any) { panic(stop{fmt.Sprintf(f, a...)}) }

type stop struct{ said string }

// watch returns what the kit says to a test.
func watch(test func(t testing.TB)) (said string) {
	s := &spy{}
	defer func() {
		if p := recover(); p != nil {
			s.said = append(s.said, p.(stop).said)
		}
		said = strings.Join(s.said, "\n")
	}()
	test(s)
	return ""
}

func TestPasses(t *testing.T) {
	t.Parallel()
	domaintest.Given(t, new(box), put{3}).When(take(2)).Then(took{2})
	domaintest.Given(t, new(box), put{3}).When(take(0)).ThenNothing()
	domaintest.Given(t, new(box)).When(take(1)).ThenError(errEmpty)
	domaintest.Given(t, new(box)).When((*box).picky).ThenError(&domain.InvalidError{Field: "n", Reason: "must be even"})
	domaintest.Create(t, open("a", nil)).Then(put{1})
	domaintest.Create(t, open("a", errOther)).ThenError(errOther)
}

func TestThenReturnsTheAggregate(t *testing.T) {
	t.Parallel()
	if b := domaintest.Given(t, new(box), put{3}).When(take(2)).Then(took{2}); b.n != 1 || b.ID() != domaintest.ID || b.Version() != 2 {
		t.Errorf("box %s holds %d at version %d", b.ID(), b.n, b.Version())
	}
}

func TestFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		test func(t testing.TB)
		says string
	}{
		"other event":        {func(t testing.TB) { domaintest.Given(t, new(box), put{3}).When(take(2)).Then(took{1}) }, "recorded events"},
		"one event too few":  {func(t testing.TB) { domaintest.Given(t, new(box), put{3}).When(take(2)).Then() }, "recorded events"},
		"one event too many": {func(t testing.TB) { domaintest.Given(t, new(box), put{3}).When(take(0)).Then(took{0}) }, "recorded events"},
		"event after all":    {func(t testing.TB) { domaintest.Given(t, new(box), put{3}).When(take(1)).ThenNothing() }, "recorded events"},
		"unexpected error":   {func(t testing.TB) { domaintest.Given(t, new(box)).When(take(1)).Then(took{1}) }, "decision failed"},
		"no error":           {func(t testing.TB) { domaintest.Given(t, new(box)).When(take(0)).ThenError(errEmpty) }, "decision succeeded"},
		"other error":        {func(t testing.TB) { domaintest.Given(t, new(box)).When(take(1)).ThenError(errOther) }, "want: something else"},
		"same text": {func(t testing.TB) {
			domaintest.Given(t, new(box)).When((*box).empty).ThenError(errors.New(errEmpty.Error()))
		}, "want: nothing to take"},
		"other field":         {func(t testing.TB) { domaintest.Given(t, new(box)).When((*box).picky).ThenError(&domain.InvalidError{}) }, "error (-want +got)"},
		"error with an event": {func(t testing.TB) { domaintest.Given(t, new(box), put{3}).When((*box).hasty).ThenError(errEmpty) }, "recorded 1 events"},
		"state without event": {func(t testing.TB) { domaintest.Given(t, new(box)).When((*box).sloppy).ThenNothing() }, "differs from the fold"},
		"neither":             {func(t testing.TB) { domaintest.Create(t, func() (*box, error) { return nil, nil }).Then() }, "neither"},
		"used aggregate":      {func(t testing.TB) { used, _ := open("a", nil)(); domaintest.Given(t, used) }, "has events already"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if said := watch(tt.test); !strings.Contains(said, tt.says) {
				t.Errorf("kit says %q, want %q", said, tt.says)
			}
		})
	}
}
