-- +goose Up

-- Which message each handler has handled, written in the transaction of the handler's effects. Old rows are pruned.
CREATE TABLE tenon.consumer_inbox (
    handler    text        NOT NULL CHECK (char_length(handler) BETWEEN 1 AND 100),
    message_id text        NOT NULL CHECK (char_length(message_id) BETWEEN 1 AND 300),
    handled_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT consumer_inbox_pkey PRIMARY KEY (handler, message_id)
);
CREATE INDEX consumer_inbox_handled_idx ON tenon.consumer_inbox (handled_at);

COMMENT ON COLUMN tenon.consumer_inbox.message_id IS 'The event''s id; of a record that isn''t an event''s what its sender or its place on the topic says.';
