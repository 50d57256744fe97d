-- How much WAL the server writes on average: bytes in a second, since when. No row where that was not a minute ago.
-- Where: source, any database; since 14. Privilege: none. Locks: none. Changes nothing.
select (wal_bytes / extract(epoch from pg_catalog.clock_timestamp() - stats_reset))::pg_catalog.int8 as bytes_per_second,
       pg_catalog.to_char(stats_reset at time zone 'utc', 'YYYY-MM-DD') as since
  from pg_catalog.pg_stat_wal
 where stats_reset < pg_catalog.clock_timestamp() - interval '1 min'
