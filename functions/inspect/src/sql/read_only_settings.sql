-- Settings of this database, and of roles in it or everywhere, that make sessions read only. The target has them too.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select case when s.setrole = 0 then 'the database' else 'role ' || pg_catalog.pg_get_userbyid(s.setrole) end as detail
  from pg_catalog.pg_db_role_setting s cross join lateral unnest(s.setconfig) c (setting)
 where s.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))
   and pg_catalog.lower(c.setting) in ('default_transaction_read_only=on', 'default_transaction_read_only=true',
                                       'default_transaction_read_only=1', 'default_transaction_read_only=yes')
 order by 1
