-- Statement that lets our own DDL through the fence within one transaction: event triggers do not fire for
-- commands on event triggers. No row if there is no fence. Where: source. Privilege: owner. Parameters $1: fence,
-- $2: `disable` or `enable always`.
select pg_catalog.format('alter event trigger %I %s', e.evtname, $2::text) from pg_catalog.pg_event_trigger e where e.evtname in ($1::text, $1 || '_ddl', $1 || '_drop')
