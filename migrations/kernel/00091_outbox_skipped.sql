-- +goose Up

CREATE INDEX relay_requests_skipped_idx ON tenon.relay_requests (event) WHERE kind = 'skip';

-- The view of migration 31, but that error tells of a record which was skipped: it counts as sent, as nothing is left to do.
CREATE OR REPLACE VIEW tenon.outbox AS
WITH RECURSIVE shape AS (
    SELECT i.id AS log, coalesce(p."of", 1) AS "of", p.epoch
    FROM (SELECT id FROM tenon.log_identity LIMIT 1) i
    LEFT JOIN LATERAL (SELECT "of", epoch FROM tenon.relay_progress WHERE log = i.id ORDER BY epoch DESC LIMIT 1) p ON true
), lanes AS MATERIALIZED (
    SELECT g.lane, coalesce(p.s1, f.s1, c.s1, '1:1:'::pg_snapshot) AS s1,
           CASE WHEN p.s1 IS NOT NULL THEN p.s2 WHEN f.s1 IS NULL THEN c.s2 END AS s2,
           CASE WHEN p.s1 IS NOT NULL THEN p.position WHEN f.s1 IS NULL THEN c.position END AS position
    FROM shape y
    JOIN generate_series(0, 63) g (lane) ON g.lane < y."of"
    LEFT JOIN tenon.relay_progress p ON p.log = y.log AND p.lane = g.lane AND p.epoch = y.epoch
    LEFT JOIN LATERAL (
        SELECT split_part(final, '/', 3)::pg_snapshot AS s1 FROM tenon.relay_layout WHERE epoch < y.epoch AND final <> '' LIMIT 1) f ON true
    LEFT JOIN tenon.cursors c ON c.name = 'relay'
), relay AS MATERIALIZED ( -- one row, so that finding a record's lane is no join: lane n is at n + 1
    SELECT (SELECT log FROM shape) AS log, (SELECT "of" FROM shape) AS "of", array_agg(s1 ORDER BY lane) AS s1,
           array_agg(s2 ORDER BY lane) AS s2, array_agg(position ORDER BY lane) AS position,
           min(pg_snapshot_xmin(s1)) AS xmin, min(pg_snapshot_xmax(s1)) AS xmax
    FROM lanes
), kinds AS (
    (SELECT tenant, aggregate_type FROM tenon.events ORDER BY tenant, aggregate_type LIMIT 1)
    UNION ALL
    SELECT next.* FROM kinds k CROSS JOIN LATERAL (
        SELECT tenant, aggregate_type FROM tenon.events
        WHERE (tenant, aggregate_type) > (k.tenant, k.aggregate_type) ORDER BY tenant, aggregate_type LIMIT 1
    ) next
), begins AS ( -- the oldest span of each lane that the history tells of
    (SELECT "of", lane, number, s1, s2, after_position FROM tenon.relay_spans
     WHERE log = (SELECT log FROM shape) ORDER BY "of", lane, number LIMIT 1)
    UNION ALL
    SELECT next.* FROM begins b CROSS JOIN LATERAL (
        SELECT s."of", s.lane, s.number, s.s1, s.s2, s.after_position FROM tenon.relay_spans s
        WHERE s.log = (SELECT log FROM shape) AND (s."of", s.lane) > (b."of", b.lane) ORDER BY s."of", s.lane, s.number LIMIT 1
    ) next
), history AS MATERIALIZED ( -- a row for each number of lanes, by age: of a record before the beginning no look is worth it
    SELECT d."of", array_agg(b.s1 ORDER BY g.lane) AS s1, array_agg(b.s2 ORDER BY g.lane) AS s2,
           array_agg(b.after_position ORDER BY g.lane) AS after_position
    FROM (SELECT DISTINCT "of" FROM begins) d
    JOIN generate_series(0, 63) g (lane) ON g.lane < d."of"
    LEFT JOIN begins b ON b."of" = d."of" AND b.lane = g.lane
    GROUP BY d."of" ORDER BY min(b.number)
), group_history AS MATERIALIZED (
    SELECT b.s1, b.s2, b.after_position FROM (SELECT) one
    LEFT JOIN LATERAL (SELECT * FROM tenon.relay_batches WHERE name = 'relay' ORDER BY number LIMIT 1) b ON true
)
SELECT e.event_id AS id, e.event_type, e.aggregate_type, e.aggregate_id, e.payload, e.recorded_at AS created_at,
       NULL::timestamptz AS processed_at, coalesce(f.attempts, 0) AS retry_count, f.error,
       e.topic, e.version, e.position, false AS sent
FROM relay r
CROSS JOIN kinds k
JOIN tenon.events e ON e.tenant = k.tenant AND e.aggregate_type = k.aggregate_type
                   AND e.xid >= (SELECT xmax FROM relay) AND e.xid <= '18446744073709551615'::xid8
CROSS JOIN LATERAL (SELECT ((e.bucket + 1) * r."of" - 1) / 1024 + 1 AS n) l
LEFT JOIN tenon.relay_failures f ON f.position = e.position
WHERE NOT pg_visible_in_snapshot(e.xid, r.s1[l.n])
  AND (r.s2[l.n] IS NULL OR e.position > r.position[l.n] OR NOT pg_visible_in_snapshot(e.xid, r.s2[l.n]))
UNION ALL
SELECT e.event_id, e.event_type, e.aggregate_type, e.aggregate_id, e.payload, e.recorded_at,
       NULL, coalesce(f.attempts, 0), f.error, e.topic, e.version, e.position, false
FROM relay r
CROSS JOIN kinds k
JOIN tenon.events e ON e.tenant = k.tenant AND e.aggregate_type = k.aggregate_type
                   AND e.xid >= (SELECT xmin FROM relay) AND e.xid < (SELECT xmax FROM relay)
                   AND e.xid = ANY (ARRAY(SELECT DISTINCT pg_snapshot_xip(s1) FROM lanes))
CROSS JOIN LATERAL (SELECT ((e.bucket + 1) * r."of" - 1) / 1024 + 1 AS n) l
LEFT JOIN tenon.relay_failures f ON f.position = e.position
WHERE NOT pg_visible_in_snapshot(e.xid, r.s1[l.n])
  AND (r.s2[l.n] IS NULL OR e.position > r.position[l.n] OR NOT pg_visible_in_snapshot(e.xid, r.s2[l.n]))
UNION ALL
SELECT e.event_id, e.event_type, p.aggregate_type, p.aggregate_id, e.payload, e.recorded_at,
       NULL, p.attempts, p.reason, e.topic, e.version, e.position, false
FROM relay r
JOIN tenon.relay_parked p ON p.log = r.log AND p.lane = ((p.bucket + 1) * r."of" - 1) / 1024
CROSS JOIN LATERAL (
    SELECT e.* FROM kinds k
    JOIN tenon.events e ON e.tenant = k.tenant AND e.aggregate_type = p.aggregate_type AND e.aggregate_id = p.aggregate_id
    WHERE k.aggregate_type = p.aggregate_type
    OFFSET 0 -- never by position: that would read the log from the oldest parked key on
) e
WHERE e.position >= p.position AND NOT tenon.cursor_passed(p.after_cursor, e.xid, e.position)
  AND (pg_visible_in_snapshot(e.xid, r.s1[p.lane + 1])
       OR (e.position <= r.position[p.lane + 1] AND pg_visible_in_snapshot(e.xid, r.s2[p.lane + 1])))
UNION ALL
SELECT e.event_id, e.event_type, e.aggregate_type, e.aggregate_id, e.payload, e.recorded_at,
       coalesce((
           SELECT b.confirmed_at FROM history h
           CROSS JOIN LATERAL (SELECT ((e.bucket + 1) * h."of" - 1) / 1024 + 1 AS n) l
           CROSS JOIN LATERAL (
               SELECT s.confirmed_at FROM tenon.relay_spans s
               WHERE s.log = r.log AND s."of" = h."of" AND s.lane = l.n - 1
                 AND s.last_position >= e.position AND s.after_position < e.position
                 AND pg_visible_in_snapshot(e.xid, s.s2) AND NOT pg_visible_in_snapshot(e.xid, s.s1)
               ORDER BY s.last_position, s.number LIMIT 1) b
           WHERE NOT coalesce(pg_visible_in_snapshot(e.xid, h.s1[l.n])
                              OR e.position <= h.after_position[l.n] AND pg_visible_in_snapshot(e.xid, h.s2[l.n]), true)
           LIMIT 1
       ), CASE WHEN NOT (pg_visible_in_snapshot(e.xid, g.s1)
                         OR e.position <= g.after_position AND pg_visible_in_snapshot(e.xid, g.s2)) THEN (
           SELECT b.confirmed_at FROM tenon.relay_batches b
           WHERE b.name = 'relay' AND b.last_position >= e.position AND b.after_position < e.position
             AND pg_visible_in_snapshot(e.xid, b.s2) AND NOT pg_visible_in_snapshot(e.xid, b.s1)
           ORDER BY b.last_position, b.number LIMIT 1) END),
       0, (SELECT 'skipped by ' || q.asked_by || ': ' || q.reason FROM tenon.relay_requests q
           WHERE q.kind = 'skip' AND q.event = e.event_id AND q.outcome = '' AND q.done_at IS NOT NULL ORDER BY q.id LIMIT 1),
       e.topic, e.version, e.position, true
FROM relay r
CROSS JOIN group_history g
CROSS JOIN kinds k
JOIN tenon.events e ON e.tenant = k.tenant AND e.aggregate_type = k.aggregate_type
CROSS JOIN LATERAL (SELECT ((e.bucket + 1) * r."of" - 1) / 1024 + 1 AS n) l
WHERE (pg_visible_in_snapshot(e.xid, r.s1[l.n])
       OR (e.position <= r.position[l.n] AND pg_visible_in_snapshot(e.xid, r.s2[l.n])))
  AND NOT EXISTS (
      SELECT FROM tenon.relay_parked p
      WHERE p.log = (SELECT log FROM shape) AND p.lane = l.n - 1 AND p.aggregate_type = e.aggregate_type AND p.aggregate_id = e.aggregate_id
        AND p.position <= e.position AND NOT tenon.cursor_passed(p.after_cursor, e.xid, e.position));
