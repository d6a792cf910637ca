package application_test

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/codec"
)

// sold is the event at present. It once had a price in whole units and no currency.
type sold struct {
	Cents    int
	Currency string
}

type soldV1 struct{ Price int }

// An event whose form changed is stored as it was, and read as it is now.
func ExampleUpcast() {
	b := application.NewBuilder(application.Config{})
	application.Event[sold](b, "car.sold", 2)
	application.Upcast(b, "car.sold", 1, func(old soldV1) (sold, error) {
		return sold{Cents: 100 * old.Price, Currency: "EUR"}, nil
	})
	if _, err := b.Build(); err != nil {
		fmt.Println(err)
		return
	}
	stored := []byte(`{"Price":20000}`)
	e, err := b.Codec().Decode(context.Background(), codec.Meta{Type: "car.sold", SchemaVersion: 1}, stored)
	fmt.Println(e, err)
	// Output:
	// {2000000 EUR} <nil>
}
