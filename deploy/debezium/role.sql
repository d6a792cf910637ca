-- The connector's user, and all that it may do. Run it in Tenon's database, as a superuser or as who may make roles that replicate.
CREATE ROLE debezium LOGIN REPLICATION PASSWORD 'change me';
GRANT USAGE ON SCHEMA tenon TO debezium;
GRANT SELECT ON tenon.events TO debezium;
