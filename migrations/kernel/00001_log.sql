-- +goose Up

-- Names the log's incarnation. A cursor carries it, so that a cursor of another log is refused instead of followed.
CREATE TABLE tenon.log_identity (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id  uuid    NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO tenon.log_identity DEFAULT VALUES;

-- The log: event store, outbox and source of change data. CACHE 1, or an aggregate's later event could get a lower position.
CREATE TABLE tenon.events (
    position       bigint      NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    xid            xid8        NOT NULL DEFAULT pg_current_xact_id(),
    recorded_at    timestamptz NOT NULL,
    version        bigint               CHECK (version >= 1),
    event_id       uuid        NOT NULL,
    schema_version integer     NOT NULL CHECK (schema_version >= 1),
    bucket         smallint    NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    tenant         text        NOT NULL DEFAULT '' CHECK (char_length(tenant) <= 100),
    topic          text        NOT NULL CHECK (char_length(topic) BETWEEN 1 AND 249),
    aggregate_type text        NOT NULL CHECK (char_length(aggregate_type) <= 100),
    aggregate_id   text        NOT NULL CHECK (char_length(aggregate_id) <= 100),
    event_type     text        NOT NULL CHECK (char_length(event_type) BETWEEN 1 AND 200),
    correlation_id text        NOT NULL DEFAULT '' CHECK (char_length(correlation_id) <= 200),
    causation_id   text        NOT NULL DEFAULT '' CHECK (char_length(causation_id) <= 200),
    traceparent    text        NOT NULL DEFAULT '' CHECK (char_length(traceparent) <= 100),
    actor          text        NOT NULL DEFAULT '' CHECK (char_length(actor) <= 200),
    payload        json        NOT NULL,
    metadata       jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT events_pkey PRIMARY KEY (position),
    CONSTRAINT events_event_id_key UNIQUE (event_id),
    CONSTRAINT events_stream_key UNIQUE (tenant, aggregate_type, aggregate_id, version),
    CONSTRAINT events_event_names_its_aggregate CHECK (version IS NULL OR (aggregate_type <> '' AND aggregate_id <> ''))
);
CREATE INDEX events_xid_position_idx ON tenon.events (xid, position);

COMMENT ON TABLE tenon.events IS 'Append-only log of events and messages; readers keep their places in cursors of their own.';
COMMENT ON COLUMN tenon.events.position IS 'Rises, with gaps. Positions and commits disagree in order: never read WHERE position > last.';
COMMENT ON COLUMN tenon.events.xid IS 'Transaction that wrote the row: readers find by it what they have not seen.';
COMMENT ON COLUMN tenon.events.version IS 'Place in the stream of the aggregate, from 1; NULL for a message that is no event of an aggregate.';
COMMENT ON COLUMN tenon.events.bucket IS 'Hash of aggregate_id, 0 to 1023: the finest division of the log among relays.';
COMMENT ON COLUMN tenon.events.recorded_at IS 'By the clock of the writer.';
COMMENT ON COLUMN tenon.events.payload IS 'json and not jsonb: the bytes written are the bytes published.';

-- +goose StatementBegin
CREATE FUNCTION tenon.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% refused: the log is only ever inserted into', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'Readers depend on it. Correct an event by recording another one.';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER events_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tenon.events
    FOR EACH STATEMENT EXECUTE FUNCTION tenon.refuse_change();
