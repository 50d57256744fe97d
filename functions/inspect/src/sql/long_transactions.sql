-- Transactions with an id of their own, oldest first: a slot that is created now waits for the end of each, in any
-- database (SnapBuildWaitSnapshot in snapbuild.c). It does not wait for readers, which have no id, nor for
-- a standby's feedback, which is an xmin and no transaction. Never their queries.
-- Where: source, any database. Privilege: pg_read_all_stats, without which others' are hidden. Locks: none. Changes
-- nothing. Parameter $1: minimum age in seconds. Returns pid, age in seconds, and a text for people.
select a.pid, t.age_s,
       pg_catalog.format('pid %s, user %s, application %s, database %s, %s s, %s', a.pid, coalesce(a.usename, a.backend_type),
                         coalesce(nullif(a.application_name, ''), '-'), coalesce(a.datname, '-'), t.age_s, coalesce(a.state, '-')) as detail
  from pg_catalog.pg_stat_activity a
 cross join lateral (select pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start))::pg_catalog.int8 as age_s) t
 where a.backend_xid is not null and a.pid <> pg_catalog.pg_backend_pid() and t.age_s >= $1
 order by t.age_s desc
