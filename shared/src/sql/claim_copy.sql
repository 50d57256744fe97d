-- Whether this session is the one call that may set the target's sequences: the claim ends with it.
-- Where: target, each database. Privilege: none. Lock: advisory, for as long as the session lives. Parameter $1: run.
select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext($1)) as claimed
