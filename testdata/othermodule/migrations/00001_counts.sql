-- +goose Up
CREATE TABLE notes.counts (
    id       text PRIMARY KEY,
    writings bigint NOT NULL
);
