-- +goose Up

-- Read model fed from Kafka by the projection order_list: a little behind orders.orders, and searchable.
CREATE TABLE orders.order_list (
    id              uuid          NOT NULL,
    created_at      timestamptz   NOT NULL,
    updated_at      timestamptz   NOT NULL,
    version         bigint        NOT NULL,
    item_count      integer       NOT NULL,
    customer_id     text          NOT NULL,
    currency        text          NOT NULL,
    total_amount    numeric(18,2) NOT NULL,
    status          text          NOT NULL,
    tracking_number text          NOT NULL DEFAULT '',
    CONSTRAINT order_list_pkey PRIMARY KEY (id)
);
CREATE INDEX order_list_created_idx ON orders.order_list (created_at DESC, id DESC);
CREATE INDEX order_list_customer_idx ON orders.order_list (customer_id, created_at DESC, id DESC);
CREATE INDEX order_list_status_idx ON orders.order_list (status, created_at DESC, id DESC);

COMMENT ON TABLE orders.order_list IS 'Read model of orders, built from the topic domain.order.events by the projection order_list.';
COMMENT ON COLUMN orders.order_list.version IS 'Number of the last event that is folded in; older ones that come again are passed by.';
