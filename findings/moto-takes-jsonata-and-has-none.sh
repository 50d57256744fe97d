#!/usr/bin/env bash
# moto: a state machine in JSONata is created, described and started, and every expression in it fails: there is none to evaluate it.
#
# Seen: create_state_machine takes QueryLanguage JSONata, start_execution begins the execution, and the first "{% … %}" of any state ends it:
# States.Runtime, TypeError('NoneType' object is not callable). A machine without expressions runs, Assign and Output included. The
# evaluator came from a Java library in the project that this interpreter was taken from, and what calls it is bound to None.
# Guessed: what parses Assign, Output, Arguments and Condition, and refuses JSONPath's fields beside them, evaluates them as well; or that an
# extra, or a JSONata package beside it, is what is missing. None is: with jsonata-python installed it is the same.
# Matters to: who tests state machines of Step Functions against moto. Those in JSONPath run, so the first one in JSONata looks as if the
# machine was wrong; the cause names neither JSONata nor moto.
#
# Versions: moto 5.2.5, jsonata-python 0.7.1. Output:
#   a constant        SUCCEEDED {"rows": 7}
#   1 + 1             FAILED States.Runtime TypeError('NoneType' object is not callable)
#   a Condition true  FAILED States.Runtime TypeError('NoneType' object is not callable)
set -euo pipefail

work=$(mktemp -d)
finish() {
  (($? == 0)) || echo 'This is not what the header says.' >&2
  rm -rf "$work"
}
trap finish EXIT
python3 -m venv "$work/venv"
export PATH=$work/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
pip install --quiet 'moto[stepfunctions]==5.2.5' jsonata-python==0.7.1 boto3==1.44.8

cat > "$work/run.py" <<'PYTHON'
import json
import logging
import time

import boto3
from moto import mock_aws

logging.disable(logging.CRITICAL)
STATES = {
    "a constant": {"Type": "Pass", "Output": {"rows": 7}, "End": True},
    "1 + 1": {"Type": "Pass", "Output": {"rows": "{% 1 + 1 %}"}, "End": True},
    "a Condition true": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Done"}], "Default": "Done"},
}


@mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
def main() -> None:
    client = boto3.client("stepfunctions", "eu-central-1", aws_access_key_id="any", aws_secret_access_key="any")
    for number, (what, state) in enumerate(STATES.items()):
        definition = {"QueryLanguage": "JSONata", "StartAt": "One", "States": {"One": state, "Done": {"Type": "Succeed"}}}
        if state["Type"] == "Pass":
            del definition["States"]["Done"]
        made = client.create_state_machine(name=f"machine-{number}", roleArn="arn:aws:iam::123456789012:role/any", definition=json.dumps(definition))
        execution = client.start_execution(stateMachineArn=made["stateMachineArn"], input="{}")["executionArn"]
        while (described := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(0.1)
        told = described.get("output") or f"{described['error']} {described['cause']}"
        print(f"{what:<17} {described['status']} {told}")


main()
PYTHON
python "$work/run.py" 2> "$work/log" | tee "$work/seen"

sed -n 's/^#   //p' "$0" | diff - "$work/seen"
