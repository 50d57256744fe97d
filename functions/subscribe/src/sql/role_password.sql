-- Allows the run's role to log in, with a password of which the server gets only the SCRAM verifier.
-- Where: source. Privilege: CREATEROLE. Parameters $1: role, $2: verifier.
select pg_catalog.format('alter role %I login password %L', $1::text, $2::text)
