-- +goose Up

-- What projections have applied that don't know it by their rows, so that an event which comes again under another offset takes
-- effect once: the last version of each aggregate, and the ids of events that have none.
CREATE TABLE tenon.applied (
    projection     text    NOT NULL,
    version        integer NOT NULL,
    aggregate_type text    NOT NULL,
    aggregate_id   text    NOT NULL,
    last_version   bigint  NOT NULL CHECK (last_version >= 1),
    CONSTRAINT applied_pkey PRIMARY KEY (projection, version, aggregate_type, aggregate_id)
) WITH (fillfactor = 70);

CREATE TABLE tenon.inbox (
    projection text    NOT NULL,
    version    integer NOT NULL,
    event_id   uuid    NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (projection, version, event_id)
);
