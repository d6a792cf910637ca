package orderpg

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
)

// Who waited for the customer's row sees in DO UPDATE what the one before committed, so that numbers and limit hold
// without conflicts.
const openSQL = `
WITH account AS (
    INSERT INTO orders.customers AS c (customer_id, last_number, open_orders) VALUES ($1, 1, 1)
    ON CONFLICT (customer_id) DO UPDATE SET last_number = c.last_number + 1, open_orders = c.open_orders + 1
        WHERE $3::integer = 0 OR c.open_orders < $3
    RETURNING customer_id, last_number
)
INSERT INTO orders.order_numbers (order_id, customer_id, number) SELECT $2, customer_id, last_number FROM account`

const closeSQL = `
UPDATE orders.customers AS c SET open_orders = c.open_orders - 1
FROM orders.order_numbers AS n WHERE n.order_id = $1 AND c.customer_id = n.customer_id`

// Accounts counts orders per customer. Its zero value is ready; safe for concurrent use.
type Accounts struct{}

var _ orderapp.Accounts = Accounts{}

// Open gives the order its customer's next number, in one statement. It waits while another transaction counts for
// the same customer.
func (Accounts) Open(ctx context.Context, tx eventlog.Tx, customer order.CustomerID, id order.ID, limit int) error {
	n, err := execute(ctx, tx, openSQL, string(customer), string(id), limit)
	if err != nil {
		return failed(ctx, "open the order in its customer's account", err)
	}
	if n == 0 {
		return &orderapp.LimitError{Customer: customer, Limit: limit}
	}
	return nil
}

// Close counts the order as no longer open, in one statement. It waits like Open.
func (Accounts) Close(ctx context.Context, tx eventlog.Tx, id order.ID) error {
	n, err := execute(ctx, tx, closeSQL, string(id))
	if err != nil {
		return failed(ctx, "close the order in its customer's account", err)
	}
	if n == 0 {
		return fmt.Errorf("close order %s in its customer's account: it was never opened there", id)
	}
	return nil
}

func execute(ctx context.Context, tx eventlog.Tx, statement string, args ...any) (int64, error) {
	result, err := postgres.SQL(tx).ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
