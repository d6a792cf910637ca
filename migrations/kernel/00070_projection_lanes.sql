-- +goose Up

-- How far each projection that reads the log itself is: a row for each lane, by the bucket of an aggregate. Moved in the
-- transaction that writes the projection's rows.
CREATE TABLE tenon.projection_lanes (
    projection  text        NOT NULL CHECK (char_length(projection) BETWEEN 1 AND 100),
    version     integer     NOT NULL CHECK (version >= 1),
    lane        integer     NOT NULL CHECK (lane >= 0),
    lanes       integer     NOT NULL CHECK (lanes > lane AND lanes <= 64),
    next_offset bigint      NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
    owner       uuid,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    updated_at  timestamptz NOT NULL DEFAULT now(),
    cursor      text        NOT NULL DEFAULT '',
    CONSTRAINT projection_lanes_pkey PRIMARY KEY (projection, version, lane)
) WITH (fillfactor = 50);

COMMENT ON COLUMN tenon.projection_lanes.next_offset IS 'Rises with every step, and is compared before it is set: of two readers of a lane one steps.';
COMMENT ON COLUMN tenon.projection_lanes.cursor IS 'Place in the log: v1/log/before/window/first/position; empty: the beginning.';
COMMENT ON COLUMN tenon.projection_lanes.owner IS 'The reader that works on the lane until lease_until, so that others need not try.';
