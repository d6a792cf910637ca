-- +goose Up

-- Replication slots through which a connector such as Debezium's reads the log in the relay's place.
CREATE TABLE tenon.captures (
    slot          text        NOT NULL CHECK (char_length(slot) BETWEEN 1 AND 63),
    log           uuid        NOT NULL,
    last_position bigint      NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    relayed_at    timestamptz,
    CONSTRAINT captures_pkey PRIMARY KEY (slot)
);

COMMENT ON COLUMN tenon.captures.last_position IS 'No event from before the slot has a greater one: what the connector won''t send.';
COMMENT ON COLUMN tenon.captures.relayed_at IS 'When it was first seen that a relay had sent all from before the slot; NULL until then.';
