-- Statements that set what the apply worker of this database works under: its user is the subscription's owner, who we are.
-- Nothing beats a role's settings for one database. Settings that this version does not have are left out.
-- Where: target, each database. Privilege: none. Parameters $1: names, $2: values. settings_of_owner.sql takes them back.
select pg_catalog.format('alter role %I in database %I set %I = %L', current_user, pg_catalog.current_database(), w.name, w.value)
  from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) w (name, value)
 where pg_catalog.current_setting(w.name, true) is not null
