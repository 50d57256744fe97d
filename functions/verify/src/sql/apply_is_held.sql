-- Whether the run's apply worker waits for the session that holds a mark: it has then applied and committed everything
-- before the mark on the source, and nothing after it. Also which worker it is, null if none runs.
-- Where: target, any database. Privilege: none. Parameters $1: subscription, $2: pid of that session. Locks: none.
select coalesce(pg_catalog.bool_or($2::int4 = any (pg_catalog.pg_blocking_pids(s.pid))), false) as held,
       pg_catalog.min(s.pid) as worker
  from pg_catalog.pg_stat_subscription s
 where s.subname = $1
