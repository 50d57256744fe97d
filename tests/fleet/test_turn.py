"""Places of the Region, and the hours in which a cutover may be."""

import contextlib
import json

import pytest

from demo.executions import Execution
from demo.footprint import footprint
from demo.waiting import wait_until
from executions.runs import approve, undo_of
from executions.sources import make_request, make_source

from .fleet import LIMIT_SECONDS, detail_of, owned, window

NAMES = ["first-one", "second-one"]
# At a time, of which two are left to others.
PLACES = 20 - 2


@pytest.fixture(scope="module")
def sources(cloud, key_arn):
    return [make_source(cloud, name, 17, Tags=owned(name, mode="migrate")) for name in NAMES]


@pytest.fixture
def others_copies(cloud, sources):
    """Lets others copy snapshots without end, until they are told to give one up."""
    rds = cloud.client("rds")
    copies = []

    def copy(number: int) -> None:
        for at in range(number):
            cloud.api("POST", "faults", {"kind": "outcome", "request": "CopyDBSnapshot", "about": f"theirs-{at}", "outcome": "creating"})
            rds.copy_db_snapshot(SourceDBSnapshotIdentifier="nightly", TargetDBSnapshotIdentifier=f"theirs-{at}")
            copies.append(f"theirs-{at}")

    def give_up() -> None:
        rds.delete_db_snapshot(DBSnapshotIdentifier=copies.pop())

    rds.create_db_snapshot(DBSnapshotIdentifier="nightly", DBInstanceIdentifier=NAMES[0])
    wait_until(
        lambda: rds.describe_db_snapshots(DBSnapshotIdentifier="nightly")["DBSnapshots"][0]["Status"],
        lambda status: status == "available", "a snapshot of somebody else", 30,
    )  # fmt: skip
    yield copy, give_up
    while copies:
        give_up()
    rds.delete_db_snapshot(DBSnapshotIdentifier="nightly")


def ours(cloud, sources) -> list[dict]:
    """All that runs may leave; what others have copied comes and goes."""
    found = [footprint(cloud, source, ["postgres", "app"]) for source in sources]
    return [each | {"snapshots": [name for name in each["snapshots"] if not name.startswith("theirs-")]} for each in found]


WAITING = ("CheckCapacity", "HasCapacity", "WaitForCapacity")


def test_runs_wait_for_a_place_with_nothing_made_and_come_in_the_order_in_which_they_began(cloud, fleet, sources, others_copies):
    copy, give_up = others_copies
    copy(PLACES)
    before = ours(cloud, sources)
    # The first one looks less often, so that the second one is there first when a place becomes free.
    first = Execution(cloud, "turn-first", make_request(NAMES[0], wait={"max_seconds": 4, "calls_end_seconds": 3}))
    first.wait_for_state("WaitForCapacity", LIMIT_SECONDS)
    campaign = fleet.campaign("turn", [NAMES[1]])
    second = fleet.run(f"turn-encrypt-{NAMES[1]}-{sources[1]['DbiResourceId'][-8:]}")
    second.wait_for_state("WaitForCapacity", LIMIT_SECONDS)
    assert ours(cloud, sources) == before
    give_up()
    first.wait_for_state("CreatePublication", LIMIT_SECONDS)
    assert set(second.follow()) <= {"IsRecovery", "Preflight", "ReadSecurityGroups", "ReadSubnets", "Inspect", "IsPlanOnly", *WAITING}
    first.stop()
    second.wait_for_state("CreatePublication", LIMIT_SECONDS)
    assert first.follow().count("Preflight") == second.follow().count("Preflight") == 2
    campaign.stop()
    for run in first, second:
        undo = undo_of(cloud, run)
        assert (undo.wait(LIMIT_SECONDS)["status"], undo.follow()[-1]) == ("SUCCEEDED", "RolledBack")
    assert ours(cloud, sources) == before


@pytest.fixture(scope="module")
def held(cloud, sources):
    """A manual run that somebody approves before its window has opened."""
    name = NAMES[0]
    before = footprint(cloud, sources[0], ["postgres", "app"])
    run = Execution(cloud, "by-hand", make_request(name, cutover={"when": "approved", "window": window(120)}))
    run.wait_for_state("AwaitApproval", LIMIT_SECONDS)
    yield run
    with contextlib.suppress(Exception):
        run.stop()
    undo_of(cloud, run).wait(LIMIT_SECONDS)
    assert footprint(cloud, sources[0], ["postgres", "app"]) == before


def test_a_closed_window_holds_an_approved_run(cloud, held):
    approve(cloud, NAMES[0], held.name)

    def looks() -> int:
        return held.follow().count("AwaitApproval")

    seen = looks()
    wait_until(looks, lambda number: number >= seen + 3, "more looks", 60)
    assert held.follow()[-1] in ("AwaitApproval", "MayCutOver", "WaitForApproval")
    outputs = [json.loads(event["taskSucceededEventDetails"]["output"]) for event in held.events() if "taskSucceededEventDetails" in event]
    last_look = [output["Payload"] for output in outputs if "window_opens_in_seconds" in output.get("Payload", {})][-1]
    assert last_look["approved"] and last_look["window_opens_in_seconds"] > 0


def test_what_a_run_by_hand_holds_is_running_for_campaigns_and_findings(fleet, sources, held):
    campaign = fleet.campaign("beside", [NAMES[0]])
    assert fleet.outcomes(campaign) == {NAMES[0]: "running"}
    fleet.news()
    (event,) = fleet.put(detail_of(sources[0]["DbiResourceId"]), at=fleet.new_day())
    (row,) = fleet.rows(fleet.started_by(event))
    assert row["outcome"] == "running" and "by-hand" in row["why"]
    assert fleet.news() == [] and held.status == "RUNNING"
