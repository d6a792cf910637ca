-- +goose Up

-- State of the relational aggregate.
CREATE TABLE bench.things (
    id      uuid   PRIMARY KEY,
    version bigint NOT NULL,
    text    text   NOT NULL
);

-- What projections write: a row for each event. seq is the event's number, so a second application of an event is refused.
CREATE TABLE bench.seen (
    seq          bigint PRIMARY KEY,
    aggregate_id text   NOT NULL,
    version      bigint NOT NULL,
    text         text   NOT NULL
);
