package projection_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// Shipped is an event as the reader declares it: only what the read model needs.
type Shipped struct {
	Tracking string `json:"tracking"`
}

// A read model of tracking numbers, built from published events. In a service package tenon does the wiring and the tables
// are PostgreSQL's.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	log, broker := memory.NewLog(), memory.NewBroker(3)
	tracking := memory.NewTable[string](log) // the read model

	types := new(codec.Types)
	codec.Register[Shipped](types, "order.shipped", 1)
	runner, err := projection.NewRunner(projection.RunnerConfig{
		Projection: projection.Projection{
			Name: "tracking", Version: 1, Topics: []string{"domain.order.events"}, Types: []string{"order.shipped"},
			Apply: func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
				for _, e := range batch {
					if err := tracking.Put(ctx, tx, e.AggregateID, e.Event.(Shipped).Tracking); err != nil {
						return err
					}
				}
				return nil
			},
		},
		Store: log, Checkpoints: memory.NewCheckpoints(log), Codec: codec.JSON{Types: types},
		Parking: memory.NewDeadLetters(log, nil),
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, e := range []eventlog.Record{
		{ID: uuid.New(), Type: "order.shipped", AggregateType: "order", AggregateID: "order-1", Version: 4, Payload: []byte(`{"tracking":"T-1"}`)},
		{ID: uuid.New(), Type: "order.shipped", AggregateType: "order", AggregateID: "order-2", Version: 3, Payload: []byte(`{"tracking":"T-2"}`)},
	} {
		e.SchemaVersion = 1
		err := broker.Publish(ctx, memory.Message{ // a relay's work
			Topic: "domain.order.events", Key: e.AggregateID, Value: e.Payload, Headers: relaying.Headers(&e),
		})
		if err != nil {
			fmt.Println(err)
		}
	}

	running := make(chan error, 1)
	go func() { running <- runner.Run(ctx, memory.NewSource(broker, "tracking", "domain.order.events")) }()
	for range time.Tick(time.Millisecond) {
		if runner.Stats().Applied == 2 || ctx.Err() != nil {
			break
		}
	}
	stop()
	fmt.Println("runner:", <-running)

	rows, err := tracking.Rows(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	for order, number := range rows {
		fmt.Println(order, number)
	}
	// Output:
	// runner: <nil>
	// order-1 T-1
	// order-2 T-2
}
