-- Settings that make our sessions another role than the one that logs in. Our sessions override them (pg.rs), but the target's apply,
-- which runs as our user, does not, and another role may not apply the run's own tables.
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing. Parameter $1: databases that are moved.
-- Returns whose setting it is and the statement that resets it.
select pg_catalog.format('%s: %s', pg_catalog.concat_ws(' in ', 'role ' || pg_catalog.quote_ident(r.rolname), 'database ' || pg_catalog.quote_ident(d.datname)),
                         s.setting) as detail,
       case when r.oid is null then pg_catalog.format('set role none; alter database %I reset role', d.datname)
            else pg_catalog.format('set role none; alter role %I %sreset role', r.rolname, 'in database ' || pg_catalog.quote_ident(d.datname) || ' ') end as statement
  from pg_catalog.pg_db_role_setting c
  cross join unnest(c.setconfig) s (setting)
  left join pg_catalog.pg_roles r on r.oid = c.setrole
  left join pg_catalog.pg_database d on d.oid = c.setdatabase
 where s.setting like 'role=%' and s.setting not in ('role=none', 'role=' || session_user)
   and (c.setrole = 0 or r.rolname = session_user)
   and (c.setdatabase = 0 or d.datname = any ($1::pg_catalog.text[]))
   -- Who may not become that role stays who they are, with a warning.
   and exists (select from pg_catalog.pg_roles o where 'role=' || o.rolname = s.setting and pg_catalog.pg_has_role(session_user, o.oid, 'member'))
 order by 1
