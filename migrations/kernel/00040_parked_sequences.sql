-- +goose Up

-- An aggregate whose events a projection can't apply: there while at least one of them is parked.
CREATE TABLE tenon.parked_sequences (
    id             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    projection     text        NOT NULL CHECK (char_length(projection) BETWEEN 1 AND 100),
    version        integer     NOT NULL CHECK (version >= 1),
    topic          text        NOT NULL CHECK (char_length(topic) BETWEEN 1 AND 249),
    partition      integer     NOT NULL CHECK (partition >= 0),
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    parked_at      timestamptz NOT NULL,
    CONSTRAINT parked_sequences_pkey PRIMARY KEY (projection, version, topic, partition, aggregate_type, aggregate_id),
    CONSTRAINT parked_sequences_id_key UNIQUE (id)
);

COMMENT ON COLUMN tenon.parked_sequences.aggregate_type IS 'Empty for a record that names no aggregate; aggregate_id is then the key of the record.';

-- Never CASCADE: an event leaves only by being applied or discarded.
CREATE TABLE tenon.parked_events (
    id              bigint      NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    sequence        bigint      NOT NULL REFERENCES tenon.parked_sequences (id) ON DELETE RESTRICT,
    record_offset   bigint      NOT NULL CHECK (record_offset >= 0),
    event_id        uuid,
    event_type      text        NOT NULL,
    record_key      bytea,
    headers         json        NOT NULL,
    payload_text    text,
    payload_bytes   bytea,
    edited_text     text,
    edited_bytes    bytea,
    reason          text        NOT NULL CHECK (reason <> ''),
    error           text        NOT NULL,
    stack           text        NOT NULL,
    attempts        integer     NOT NULL CHECK (attempts >= 0),
    parked_at       timestamptz NOT NULL,
    first_failed_at timestamptz,
    last_failed_at  timestamptz,
    CONSTRAINT parked_events_pkey PRIMARY KEY (id),
    CONSTRAINT parked_events_once UNIQUE (sequence, record_offset),
    CONSTRAINT parked_events_one_payload CHECK (num_nonnulls(payload_text, payload_bytes) <= 1),
    CONSTRAINT parked_events_one_edited CHECK (num_nonnulls(edited_text, edited_bytes) <= 1)
);
CREATE INDEX parked_events_sequence_idx ON tenon.parked_events (sequence, id);

COMMENT ON COLUMN tenon.parked_events.headers IS '[{name, value}]; both in base64 where one of them is no text.';
COMMENT ON COLUMN tenon.parked_events.payload_bytes IS 'What came, where it is no text. Both NULL: a record without a value.';
COMMENT ON COLUMN tenon.parked_events.edited_text IS 'What is applied in place of the payload.';
COMMENT ON COLUMN tenon.parked_events.first_failed_at IS 'NULL: it waits behind another one and has not failed itself.';

-- What people decided about parked events.
CREATE TABLE tenon.parked_actions (
    id             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind           text        NOT NULL CHECK (kind IN ('replay', 'edit', 'discard')),
    event          bigint      NOT NULL,
    projection     text        NOT NULL,
    version        integer     NOT NULL,
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    record_offset  bigint      NOT NULL,
    event_id       uuid,
    payload_text   text,
    payload_bytes  bytea,
    decided_by     text        NOT NULL CHECK (char_length(decided_by) BETWEEN 1 AND 200),
    why            text        NOT NULL,
    done_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT parked_actions_pkey PRIMARY KEY (id),
    CONSTRAINT parked_actions_discard_has_a_reason CHECK (kind <> 'discard' OR why <> '')
);

COMMENT ON COLUMN tenon.parked_actions.payload_text IS 'What was to be applied before it was edited or discarded.';
