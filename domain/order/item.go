package order

import (
	"fmt"
	"strconv"

	"github.com/tenon-go/tenon/domain"
)

// Limits of an order's size.
const (
	MaxItems    = 1000
	MaxQuantity = 1_000_000
)

// Quantity is a number of pieces, 1 to [MaxQuantity].
type Quantity int

// Item is one line of an order.
type Item struct {
	Product   ProductID `json:"productId"`
	Quantity  Quantity  `json:"quantity"`
	UnitPrice Money     `json:"unitPrice"` // from zero
}

// checkItems notes what is wrong with items and returns their total.
func checkItems(p *problems, items []Item) Money {
	if len(items) < 1 || len(items) > MaxItems {
		p.add(&domain.InvalidError{
			Field: "items", Given: strconv.Itoa(len(items)),
			Reason: fmt.Sprintf("must hold 1 to %d items", MaxItems),
		})
		return Money{}
	}
	total := Money{Currency: items[0].UnitPrice.Currency}
	p.add(total.Currency.check("items[0].currency"))
	fits := true
	for i, item := range items {
		path := fmt.Sprintf("items[%d].", i)
		if !checkItem(p, path, item, total.Currency) {
			continue
		}
		line, lineFits := item.UnitPrice.Amount.times(item.Quantity)
		sum, sumFits := total.Amount.plus(line)
		total.Amount, fits = sum, fits && lineFits && sumFits
	}
	if !fits {
		p.add(&domain.InvalidError{Field: "items", Reason: "must total at most " + MaxAmount.String()})
	}
	return total
}

// checkItem notes what is wrong with one item and reports whether it is fine.
func checkItem(p *problems, path string, item Item, currency Currency) bool {
	before := len(p.list)
	p.add(checkText(path+"productId", string(item.Product), maxIDLength))
	if item.Quantity < 1 || item.Quantity > MaxQuantity {
		p.add(&domain.InvalidError{
			Field: path + "quantity", Given: strconv.Itoa(int(item.Quantity)),
			Reason: fmt.Sprintf("must be 1 to %d", MaxQuantity),
		})
	}
	if a := item.UnitPrice.Amount; a < 0 || a > MaxAmount {
		p.add(&domain.InvalidError{Field: path + "price", Given: a.String(), Reason: "must be 0 to " + MaxAmount.String()})
	}
	if c := item.UnitPrice.Currency; c != currency {
		p.add(&domain.InvalidError{
			Field: path + "currency", Given: quote(string(c)),
			Reason: "must be the first item's, " + quote(string(currency)),
		})
	}
	return len(p.list) == before
}
