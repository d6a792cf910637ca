-- +goose Up

-- Shortcuts to the state of event-sourced aggregates: one row each, replaced by newer ones. All of it may be deleted at any time.
CREATE TABLE tenon.snapshots (
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    version        bigint      NOT NULL CHECK (version >= 1),
    fold           integer     NOT NULL,
    state          json        NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT snapshots_pkey PRIMARY KEY (aggregate_type, aggregate_id)
) WITH (fillfactor = 70);

COMMENT ON COLUMN tenon.snapshots.version IS 'Of the last event that state holds.';
COMMENT ON COLUMN tenon.snapshots.fold IS 'Version of the program''s fold: a snapshot of another one is not used, and replaced.';
