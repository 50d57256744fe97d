-- Statements that set the settings of a role's sessions, in every database, and override the databases' own. Settings that this
-- version does not have are left out; `role` is in no view.
-- Where: source, any database. Privilege: CREATEROLE. Parameters $1: role, $2: names, $3: values.
select pg_catalog.format('alter role %I set %I = %L', $1::text, w.name, w.value)
  from rows from (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[])) w (name, value)
 where pg_catalog.current_setting(w.name, true) is not null
