package orderapp_test

import (
	"strings"
	"testing"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
)

func TestRegisterNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	err := orderapp.Register(application.NewBuilder(application.Config{}), orderapp.Config{Currency: "JPY", MaxOpenOrders: -1})
	for _, want := range []string{"Orders, Views and Accounts", `default currency must be`, `"JPY"`, "MaxOpenOrders is -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v doesn't say %q", err, want)
		}
	}
}

func TestTopicsAreChosenByTheContext(t *testing.T) {
	t.Parallel()
	for want, topics := range map[string]application.Topics{"domain.order.events": nil, "order.created": application.TopicPerEvent} {
		s := open(t, func(c *orderapp.Config) { c.Topics = topics })
		send(s, two("ann"))
		var got string
		check(t, s.db.Pool().GetContext(t.Context(), &got, `SELECT topic FROM tenon.events`))
		if got != want {
			t.Errorf("topic is %q, want %q", got, want)
		}
	}
}

func TestDefaultCurrencyIsConfigured(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *orderapp.Config) { c.Currency = "CHF" })
	if got := send(s, two("ann")).Total.String(); got != "34.90 CHF" {
		t.Errorf("total is %s, want 34.90 CHF", got)
	}
}
