-- Statements that set the settings of this database's apply worker: its user is the subscription's owner, our user.
-- Nothing overrides a role's settings for one database. Settings that this version does not have are left out. An empty value stands
-- for the database's encoding.
-- Where: target, each database. Privilege: none. Parameters $1: names, $2: values. settings_of_owner.sql resets them.
select pg_catalog.format('alter role %I in database %I set %I = %L', current_user, pg_catalog.current_database(), w.name,
                         coalesce(nullif(w.value, ''), pg_catalog.getdatabaseencoding()))
  from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) w (name, value)
 where pg_catalog.current_setting(w.name, true) is not null
