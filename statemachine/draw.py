"""Draws statemachine/encrypt.asl.json into docs/procedure.md, with the point of no return as a border: `make definitions`.

Drawn are the states that call a function and those that end an execution; states that wait, choose, watch or send an event lie between them.
"""

import json
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
HEAD = """# The procedure as a graph

The paths without an error as arrows, and the errors as dotted ones: errors of the checks end in `Refused`; from the first thing that is made to
the fence, every error and every wait that ends at its bound leads to the undo; a cutover that failed goes to `CancelCutover`, which decides
which side of the fence it is on; after the fence nothing leads back. Six runs, state by state, are in [statemachine/paths](../statemachine/paths).
`make definitions` writes this page from the state machine.

"""


def ways(state: dict) -> list[str]:
    return [*[rule["Next"] for rule in state.get("Choices", [])], *[state[name] for name in ("Next", "Default") if name in state]]


def reachable(states: dict, start: str, beyond: frozenset = frozenset()) -> set[str]:
    found, ahead = set(), [start]
    while ahead:
        name = ahead.pop()
        if name not in found and name not in beyond:
            found.add(name)
            ahead += ways(states[name])
    return found


def is_drawn(state: dict) -> bool:
    function = state.get("Arguments", {}).get("FunctionName", "${WatchSourceFunctionArn}")
    return state["Type"] in ("Succeed", "Fail") or function != "${WatchSourceFunctionArn}"


def following(states: dict, name: str) -> set[str]:
    """The drawn states that come next, past those that are not."""
    found, seen, ahead = set(), set(), ways(states[name])
    while ahead:
        each = ahead.pop()
        if each not in seen:
            seen.add(each)
            (found.add(each) if is_drawn(states[each]) else ahead.extend(ways(states[each])))
    return found


def draw(machine: dict) -> str:
    states = machine["States"]
    undo = reachable(states, "NotifyUndoing") | {"UndoFailed"}
    after = reachable(states, "NotifyCutOver") | {"CleanUpFailed"}
    border = {"Cutover", "CancelCutover", "CutoverUnfinished"}
    recovery = reachable(states, "RecoverPlan", frozenset(border)) - undo - after | {"UndoNotBegun"}
    made = reachable(states, "NotifyBegun", frozenset(border | undo))
    checks = set(states) - made - undo - after - border - recovery
    lines = ["flowchart TD"]
    regions = {
        "checks": ("checks: nothing is made", checks),
        "made": ("before the fence: every error is undone", made),
        "border": ("cutover: the fence closes here", border),
        "after": ("after the fence: only forward", after),
        "undo": ("undo", undo),
        "recovery": ("recovery of a stopped execution", recovery),
    }
    for name, (title, region) in regions.items():
        drawn = [state for state in states if state in region and is_drawn(states[state])]
        lines += [f'  subgraph {name}["{title}"]', *[f"    {state}" for state in drawn], "  end"]
    for name in filter(lambda name: is_drawn(states[name]), states):
        to = following(states, name) - {name} - (undo if name in made else set())
        lines += [f"  {name} --> {each}" for each in states if each in to]
    lines += ["  checks -. error .-> Refused", "  made -. error .-> UndoPublication", "  Cutover -. error .-> CancelCutover"]
    lines += ["  after -. error .-> CleanUpFailed", "  undo -. error .-> UndoFailed"]
    return HEAD + "```mermaid\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    (REPOSITORY / "docs" / "procedure.md").write_text(draw(json.loads((REPOSITORY / "statemachine" / "encrypt.asl.json").read_text())))
