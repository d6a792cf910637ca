-- +goose Up

-- PostgreSQL reads the text of every CHECK anew in each statement that inserts: thirteen of them were a third of what appending one
-- event costs the server. What is left is what readers depend on: a record in a bucket that no lane has would never be
-- relayed, and a version below 1 never be folded. Lengths and empty names are refused by who appends, with an error that
-- names them. NOT VALID spares a scan: the rows that are there have passed the same conditions.
ALTER TABLE tenon.events
    DROP CONSTRAINT events_version_check,
    DROP CONSTRAINT events_schema_version_check,
    DROP CONSTRAINT events_bucket_check,
    DROP CONSTRAINT events_tenant_check,
    DROP CONSTRAINT events_topic_check,
    DROP CONSTRAINT events_aggregate_type_check,
    DROP CONSTRAINT events_aggregate_id_check,
    DROP CONSTRAINT events_event_type_check,
    DROP CONSTRAINT events_correlation_id_check,
    DROP CONSTRAINT events_causation_id_check,
    DROP CONSTRAINT events_traceparent_check,
    DROP CONSTRAINT events_actor_check,
    DROP CONSTRAINT events_event_names_its_aggregate,
    ADD CONSTRAINT events_can_be_found CHECK (version >= 1 AND bucket BETWEEN 0 AND 1023) NOT VALID;
