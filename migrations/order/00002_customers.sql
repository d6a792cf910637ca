-- +goose Up

-- What is counted per customer. Orders of one customer queue for the row from counting to commit, those of others don't.
CREATE TABLE orders.customers (
    customer_id text    NOT NULL CHECK (char_length(customer_id) BETWEEN 1 AND 100),
    last_number bigint  NOT NULL CHECK (last_number >= 1),
    open_orders integer NOT NULL CHECK (open_orders >= 0),
    CONSTRAINT customers_pkey PRIMARY KEY (customer_id)
) WITH (fillfactor = 50); -- every order rewrites the row

-- Numbers are reserved before the order's row is written, hence the deferred reference.
CREATE TABLE orders.order_numbers (
    order_id    uuid   NOT NULL REFERENCES orders.orders DEFERRABLE INITIALLY DEFERRED,
    number      bigint NOT NULL CHECK (number >= 1),
    customer_id text   NOT NULL REFERENCES orders.customers,
    CONSTRAINT order_numbers_pkey PRIMARY KEY (order_id),
    CONSTRAINT order_numbers_customer_number_key UNIQUE (customer_id, number)
);

COMMENT ON TABLE orders.customers IS 'Counters per customer, changed in the transaction of the order that they count.';
COMMENT ON COLUMN orders.customers.open_orders IS 'How many orders are neither delivered nor cancelled.';
COMMENT ON TABLE orders.order_numbers IS 'Number of each order among those of its customer: 1, 2, 3 without gaps, in the order of commits.';
