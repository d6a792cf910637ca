-- +goose Up

-- State of the orders, written in the transaction that appends their events. What is never searched for has no index:
-- readers that search use order_list.
CREATE TABLE orders.orders (
    id              uuid          NOT NULL,
    created_at      timestamptz   NOT NULL,
    updated_at      timestamptz   NOT NULL,
    version         bigint        NOT NULL CHECK (version >= 1),
    customer_id     text          NOT NULL CHECK (char_length(customer_id) BETWEEN 1 AND 100),
    currency        text          NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    total_amount    numeric(18,2) NOT NULL CHECK (total_amount >= 0),
    status          text          NOT NULL CHECK (status IN ('pending', 'confirmed', 'shipped', 'delivered', 'cancelled')),
    tracking_number text          NOT NULL DEFAULT '' CHECK (char_length(tracking_number) <= 100),
    cancel_reason   text          NOT NULL DEFAULT '' CHECK (char_length(cancel_reason) <= 500),
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_shipped_means_tracked CHECK ((status IN ('shipped', 'delivered')) = (tracking_number <> '')),
    CONSTRAINT orders_cancelled_means_reason CHECK ((status = 'cancelled') = (cancel_reason <> ''))
) WITH (fillfactor = 80); -- a later status fits into the row's page

-- Items are written with their order and never change.
CREATE TABLE orders.order_items (
    order_id   uuid          NOT NULL REFERENCES orders.orders,
    line       smallint      NOT NULL CHECK (line >= 1),
    quantity   integer       NOT NULL CHECK (quantity >= 1),
    unit_price numeric(18,2) NOT NULL CHECK (unit_price >= 0),
    product_id text          NOT NULL CHECK (char_length(product_id) BETWEEN 1 AND 100),
    CONSTRAINT order_items_pkey PRIMARY KEY (order_id, line)
);

COMMENT ON TABLE orders.orders IS 'State of each order: the fold of its events in tenon.events, kept beside them.';
COMMENT ON COLUMN orders.orders.version IS 'Number of the last event; a writer updates the version that it has read.';
COMMENT ON COLUMN orders.order_items.unit_price IS 'In the currency of the order.';
