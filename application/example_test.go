package application_test

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
)

// account is an event-sourced aggregate.
type account struct {
	domain.Root

	balance int
}

type deposited struct{ Amount int }

func (a *account) Apply(e domain.Event) {
	if e, ok := e.(deposited); ok {
		a.balance += e.Amount
	}
}

// greet is a query; deposit is a command.
type (
	greet struct {
		application.Returns[string]
		Name string
	}
	deposit struct {
		application.Returns[int]
		Account string
		Amount  int
	}
)

// A query is answered by a function; its result type is inferred.
func ExampleSend() {
	b := application.NewBuilder(application.Config{})
	b.Use(func(ctx context.Context, call application.Call, next application.Next) error {
		fmt.Println(call.Kind(), call.Name())
		return next.Run(ctx)
	})
	application.Answer(b, func(_ context.Context, q greet) (string, error) { return "Hello " + q.Name, nil })
	m, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	greeting, err := application.Send(context.Background(), m, greet{Name: "Ada"})
	fmt.Println(greeting, err)
	// Output:
	// query application_test.greet
	// Hello Ada <nil>
}

// A command's handler loads aggregates through its unit of work; what they record is committed when it returns, then
// the listeners are told.
func ExampleUnit() {
	log := memory.NewLog()
	b := application.NewBuilder(application.Config{Store: log})
	application.Register[account](b, "account", application.EventSourced[account](log, b.Codec(), "account"), nil)
	application.Event[deposited](b, "account.deposited", 1)
	application.Handle(b, func(ctx context.Context, u *application.Unit, c deposit) (int, error) {
		a, err := application.Get[account](ctx, u, c.Account)
		if err != nil {
			a = new(account)
			domain.Begin(a, c.Account)
			application.Add(u, a)
		}
		domain.Record(a, deposited{c.Amount})
		return a.balance, nil
	})
	application.On(b, func(_ context.Context, e application.Recorded[deposited]) error {
		fmt.Printf("committed: %s version %d, %d\n", e.AggregateID, e.Version, e.Event.Amount)
		return nil
	})
	m, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, amount := range []int{30, 12} {
		balance, err := application.Send(context.Background(), m, deposit{Account: "a-1", Amount: amount})
		fmt.Println(balance, err)
	}
	// Output:
	// committed: a-1 version 1, 30
	// 30 <nil>
	// committed: a-1 version 2, 12
	// 42 <nil>
}
