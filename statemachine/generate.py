"""Writes statemachine/*.asl.json from the YAML beside it: `make definitions`. Everything is Amazon States Language but the members below.

call: preflight              a task that invokes this function, with `payload`
notify: begun                a task that sends the event of this phase, with `message` and `facts`; goes on whether it is sent or not
retry: [lambda, locked: 8]   the policies of `retries`, some with another MaxAttempts
catch: NotifyUndoing         every error, kept as `failure`, with the next wait's count at zero; {State: name} keeps it under another name
- give up: WaitedTooLong     a Choice that ends a wait: `when`, `cause`
"""

import json
import sys
from pathlib import Path

import yaml

# Spreads what fails at the same moment.
JITTER = {"JitterStrategy": "FULL"}
ERROR = {"error": "{% $states.errorOutput.Error %}", "cause": "{% $states.errorOutput.Cause %}"}


def call(function: str, payload: dict) -> dict:
    arn = "".join(word.title() for word in function.split("-"))
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": f"${{{arn}FunctionArn}}", "Payload": payload}}


def notify(phase: str, message: str, facts: str, then: str) -> dict:
    detail = f"{{% $merge([$about, {{'phase': '{phase}', 'message': {message}{facts}}}]) %}}"
    entry = {"EventBusName": "default", "Source": "rds-reencrypt", "DetailType": "rds-reencrypt phase", "Detail": detail}
    task = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Arguments": {"Entries": [entry]}, "TimeoutSeconds": 10}
    return task | {"retry": ["event"], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": then}]}


def catch(to: str | dict[str, str]) -> list[dict]:
    [(state, name)] = to.items() if isinstance(to, dict) else [(to, None)]
    kept = {name or "failure": ERROR} | ({} if name else {"polls": 0})
    return [{"ErrorEquals": ["States.ALL"], "Assign": kept, "Next": state}]


def policy(wanted: str | dict[str, int], retries: dict) -> list[dict]:
    [(name, most)] = wanted.items() if isinstance(wanted, dict) else [(wanted, None)]
    return [each | JITTER | ({"MaxAttempts": most} if most else {}) for each in retries[name]]


def give_up(rule: dict) -> dict:
    failure = {"error": rule["give up"], "cause": f"{{% {rule['cause']} %}}"}
    return {"Condition": f"{{% {rule['when']} %}}", "Assign": {"failure": failure, "polls": 0}, "Next": "NotifyUndoing"}


def expand(state: dict, retries: dict) -> dict:
    if "call" in state:
        state = call(state.pop("call"), state.pop("payload")) | state
    if "notify" in state:
        state = notify(state.pop("notify"), state.pop("message"), state.pop("facts", ""), state["Next"]) | state
    if "retry" in state:
        state["Retry"] = [retrier for each in state.pop("retry") for retrier in policy(each, retries)]
    if "catch" in state:
        state["Catch"] = catch(state.pop("catch"))
    if "Choices" in state:
        state["Choices"] = [give_up(rule) if "give up" in rule else rule for rule in state["Choices"]]
    if "ItemProcessor" in state:
        inner = state["ItemProcessor"]["States"]
        state["ItemProcessor"]["States"] = {name: expand(each, retries) for name, each in inner.items()}
    return state


def generate(source: str) -> str:
    machine = yaml.safe_load(source)
    retries = machine.pop("retries")
    machine["States"] = {name: expand(state, retries) for name, state in machine["States"].items()}
    return json.dumps(machine, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.with_suffix(".asl.json").write_text(generate(file.read_text()))
