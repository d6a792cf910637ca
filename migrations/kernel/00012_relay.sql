-- +goose Up

-- How the log is divided into lanes for the relays of all nodes: one row, made by the first relay.
CREATE TABLE tenon.relay_layout (
    one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
    epoch      bigint      NOT NULL CHECK (epoch >= 1),
    lanes      integer     NOT NULL CHECK (lanes BETWEEN 1 AND 64),
    next       integer     NOT NULL DEFAULT 0 CHECK (next BETWEEN 0 AND 64 AND next <> lanes),
    final      text        NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT relay_layout_no_final_without_next CHECK (next <> 0 OR final = '')
);

COMMENT ON COLUMN tenon.relay_layout.epoch IS 'Counts the layouts: a change of the number of lanes makes the next one.';
COMMENT ON COLUMN tenon.relay_layout.next IS 'The number of lanes that is being changed to; 0 for none.';
COMMENT ON COLUMN tenon.relay_layout.final IS 'The cursor at which every lane of this epoch ends, once all have stopped for the change.';

-- The nodes that relay. One that has expired is as good as gone; its row is removed later.
CREATE TABLE tenon.relay_nodes (
    node       text        NOT NULL CHECK (char_length(node) BETWEEN 1 AND 200),
    joined_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT relay_nodes_pkey PRIMARY KEY (node)
) WITH (fillfactor = 50);

COMMENT ON COLUMN tenon.relay_nodes.joined_at IS 'Orders the nodes: what doesn''t divide evenly goes to the oldest, so that a new one moves few lanes.';

-- Who relays which lane. It spares nodes from fighting; what keeps two of them apart is the target.
CREATE TABLE tenon.relay_lanes (
    epoch      bigint      NOT NULL,
    lane       integer     NOT NULL CHECK (lane BETWEEN 0 AND 63),
    owner      text,
    token      bigint      NOT NULL DEFAULT 0,
    expires_at timestamptz,
    held       text        NOT NULL DEFAULT '',
    closed     boolean     NOT NULL DEFAULT false,
    CONSTRAINT relay_lanes_pkey PRIMARY KEY (epoch, lane),
    CONSTRAINT relay_lanes_lease CHECK ((owner IS NULL) = (expires_at IS NULL))
) WITH (fillfactor = 50);

COMMENT ON COLUMN tenon.relay_lanes.token IS 'How often the lane has been taken.';
COMMENT ON COLUMN tenon.relay_lanes.held IS 'Cursor at which the lane stopped for a change of the layout; empty while it hasn''t.';
COMMENT ON COLUMN tenon.relay_lanes.closed IS 'Whether the lane''s target has stored that it ends here.';

-- How far each lane is. A copy for people, where the target keeps the lane's progress; for a target that can't it is
-- what decides. Everything that s1 sees is passed; of what s2 sees besides, the records up to position.
CREATE TABLE tenon.relay_progress (
    log           uuid        NOT NULL,
    lane          integer     NOT NULL CHECK (lane BETWEEN 0 AND 63),
    "of"          integer     NOT NULL CHECK ("of" BETWEEN 1 AND 64),
    epoch         bigint      NOT NULL,
    timeline      text        NOT NULL,
    s1            pg_snapshot NOT NULL,
    s2            pg_snapshot,
    low           bigint      NOT NULL DEFAULT 0,
    position      bigint      NOT NULL DEFAULT 0,
    batches       bigint      NOT NULL,
    reported      bigint      NOT NULL DEFAULT 0,
    last_position bigint      NOT NULL DEFAULT 0,
    last_event    uuid,
    closed        boolean     NOT NULL DEFAULT false,
    node          text        NOT NULL DEFAULT '',
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT relay_progress_pkey PRIMARY KEY (log, lane),
    CONSTRAINT relay_progress_no_position_without_window CHECK (s2 IS NOT NULL OR (position = 0 AND low = 0)),
    CONSTRAINT relay_progress_lane_of_so_many CHECK (lane < "of")
) WITH (fillfactor = 50);

COMMENT ON COLUMN tenon.relay_progress."of" IS 'How many lanes there were. A record is in lane ((bucket + 1) * of - 1) / 1024.';
COMMENT ON COLUMN tenon.relay_progress.s2 IS 'End of the window that is being read; NULL when the last one is finished.';
COMMENT ON COLUMN tenon.relay_progress.low IS 'No record of the window is below it, but those that were under way in s1.';
COMMENT ON COLUMN tenon.relay_progress.reported IS 'The batches whose times tenon.relay_spans has.';
COMMENT ON COLUMN tenon.relay_progress.last_position IS 'Of the newest record that is out, with last_event; 0 for none.';
COMMENT ON COLUMN tenon.relay_progress.closed IS 'The layout that the lane belongs to has ended.';

-- The keys whose records are held back, with their first record. A copy, or what decides, as tenon.relay_progress.
CREATE TABLE tenon.relay_parked (
    log            uuid        NOT NULL,
    lane           integer     NOT NULL,
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    bucket         smallint    NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    position       bigint      NOT NULL,
    event          uuid        NOT NULL,
    topic          text        NOT NULL,
    reason         text        NOT NULL,
    since          timestamptz NOT NULL,
    attempts       integer     NOT NULL,
    CONSTRAINT relay_parked_pkey PRIMARY KEY (log, lane, aggregate_type, aggregate_id)
);

COMMENT ON COLUMN tenon.relay_parked.position IS 'Of the first record that is held back; later ones of the key are too.';

-- What people ask of the relay about parked keys. The owner of the key's lane carries it out.
CREATE TABLE tenon.relay_requests (
    id             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind           text        NOT NULL CHECK (kind IN ('retry', 'skip')),
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    bucket         smallint    NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    event          uuid        NOT NULL,
    asked_by       text        NOT NULL CHECK (char_length(asked_by) BETWEEN 1 AND 200),
    reason         text        NOT NULL,
    asked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at        timestamptz,
    outcome        text        NOT NULL DEFAULT '',
    CONSTRAINT relay_requests_pkey PRIMARY KEY (id),
    CONSTRAINT relay_requests_skip_has_a_reason CHECK (kind <> 'skip' OR reason <> '')
);
CREATE INDEX relay_requests_open_idx ON tenon.relay_requests (id) WHERE done_at IS NULL;

COMMENT ON COLUMN tenon.relay_requests.event IS 'The first record of the key when this was asked.';
COMMENT ON COLUMN tenon.relay_requests.outcome IS 'Empty for success, once done_at is set.';

-- When records of a lane were confirmed, for the outbox view only. The newest are kept: see postgres.RelayBoardConfig.
CREATE TABLE tenon.relay_spans (
    number         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    log            uuid        NOT NULL,
    "of"           integer     NOT NULL,
    lane           integer     NOT NULL,
    s1             pg_snapshot NOT NULL,
    s2             pg_snapshot NOT NULL,
    after_position bigint      NOT NULL,
    last_position  bigint      NOT NULL,
    confirmed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT relay_spans_pkey PRIMARY KEY (number)
);
CREATE INDEX relay_spans_last_position_idx ON tenon.relay_spans (log, "of", lane, last_position, number);
CREATE INDEX relay_spans_number_idx ON tenon.relay_spans (log, "of", lane, number);

COMMENT ON TABLE tenon.relay_spans IS
    'A span holds what s2 sees and s1 doesn''t, at positions above after_position up to last_position.';
