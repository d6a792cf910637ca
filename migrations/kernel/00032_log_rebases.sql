-- +goose Up

-- Who made the log the server's own that it was loaded into: its events got small transaction ids, and the log an identity.
CREATE TABLE tenon.log_rebases (
    id          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    from_log    uuid        NOT NULL,
    to_log      uuid        NOT NULL,
    newest_xid  xid8        NOT NULL,
    server_xid  xid8        NOT NULL,
    events      bigint      NOT NULL,
    decided_by  text        NOT NULL CHECK (char_length(decided_by) BETWEEN 1 AND 200),
    reason      text        NOT NULL CHECK (reason <> ''),
    done_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT log_rebases_pkey PRIMARY KEY (id)
);

COMMENT ON COLUMN tenon.log_rebases.newest_xid IS 'The greatest transaction id of an event before.';
COMMENT ON COLUMN tenon.log_rebases.server_xid IS 'The transaction that did it.';
