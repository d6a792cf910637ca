-- +goose Up

-- Whoever waits until a projection has an aggregate's events looks whether they are parked, or were discarded.
CREATE INDEX parked_sequences_aggregate_idx ON tenon.parked_sequences (projection, version, aggregate_type, aggregate_id);
CREATE INDEX parked_actions_discarded_idx ON tenon.parked_actions (event_id, projection, version) WHERE kind = 'discard';
