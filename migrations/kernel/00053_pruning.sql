-- +goose Up

-- Since when what is remembered against repeats hasn't changed, so that it can be forgotten.
ALTER TABLE tenon.inbox ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX inbox_seen_idx ON tenon.inbox (seen_at);

-- A day, so that most updates leave it as it is; without an index, which each of them would pay for: it is pruned rarely, if at all.
ALTER TABLE tenon.applied ADD COLUMN applied_on date NOT NULL DEFAULT current_date;
