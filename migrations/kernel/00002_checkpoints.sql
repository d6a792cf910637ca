-- +goose Up

-- How far each projection is, moved in the transaction that writes the projection's rows.
CREATE TABLE tenon.checkpoints (
    projection  text        NOT NULL CHECK (char_length(projection) BETWEEN 1 AND 100),
    version     integer     NOT NULL CHECK (version >= 1),
    topic       text        NOT NULL CHECK (char_length(topic) BETWEEN 1 AND 249),
    partition   integer     NOT NULL CHECK (partition >= 0),
    topic_id    uuid        NOT NULL,
    next_offset bigint      NOT NULL CHECK (next_offset >= 0),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT checkpoints_pkey PRIMARY KEY (projection, version, topic, partition)
) WITH (fillfactor = 50);

COMMENT ON COLUMN tenon.checkpoints.topic_id IS 'The broker''s id of the topic: another one after it was deleted and made anew.';
COMMENT ON COLUMN tenon.checkpoints.next_offset IS 'The first offset that is not applied yet.';
