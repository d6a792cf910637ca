-- +goose Up

-- The versions of each projection: the one that readers see, the one that is being built beside it, those that are kept.
CREATE TABLE tenon.projection_versions (
    projection text        NOT NULL CHECK (char_length(projection) BETWEEN 1 AND 100),
    version    integer     NOT NULL CHECK (version >= 1),
    state      text        NOT NULL CHECK (state IN ('building', 'serving', 'kept')),
    source     text        NOT NULL CHECK (source IN ('kafka', 'log')),
    takes_over boolean     NOT NULL DEFAULT true,
    tables     text[]      NOT NULL DEFAULT '{}',
    upto       bigint      NOT NULL DEFAULT 0,
    begun_at   timestamptz NOT NULL DEFAULT now(),
    served_at  timestamptz,
    failed_at  timestamptz,
    last_error text        NOT NULL DEFAULT '',
    CONSTRAINT projection_versions_pkey PRIMARY KEY (projection, version)
);
CREATE UNIQUE INDEX projection_versions_serving_key ON tenon.projection_versions (projection) WHERE state = 'serving';

COMMENT ON COLUMN tenon.projection_versions.source IS 'What feeds it now: running programs obey.';
COMMENT ON COLUMN tenon.projection_versions.takes_over IS 'Whether it serves by itself once it is built.';
COMMENT ON COLUMN tenon.projection_versions.tables IS 'Views through which readers see it; its rows are in the table NAME_vVERSION of each.';
COMMENT ON COLUMN tenon.projection_versions.upto IS 'Greatest position of the log when it began, for the progress.';

-- A projection that is here is fed by nobody, in no version.
CREATE TABLE tenon.projection_pauses (
    projection text        NOT NULL CHECK (char_length(projection) BETWEEN 1 AND 100),
    paused_by  text        NOT NULL CHECK (char_length(paused_by) BETWEEN 1 AND 200),
    why        text        NOT NULL DEFAULT '',
    paused_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT projection_pauses_pkey PRIMARY KEY (projection)
);
