package orderhttp

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenon-go/tenon/domain/order"
)

// unitCost is a price as it was written: a JSON number's digits, or a string. Decoding never fails, so that the domain says what
// is wrong with it, and where.
type unitCost string

var (
	_ json.Unmarshaler    = (*unitCost)(nil)
	_ huma.SchemaProvider = unitCost("")
)

// UnmarshalJSON keeps the text.
func (c *unitCost) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(c))
	}
	*c = unitCost(data)
	return nil
}

// Schema says that numbers and strings are taken. The form of the digits is left to the domain, whose answer is clearer.
func (unitCost) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		OneOf: []*huma.Schema{
			{Type: huma.TypeNumber, Description: "Digits with at most two decimals, no exponent."},
			{Type: huma.TypeString, Description: `The same as text: "12.50".`},
		},
		Examples: []any{"12.50"},
	}
}

// pieces is a quantity as it was written: JSON knows one number, encoding/json takes 2.0 for no int.
type pieces string

var (
	_ json.Unmarshaler    = (*pieces)(nil)
	_ huma.SchemaProvider = pieces("")
)

// UnmarshalJSON keeps the text.
func (p *pieces) UnmarshalJSON(data []byte) error {
	*p = pieces(data)
	return nil
}

// Schema says what a quantity is. The maximum is left to the domain, whose answer is clearer.
func (pieces) Schema(huma.Registry) *huma.Schema {
	least := 1.0
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Examples: []any{2}}
}

// quantity returns the number, which passed the schema.
func (p pieces) quantity() (order.Quantity, error) {
	whole, decimals, _ := strings.Cut(string(p), ".")
	n, err := strconv.Atoi(whole)
	if err != nil || strings.Trim(decimals, "0") != "" {
		return 0, fmt.Errorf("must be a whole number of at most %d, written in digits", order.MaxQuantity)
	}
	return order.Quantity(n), nil
}
