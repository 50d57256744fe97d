-- The server's average WAL volume in bytes per second, and since when. No row if that was less than a minute ago.
-- Where: source, any database; since 14. Privilege: none. Locks: none. Changes nothing.
select (wal_bytes / extract(epoch from pg_catalog.clock_timestamp() - stats_reset))::pg_catalog.int8 as bytes_per_second,
       pg_catalog.to_char(stats_reset at time zone 'utc', 'YYYY-MM-DD') as since
  from pg_catalog.pg_stat_wal
 where stats_reset < pg_catalog.clock_timestamp() - interval '1 min'
