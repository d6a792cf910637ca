-- +goose Up

-- What customers are to be told, one row for each shipped order, written by the handler order_notifications with its place in
-- the log.
CREATE TABLE orders.notifications (
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    order_id        uuid        NOT NULL,
    event_id        uuid        NOT NULL,
    tracking_number text        NOT NULL,
    shipped_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT notifications_pkey PRIMARY KEY (id)
);
CREATE INDEX notifications_order_idx ON orders.notifications (order_id);

COMMENT ON TABLE orders.notifications IS 'Nothing but the transaction keeps an order from having two rows: that is what the table shows.';
