package main

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon"
	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
	"github.com/tenon-go/tenon/migrations"
	"github.com/tenon-go/tenon/ports/orderconsumer"
	"github.com/tenon-go/tenon/ports/orderhttp"
)

const (
	currencySetting = "TENON_ORDER_CURRENCY"
	maxOpenSetting  = "TENON_ORDER_MAX_OPEN"
)

// orderContext is the order context as the kernel takes it.
func orderContext() tenon.Context {
	return tenon.Context{
		Name:       "order",
		Schema:     orderpg.Schema().Name,
		Migrations: migrations.Order(),
		Settings: []tenon.Setting{
			{Name: currencySetting, Default: "EUR", Doc: "currency of orders that don't name one", Check: checkCurrency},
			{Name: maxOpenSetting, Default: "0", Doc: "most open orders of one customer; 0: no limit", Check: checkMaxOpen},
		},
		Try: func(baseURL string) string {
			return `curl -si ` + baseURL + `/orders -H 'Content-Type: application/json' ` +
				`-d '{"customerId":"ada","items":[{"productId":"pen","quantity":2,"price":1.50}]}'`
		},
		Wire: wireOrder,
	}
}

func wireOrder(w *tenon.Wiring) error {
	maxOpen, err := strconv.Atoi(w.Setting(maxOpenSetting))
	if err != nil {
		return err
	}
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "tenon", Subsystem: "order", Name: "events_total", Help: "Committed events of orders in this process.",
	}, []string{"type"})
	w.Metrics.MustRegister(events)
	err = orderapp.Register(w.Builder, orderapp.Config{
		Orders: orderpg.NewRepository(w.DB), Views: orderpg.NewViews(w.DB), Accounts: orderpg.Accounts{},
		Currency: order.Currency(w.Setting(currencySetting)), MaxOpenOrders: maxOpen,
		Logger: w.Logger, Counter: eventCounter{events},
	})
	if err != nil {
		return err
	}
	topic := application.TopicPerAggregate(order.AggregateType, "")
	for _, p := range orderpg.Projections(topic) {
		w.Project(p)
	}
	w.Consume(orderconsumer.Announcements(w.Builder, topic))
	w.Subscribe(orderconsumer.Notifications(orderpg.Notifications{}))
	orderhttp.Routes(w.API, w.Builder)
	return nil
}

// eventCounter counts committed events for Prometheus.
type eventCounter struct{ events *prometheus.CounterVec }

var _ orderapp.Counter = eventCounter{}

// Count adds one event of that type.
func (c eventCounter) Count(eventType string) { c.events.WithLabelValues(eventType).Inc() }

func checkCurrency(v string) error {
	if _, err := order.ParseCurrency(v); err != nil {
		return errors.New("want a currency with two decimals such as EUR")
	}
	return nil
}

func checkMaxOpen(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n < 0 {
		return errors.New("want a whole number from 0")
	}
	return nil
}
