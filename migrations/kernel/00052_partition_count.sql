-- +goose Up

ALTER TABLE tenon.checkpoints ADD COLUMN partitions integer CHECK (partitions >= 1);

COMMENT ON COLUMN tenon.checkpoints.partitions IS 'How many the topic had: with another number an aggregate''s later events are elsewhere than its earlier ones. NULL: not known.';
