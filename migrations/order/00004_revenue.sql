-- +goose Up

-- Read model fed from Kafka by the projection revenue: what a customer's orders that weren't cancelled add up to, by the
-- day (UTC) on which they were placed. Orders of one customer come on several partitions, whose transactions add to one row.
CREATE TABLE orders.revenue (
    customer_id  text          NOT NULL,
    day          date          NOT NULL,
    currency     text          NOT NULL,
    orders       bigint        NOT NULL,
    total_amount numeric(38,2) NOT NULL, -- many orders are more than one may be
    CONSTRAINT revenue_pkey PRIMARY KEY (customer_id, day, currency)
) WITH (fillfactor = 50);

-- What each order counts for: it tells which day a cancelled one is taken off, and which events have been counted.
CREATE TABLE orders.revenue_orders (
    order_id     uuid          NOT NULL,
    version      bigint        NOT NULL,
    day          date          NOT NULL,
    customer_id  text          NOT NULL,
    currency     text          NOT NULL,
    total_amount numeric(18,2) NOT NULL,
    CONSTRAINT revenue_orders_pkey PRIMARY KEY (order_id)
);

COMMENT ON TABLE orders.revenue IS 'Read model of revenue per customer, day and currency, built from the topic domain.order.events by the projection revenue.';
COMMENT ON COLUMN orders.revenue_orders.version IS 'Number of the last event that is counted; older ones that come again are passed by.';
