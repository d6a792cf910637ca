-- +goose Up

-- Readers see the read models through views, so that a later version is built in tables of its own and takes over in one
-- transaction. A program from before this file goes on writing: through the views, into the same tables.
ALTER TABLE orders.order_list RENAME TO order_list_v1;
CREATE VIEW orders.order_list AS SELECT * FROM orders.order_list_v1;

ALTER TABLE orders.revenue RENAME TO revenue_v1;
CREATE VIEW orders.revenue AS SELECT * FROM orders.revenue_v1;

ALTER TABLE orders.revenue_orders RENAME TO revenue_orders_v1;
CREATE VIEW orders.revenue_orders AS SELECT * FROM orders.revenue_orders_v1;

COMMENT ON VIEW orders.order_list IS 'What readers see of the projection order_list: the table of the version in force.';
COMMENT ON VIEW orders.revenue IS 'What readers see of the projection revenue: the table of the version in force.';
COMMENT ON VIEW orders.revenue_orders IS 'What each order counts for in orders.revenue.';
