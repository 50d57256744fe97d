"""Campaigns over several databases: their order, their end, and what becomes of them when they are stopped."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from jsonata.jsonata import Jsonata

from demo.footprint import footprint
from executions.runs import target_of, undo_of
from executions.sources import make_source

from .fleet import LIMIT_SECONDS, detail_of, owned

MACHINE = json.loads((Path(__file__).resolve().parents[2] / "statemachine" / "fleet.asl.json").read_text())
NAMES = ["alpha", "beta", "gamma"]
SIZES = {"alpha": 50, "beta": 30, "gamma": 40}


@pytest.fixture(scope="module")
def sources(cloud, databases, key_arn):
    """Three instances whose owners consent, of which one says nothing of its environment, and a cluster."""
    made = {
        name: make_source(
            cloud, name, 17, AllocatedStorage=SIZES[name],
            Tags=owned(name, mode="migrate") + ([] if name == "beta" else [{"Key": "environment", "Value": "dev"}]),
        )
        for name in NAMES
    }  # fmt: skip
    databases.create_aurora("circle", 16, members=1, DatabaseName="app", Tags=[*owned("alpha"), {"Key": "environment", "Value": "Prod"}])
    cloud.client("rds").create_db_instance(
        DBInstanceIdentifier="other-engine", Engine="mysql", DBInstanceClass="db.t3.medium", MasterUsername="m", MasterUserPassword="secret99",
        AllocatedStorage=20,
    )  # fmt: skip
    return made


def footprints(cloud, sources) -> list[dict]:
    return [footprint(cloud, source, ["postgres", "app"]) for source in sources.values()]


def test_a_campaign_plans_each_of_its_list_once_and_the_harmless_ones_first(cloud, fleet, sources):
    before, runs, _ = footprints(cloud, sources), fleet.runs(), fleet.news()
    arn = sources["gamma"]["DBInstanceArn"]
    listed = ["beta", "circle-1", arn, {"source": "alpha", "mode": "migrate"}, "nowhere", "GAMMA", "other-engine", "circle"]
    campaign = fleet.campaign("all-planned", listed, plan_only=True, max_concurrency=1)
    rows = sorted((row["source"], row["outcome"]) for row in fleet.rows(campaign))
    planned = [("alpha", "planned"), ("beta", "planned"), ("gamma", "planned"), ("circle", "planned")]
    assert rows == sorted([*planned, ("gamma", "misconfigured"), ("circle", "misconfigured"), ("nowhere", "gone"), ("other-engine", "not_ours")])
    plans = [run.removeprefix("all-planned-plan-").rsplit("-", 1)[0] for run in fleet.runs() if run not in runs]
    # What does not say what it is counts as production. Of Aurora's the size is not known.
    assert plans == ["gamma", "alpha", "circle", "beta"]
    assert footprints(cloud, sources) == before
    (message,) = fleet.news()
    assert message["Subject"] == "rds-reencrypt: 4 planned, 1 gone, 2 misconfigured, 1 not ours"
    assert "it is named more than once, and its first entry counts" in message["Message"]


def test_who_has_no_window_or_an_early_one_comes_first():
    planned = [
        {"item": name, "go": go, "wait_seconds": wait}
        for name, go, wait in [("a", True, 7200), ("b", False, 0), ("c", True, 0), ("d", True, 0), ("e", True, 60)]
    ]
    chosen = Jsonata(MACHINE["States"]["PlanAll"]["Assign"]["chosen"].removeprefix("{%").removesuffix("%}"))
    for result, expected in [(planned, ["c", "d", "e", "a"]), (planned[:1], ["a"]), (planned[1:2], []), ([], [])]:
        chosen.assign("states", {"result": result})
        assert list(chosen.evaluate(None)) == expected


@pytest.fixture(scope="module")
def twice(cloud, fleet, sources):
    """A campaign of three databases, two of which RDS takes no snapshot of, and the same one again: one of the two has moved by
    then, the other one fails again."""
    refuse = {"kind": "refuse", "request": "CreateDBSnapshot", "error": "KMSKeyNotAccessibleFault"}
    before, _ = footprints(cloud, sources), fleet.news()
    for name in "gamma", "alpha", "gamma":
        cloud.api("POST", "faults", refuse | {"about": name})
    request = {"max_concurrency": 1, "stop_after_failures": 2}
    first = fleet.campaign("first", NAMES, **request)
    ended = fleet.rows(first)
    after, news, runs = footprints(cloud, sources), fleet.news(), fleet.runs()
    moved = {"ResourceName": sources["alpha"]["DBInstanceArn"]}
    cloud.client("rds").add_tags_to_resource(**moved, Tags=[{"Key": "rds-reencrypt:moved-to", "Value": "alpha-enc"}])
    again = fleet.campaign("again", NAMES, **request)
    yield SimpleNamespace(before=before, first=ended, after=after, news=news, runs=runs, again=again)
    cloud.api("DELETE", "faults")


def test_after_so_many_failures_no_other_run_begins_and_all_is_as_before(twice):
    outcomes = {row["source"]: row["outcome"] for row in twice.first}
    assert outcomes == {"gamma": "undone", "alpha": "undone", "beta": "not_started"}
    assert all("KMSKeyNotAccessibleFault" in row["why"] for row in twice.first if row["outcome"] == "undone")
    assert [run for run in twice.runs if run.startswith("first-encrypt-beta")] == []
    assert twice.after == twice.before


def test_each_failure_is_told_at_once_and_the_whole_at_the_end(twice):
    subjects = [message["Subject"] for message in twice.news]
    assert subjects == ["rds-reencrypt: gamma undone", "rds-reencrypt: alpha undone", "rds-reencrypt: 2 undone, 1 not started"]


def test_started_again_it_goes_on_with_what_is_left_and_waits_for_the_approval(cloud, fleet, databases, sources, twice):
    run = fleet.run(f"again-encrypt-beta-{sources['beta']['DbiResourceId'][-8:]}")
    run.wait_for_state("AwaitApproval", LIMIT_SECONDS)
    begun = [name.removeprefix("again-encrypt-").rsplit("-", 1)[0] for name in fleet.runs() if name.startswith("again-encrypt-")]
    assert begun == ["gamma", "beta"]
    assert target_of(databases, "beta")["StorageEncrypted"]


def test_a_finding_on_what_a_campaign_is_moving_ends_as_running(fleet, sources, twice):
    fleet.news()
    (event,) = fleet.put(detail_of(sources["beta"]["DbiResourceId"]), at=fleet.new_day())
    (row,) = fleet.rows(fleet.started_by(event))
    assert (row["source"], row["outcome"]) == ("beta", "running") and "again-encrypt-beta-" in row["why"]
    assert fleet.news() == []


def test_who_stops_a_campaign_stops_its_runs_and_they_are_undone(cloud, fleet, sources, twice):
    run = fleet.run(f"again-encrypt-beta-{sources['beta']['DbiResourceId'][-8:]}")
    twice.again.stop()
    assert run.wait(LIMIT_SECONDS)["status"] == "ABORTED"
    undo = undo_of(cloud, run)
    assert (undo.wait(LIMIT_SECONDS)["status"], undo.follow()[-1]) == ("SUCCEEDED", "RolledBack")
    assert footprints(cloud, sources) == twice.before
