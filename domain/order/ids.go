package order

import (
	"strings"

	"github.com/tenon-go/tenon/domain"
)

// maxIDLength is how many characters a customer's, a product's or a carrier's id may have.
const maxIDLength = 100

// ID is an order's id: a UUID as text, in lower case with hyphens. Use [ParseID] on what comes from outside.
type ID string

// CustomerID is the id that another context gave a customer: 1 to 100 characters, none of them a control character.
type CustomerID string

// Check returns nil if id may name a customer, else *domain.InvalidError for the field "customerId".
func (id CustomerID) Check() error { return checkText("customerId", string(id), maxIDLength) }

// ProductID is the id that another context gave a product: 1 to 100 characters, none of them a control character.
type ProductID string

// ParseID returns the id in its one form: lower case. *domain.InvalidError for the field "id" unless text is a UUID
// with hyphens; braces and prefixes aren't accepted.
func ParseID(text string) (ID, error) {
	id := ID(strings.ToLower(text))
	if err := id.check("id"); err != nil {
		return "", err
	}
	return id, nil
}

// check accepts the canonical form only: two spellings of one id would be two orders.
func (id ID) check(field string) error {
	if len(id) == 36 {
		ok := true
		for i := range len(id) {
			if i == 8 || i == 13 || i == 18 || i == 23 {
				ok = ok && id[i] == '-'
			} else {
				ok = ok && (id[i] >= '0' && id[i] <= '9' || id[i] >= 'a' && id[i] <= 'f')
			}
		}
		if ok {
			return nil
		}
	}
	return &domain.InvalidError{
		Field: field, Given: quote(string(id)),
		Reason: "must be a UUID such as 0198c5a8-7b1e-7c3a-9d2f-3f6f2a9b1c4d",
	}
}
