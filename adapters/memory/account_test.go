package memory_test

import (
	"maps"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/domain"
)

// account is an aggregate with state that a shallow copy would share.
type account struct {
	domain.Root
	balance int
	byDay   map[int]int
}

type opened struct{ Owner string }

type deposited struct{ Day, Amount int }

func (a *account) Apply(e domain.Event) {
	switch e := e.(type) {
	case opened:
		a.byDay = make(map[int]int)
	case deposited:
		a.balance += e.Amount
		a.byDay[e.Day] += e.Amount
	}
}

func newAccount() *account {
	a := new(account)
	domain.Begin(a, uuid.NewString())
	domain.Record(a, opened{Owner: "Zoë"})
	return a
}

func (a *account) deposit() {
	domain.Record(a, deposited{Day: len(a.byDay) + 1, Amount: 5})
}

func accountTypes() *codec.Types {
	types := new(codec.Types)
	codec.Register[opened](types, "account.opened", 1)
	codec.Register[deposited](types, "account.deposited", 3)
	return types
}

func copyAccount(a account) account {
	a.byDay = maps.Clone(a.byDay)
	return a
}

func accountFixture(log *memory.Log, repo application.Repository[*account]) applicationtest.RepositoryFixture[*account] {
	return applicationtest.RepositoryFixture[*account]{
		Store: log, Repository: repo, AggregateType: "account", Types: accountTypes(),
		New: newAccount, Change: (*account).deposit, Unknown: uuid.NewString(),
	}
}

func TestRepository(t *testing.T) {
	t.Parallel()
	applicationtest.Repository(t, func(testing.TB) applicationtest.RepositoryFixture[*account] {
		log := memory.NewLog()
		return accountFixture(log, memory.NewRepository[account](log, "account", copyAccount))
	})
}

// TestEventSourced holds the repository without state to the same contract, over this log.
func TestEventSourced(t *testing.T) {
	t.Parallel()
	applicationtest.Repository(t, func(testing.TB) applicationtest.RepositoryFixture[*account] {
		log := memory.NewLog()
		events := codec.JSON{Types: accountTypes()}
		return accountFixture(log, application.EventSourced[account](log, events, "account"))
	})
}
