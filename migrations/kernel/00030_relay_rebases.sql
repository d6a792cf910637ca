-- +goose Up

-- Who decided where the lanes of the relay go on, when the log or their progress wasn't what it was.
CREATE TABLE tenon.relay_rebases (
    id          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    log         uuid        NOT NULL,
    timeline    text        NOT NULL,
    epoch       bigint      NOT NULL,
    destination text        NOT NULL CHECK (destination IN ('copy', 'now', 'start')),
    decided_by  text        NOT NULL CHECK (char_length(decided_by) BETWEEN 1 AND 200),
    reason      text        NOT NULL CHECK (reason <> ''),
    decided_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at     timestamptz,
    outcome     text        NOT NULL DEFAULT '',
    CONSTRAINT relay_rebases_pkey PRIMARY KEY (id)
);

COMMENT ON COLUMN tenon.relay_rebases.done_at IS 'NULL while lanes are being moved, or when that was cut short: do it again.';
COMMENT ON COLUMN tenon.relay_rebases.outcome IS 'Empty for success, once done_at is set.';
