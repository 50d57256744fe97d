-- The statement that gives the role of a way back to an execution. Where: the way back's source, control database. Privilege: CREATEROLE.
-- Parameters $1: role, $2: the execution's name.
select pg_catalog.format('comment on role %I is %L', $1::text, $2::text)
