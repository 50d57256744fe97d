-- Whether this session is the only one that may set the target's sequences: the claim ends with the session.
-- Where: target, each database. Privilege: none. Lock: advisory, until the session ends. Parameter $1: run.
select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext($1)) as claimed
