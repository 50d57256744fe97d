"""Writes a history down for the unit tests of the report, in the form in which they take events."""

import json
from pathlib import Path

from demo.executions import Execution
from demo.local_cloud import LocalCloud


def record(cloud: LocalCloud, name: str, file: Path) -> None:
    arn = f"{cloud.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
    events = [told for event in Execution(cloud, name, arn=arn).events() if (told := _told(event))]
    lines = ",\n".join(json.dumps(event, ensure_ascii=False) for event in events)
    file.write_text(f'{{"arn": "{arn}", "events": [\n{lines}\n]}}\n')


def _told(event: dict) -> dict | None:
    what = _what(event)
    return {"at": round(event["timestamp"].timestamp() * 1000), "what": what} if what else None


def _what(event: dict) -> dict | None:
    if details := event.get("executionStartedEventDetails"):
        return {"began": json.loads(details["input"])}
    if details := event.get("stateEnteredEventDetails"):
        return {"entered": details["name"]}
    if details := event.get("taskSucceededEventDetails"):
        output = json.loads(details["output"])
        return {"answered": output["Payload"]} if "Payload" in output else None
    if details := event.get("executionSucceededEventDetails"):
        return {"ended": {"succeeded": json.loads(details["output"])}}
    return None
