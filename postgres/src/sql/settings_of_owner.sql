-- Statements that give our user, in this database on another server, the values that he has here of these settings, set or not; a
-- single one if he has none of any, since writers may be waiting.
-- Where: source, each database; they are for the target. Privilege: none. Locks: none. Parameter $1: names.
with mine as (
  select pg_catalog.lower(pg_catalog.split_part(c, '=', 1)) as name, pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1) as value
    from pg_catalog.pg_db_role_setting r
    join pg_catalog.pg_roles u on u.oid = r.setrole and u.rolname = current_user
    join pg_catalog.pg_database d on d.oid = r.setdatabase and d.datname = pg_catalog.current_database(),
         pg_catalog.unnest(r.setconfig) c)
select pg_catalog.format('alter role %I in database %I reset all', current_user, pg_catalog.current_database())
 where not exists (select from mine)
union all
select case when s.value is null then pg_catalog.format('alter role %I in database %I reset %I', current_user, pg_catalog.current_database(), n.name)
            else pg_catalog.format('alter role %I in database %I set %I = %L', current_user, pg_catalog.current_database(), n.name, s.value) end
  from pg_catalog.unnest($1::text[]) n (name)
  left join mine s on s.name = n.name
 where exists (select from mine) and pg_catalog.current_setting(n.name, true) is not null
