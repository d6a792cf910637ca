-- +goose Up

-- Where each group of subscribers is: everything that s1 sees is handled; of what s2 sees and s1 doesn't, the records up
-- to position. Locked by the subscriber that is at work.
CREATE TABLE tenon.cursors (
    name       text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    log        uuid        NOT NULL,
    s1         pg_snapshot NOT NULL,
    s2         pg_snapshot,
    low        bigint      NOT NULL DEFAULT 0,
    position   bigint      NOT NULL DEFAULT 0,
    batches    bigint      NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT cursors_pkey PRIMARY KEY (name),
    CONSTRAINT cursors_no_position_without_window CHECK (s2 IS NOT NULL OR (position = 0 AND low = 0))
) WITH (fillfactor = 50);

COMMENT ON COLUMN tenon.cursors.log IS 'tenon.log_identity.id of the log that the snapshots belong to.';
COMMENT ON COLUMN tenon.cursors.s2 IS 'End of the window that is being read; NULL when the last one is finished.';
COMMENT ON COLUMN tenon.cursors.low IS 'No record of the window is below it, but those that were under way in s1.';
COMMENT ON COLUMN tenon.cursors.batches IS 'Count of the batches confirmed; numbers tenon.relay_batches.';

-- When each batch was confirmed, for the outbox view only. The newest are kept: see postgres.SubscriberConfig.
CREATE TABLE tenon.relay_batches (
    name           text        NOT NULL,
    number         bigint      NOT NULL,
    s1             pg_snapshot NOT NULL,
    s2             pg_snapshot NOT NULL,
    after_position bigint      NOT NULL,
    last_position  bigint      NOT NULL,
    confirmed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT relay_batches_pkey PRIMARY KEY (name, number)
);
CREATE INDEX relay_batches_last_position_idx ON tenon.relay_batches (name, last_position, number);

COMMENT ON TABLE tenon.relay_batches IS
    'A batch holds what s2 sees and s1 doesn''t, at positions above after_position up to last_position.';

-- What a relay can't publish at present: a note for people, no part of the delivery.
CREATE TABLE tenon.relay_failures (
    position   bigint      NOT NULL,
    attempts   integer     NOT NULL CHECK (attempts >= 1),
    error      text        NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT relay_failures_pkey PRIMARY KEY (position)
);
