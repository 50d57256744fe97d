-- Gives a role another password, of which the server gets only a hash: the statement may be written into the log.
-- Where: target, any database. Privilege: CREATEROLE (16+: with ADMIN of the role; none for oneself). Locks: none.
-- Parameters $1: role, $2: hash. Returns one statement.
select pg_catalog.format('alter role %I password %L', $1::text, $2::text)
