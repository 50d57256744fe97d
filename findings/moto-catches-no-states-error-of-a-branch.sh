#!/usr/bin/env bash
# moto: a Parallel that catches States.ALL does not catch an error of Step Functions' own (States.…) in its branch; the execution fails.
#
# Seen: a branch that ends in a Fail state is caught outside under its own name, Inner. A branch whose Choice has no matching rule ends the whole
# execution instead: States.Runtime, ValueError(Custom Error Names MUST NOT begin with the prefix 'States.' …). What comes out of a branch is made
# an error with a custom name, and the check of custom names refuses it. ministack, another interpreter, catches both.
# Guessed: States.ALL on the Parallel catches whatever ends a branch, since that is why one puts states into a branch: one Catch in place of many.
# Matters to: who tests error handling around Parallel or Map with moto. With an error of the test's own the Catch works, so the test is green; the
# timeouts and unmatched choices that the Catch is there for end the execution without it. The cause speaks of names, not of branches.
#
# Versions: moto 5.2.5, ministack 1.5.33. Output:
#   moto       a Fail state             SUCCEEDED caught Inner
#   moto       a Choice without a match FAILED ValueError(Custom Error Names MUST NOT begin with the prefix 'States.', got 'States.Runtime'.)
#   ministack  a Fail state             SUCCEEDED caught Inner
#   ministack  a Choice without a match SUCCEEDED caught States.NoChoiceMatched
set -euo pipefail

work=$(mktemp -d)
finish() {
  (($? == 0)) || echo 'This is not what the header says.' >&2
  rm -rf "$work"
}
trap finish EXIT
python3 -m venv "$work/venv"
export PATH=$work/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
pip install --quiet 'moto[stepfunctions]==5.2.5' boto3==1.44.8 jsonata-python==0.7.1
# Of its server nothing is used.
pip install --quiet --no-deps ministack==1.5.33

cat > "$work/run.py" <<'PYTHON'
import json
import logging
import time
from unittest import mock

import boto3
from ministack.services import stepfunctions
from moto import mock_aws

logging.disable(logging.CRITICAL)
CHOICE = {"Type": "Choice", "Choices": [{"Variable": "$.rows", "NumericEquals": 1, "Next": "Done"}]}
BRANCHES = {
    "a Fail state": {"Only": {"Type": "Fail", "Error": "Inner", "Cause": "its own"}},
    "a Choice without a match": {"Only": CHOICE, "Done": {"Type": "Succeed"}},
}
GIVEN = json.dumps({"rows": 2})
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:any"


def definition(states: dict) -> str:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    around = {"Type": "Parallel", "Branches": [{"StartAt": "Only", "States": states}], "Catch": catch, "End": True}
    return json.dumps({"StartAt": "Around", "States": {"Around": around, "Caught": {"Type": "Succeed"}}})


def in_moto(number: int, states: dict) -> dict:
    client = boto3.client("stepfunctions", "eu-central-1", aws_access_key_id="any", aws_secret_access_key="any")
    made = client.create_state_machine(name=f"m-{number}", roleArn="arn:aws:iam::123456789012:role/any", definition=definition(states))
    execution = client.start_execution(stateMachineArn=made["stateMachineArn"], input=GIVEN)["executionArn"]
    while (described := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.1)
    return described


def in_ministack(number: int, states: dict) -> dict:
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:{number}"
    execution = {"executionArn": arn, "stateMachineArn": MACHINE, "name": str(number), "status": "RUNNING", "input": GIVEN, "events": []}
    execution |= {"startDate": "2026-12-01T00:00:00Z", "stopDate": None, "output": None}
    stepfunctions._state_machines[MACHINE] = {"stateMachineArn": MACHINE, "name": "any", "definition": definition(states), "roleArn": "any"}
    stepfunctions._executions[arn] = execution
    with mock.patch.object(stepfunctions, "_emit_execution_status_event", lambda execution: None):
        stepfunctions._run_execution(arn)
    return execution


with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
    for engine, run in (("moto", in_moto), ("ministack", in_ministack)):
        for number, (what, states) in enumerate(BRANCHES.items()):
            ended = run(number, states)
            how = f"caught {json.loads(ended['output'])['Error']}" if ended["status"] == "SUCCEEDED" else ended["cause"]
            print(f"{engine:<10} {what:<24} {ended['status']} {how}")
PYTHON
python "$work/run.py" 2> "$work/log" | tee "$work/seen"

sed -n 's/^#   //p' "$0" | diff - "$work/seen"
