-- +goose Up

ALTER TABLE tenon.relay_progress ADD COLUMN commit_micros bigint;

COMMENT ON COLUMN tenon.relay_progress.commit_micros IS 'How long the target took to commit the newest batch with records.';
