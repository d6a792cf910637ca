-- +goose Up

-- Read models with versions: version 1 of both, which views show.
CREATE TABLE bench.rebuilt_things_v1 (
    id      text   PRIMARY KEY,
    version bigint NOT NULL,
    seq     bigint NOT NULL,
    text    text   NOT NULL
);
CREATE VIEW bench.rebuilt_things AS SELECT * FROM bench.rebuilt_things_v1;

CREATE TABLE bench.rebuilt_seen_v1 (LIKE bench.seen INCLUDING ALL);
CREATE VIEW bench.rebuilt_seen AS SELECT * FROM bench.rebuilt_seen_v1;
