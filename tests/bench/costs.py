"""What the move of one database costs, from what a demo counted and from how long AWS takes.

A demo's run (`make demo` leaves it in target/demo) says which states are passed and which functions called once, and how
long a call takes; the state machine's own waits say how often they are, given how long a step takes. What is not counted there, and every price,
stands in docs/costs.md with its source.
"""

import argparse
import json
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

from jsonata import Jsonata

REPOSITORY = Path(__file__).resolve().parents[2]
MACHINE = REPOSITORY / "statemachine" / "encrypt.asl.json"
DEMO = REPOSITORY / "target" / "demo" / "report.json"
WAIT_MAX_SECONDS, VERIFY_CALL_SECONDS = 60, 480
# List prices in us-east-1, in USD; docs/costs.md has their sources.
PER_TRANSITION = 0.025 / 1_000
PER_REQUEST, PER_GB_SECOND = 0.20 / 1_000_000, 0.0000133334
# At most two readings of a secret with a decryption each, one metric, one trace and 2 kB of log in each call.
PER_CALL_OF_OTHERS = 2 * (0.05 + 0.03) / 10_000 + 0.01 / 1_000 + 5.0 / 1_000_000 + 2e-6 * 0.50
# Ten metrics, each by itself and by its source.
CUSTOM_METRICS, PER_METRIC_MONTH = 20, 0.30
PER_GB_MONTH_OF_BACKUP, PER_GB_MONTH_OF_STORAGE = 0.095, 0.115
HOURS_A_MONTH = 730
# The lap of each wait that grows with the database, or with people: its Wait state, and all states of one lap.
LAPS = {
    "snapshot": ("WaitForSnapshot", ("Snapshot", "IsSnapshotReady", "WatchDuringSnapshot", "WaitForSnapshot")),
    "copy": ("WaitForCopy", ("CopyEncrypted", "IsCopyReady", "WatchDuringCopy", "WaitForCopy")),
    "restore": ("WaitForTarget", ("Restore", "IsTargetReady", "WatchDuringTarget", "WaitForTarget")),
    "catch_up": ("WaitForLag", ("PollLag", "HasCaughtUp", "WaitForLag")),
    "approval": ("WaitForApproval", ("AwaitApproval", "MayCutOver", "WaitForApproval")),
}
VERIFY_LAP = ("Verify", "IsAllVerified", "VerifyNext", "WatchDuringVerify")


@dataclass(frozen=True)
class Hours:
    """How long each step takes on AWS."""

    snapshot: float
    copy: float
    restore: float
    catch_up: float
    verify: float
    approval: float

    @property
    def of_the_second_database(self) -> float:
        """From its restore to the cutover; behind it, it is the only one."""
        return self.restore + self.catch_up + self.verify + self.approval

    @property
    def of_the_snapshots(self) -> float:
        return self.copy + self.of_the_second_database


@dataclass(frozen=True)
class Counted:
    transitions: int
    invocations: int
    gb_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.costs", description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=500, help="storage of the database; default %(default)s")
    parser.add_argument("--usd-per-hour", type=float, default=0.159, help="of the instance or of all members of the cluster; default %(default)s")
    for name, hours in {"snapshot": 1, "copy": 3, "restore": 1, "catch_up": 1, "verify": 2.7, "approval": 12}.items():
        parser.add_argument(f"--{name.replace('_', '-')}-hours", dest=name, type=float, default=hours, help="default %(default)s")
    arguments = parser.parse_args()
    hours = Hours(**{field.name: getattr(arguments, field.name) for field in fields(Hours)})
    counted = count(json.loads(MACHINE.read_text())["States"], json.loads(DEMO.read_text()), hours)
    for line in bill(counted, hours, arguments.gib, arguments.usd_per_hour):
        print(line)


def count(states: dict[str, dict], demo: dict, hours: Hours) -> Counted:
    """The demo's run, with the laps that its waits would have had in so many hours."""
    visits = Counter(demo["states"])
    for name, (wait, lap) in LAPS.items():
        visits.update(dict.fromkeys(lap, laps(states[wait]["Seconds"], 3600 * getattr(hours, name)) - visits[wait]))
    calls_of_verify = int(3600 * hours.verify // VERIFY_CALL_SECONDS)
    visits.update(dict.fromkeys(VERIFY_LAP, calls_of_verify))
    functions = {name: function_of(state) for name, state in states.items() if state.get("Resource", "").endswith(":lambda:invoke")}
    invocations = Counter()
    for name, function in functions.items():
        invocations[function] += visits[name]
    per_call = {name: used["gb_seconds"] / used["invocations"] for name, used in demo["functions"].items() if used["invocations"]}
    gb_seconds = sum(calls * per_call[name] for name, calls in invocations.items() if calls)
    # A call of the verification works for as long as it may.
    gb_seconds += 3600 * hours.verify * demo["functions"]["verify"]["memory_size_mb"] / 1024
    return Counted(visits.total(), invocations.total(), gb_seconds)


def laps(seconds_expression: str, seconds: float) -> int:
    """How often it is waited until so many seconds are over."""
    expression = Jsonata(seconds_expression.removeprefix("{%").removesuffix("%}"))
    expression.assign("plan", {"wait": {"max_seconds": WAIT_MAX_SECONDS}})
    expression.assign("lag", {"connected": True, "caught_up": True, "window_opens_in_seconds": 0})
    polls, waited = 0, 0.0
    while waited < seconds:
        expression.assign("polls", polls)
        waited += expression.evaluate(None)
        polls += 1
    return polls


def function_of(state: dict) -> str:
    """As its binary is called: `${CopyEncryptedFunctionArn}` is copy-encrypted."""
    name = state["Arguments"]["FunctionName"].removeprefix("${").removesuffix("FunctionArn}")
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).strip("-")


def bill(counted: Counted, hours: Hours, gib: float, usd_per_hour: float) -> list[str]:
    second, snapshots = hours.of_the_second_database, hours.of_the_snapshots
    lines = [
        ("Step Functions", f"{counted.transitions:,} transitions", counted.transitions * PER_TRANSITION),
        (
            "Lambda", f"{counted.invocations:,} calls, {counted.gb_seconds:,.0f} GB-s",
            counted.invocations * PER_REQUEST + counted.gb_seconds * PER_GB_SECOND,
        ),
        ("secrets, metrics, traces, logs", "of these calls, at most", counted.invocations * PER_CALL_OF_OTHERS),
        ("custom metrics", f"{CUSTOM_METRICS} for {snapshots + hours.snapshot:.1f} h", CUSTOM_METRICS * PER_METRIC_MONTH * (snapshots + hours.snapshot) / HOURS_A_MONTH),
        ("two snapshots", f"{gib:,.0f} GiB each for {snapshots:.1f} h, at most", 2 * gib * PER_GB_MONTH_OF_BACKUP * snapshots / HOURS_A_MONTH),
        ("second database", f"{second:.1f} h", usd_per_hour * second),
        ("its storage", f"{gib:,.0f} GiB for {second:.1f} h", gib * PER_GB_MONTH_OF_STORAGE * second / HOURS_A_MONTH),
    ]  # fmt: skip
    lines.append(("together", "", sum(usd for _, _, usd in lines)))
    return [f"{what:<31} {how_much:<36} {usd:8.2f} USD" for what, how_much, usd in lines]


if __name__ == "__main__":
    main()
