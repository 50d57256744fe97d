"""What people found who read plans by hand, and causes: neighbours of test_found_by_hand.py."""

import json
from pathlib import Path

import pytest
from jsonata.jsonata import Jsonata

from demo.shop import make_secret
from executions.runs import target_of
from executions.sources import LIMIT_SECONDS, make_source, secret_value
from executions.test_preflight_traps import ask, of

STATES = json.loads((Path(__file__).resolve().parents[2] / "statemachine/encrypt.asl.json").read_text())["States"]


def test_a_role_that_expired_long_ago_is_not_short_lived(cloud, databases):
    source = make_source(cloud, "expired", 17)
    with databases.connect(source) as session:
        session.execute("create role closed login password 'x' valid until '2001-01-01'")
        session.execute("create role never login password 'x' valid until '-infinity'")
        session.execute("create role yesterday login password 'x' valid until 'yesterday'")
        session.execute("create role tomorrow login password 'x' valid until 'tomorrow'")
    told = of(ask(cloud, "expired"), "ShortLivedRoles", "warn")
    assert "2 roles are short-lived" in told and "tomorrow, yesterday" in told, told


def test_subscriptions_of_a_run_are_not_to_be_dropped(cloud, databases):
    source = make_source(cloud, "subscribed", 17)
    run = "rds_reencrypt_0123456789_16385"
    with databases.connect(source, "app") as session:
        for name in (run, "theirs"):
            session.execute(f"create subscription {name} connection 'host=127.0.0.1 user=far password=away' publication far with (connect = false)")
    of_run, of_others = of(ask(cloud, "subscribed"), "OwnSubscriptions", "refuse").split("\n")
    assert f"this is the target of a run, which subscribes: {run} in app" in of_run and "do not drop them" in of_run, of_run
    assert "the source itself subscribes: theirs in app" in of_others and "drop them: on the target" in of_others, of_others


@pytest.mark.parametrize("kind, told", [("instance", "instance guarded-instance"), ("aurora", "cluster guarded-aurora")])
def test_a_deletion_protection_that_is_lifted_is_named(cloud, databases, kind, told):
    identifier = f"guarded-{kind}"
    make_source(cloud, identifier, 16, kind, DeletionProtection=True)
    warned = of(ask(cloud, identifier, after={"source": "delete"}), "DeletionProtection", "warn")
    assert f"deletion protection of {told} will be lifted when the source is deleted" in warned, warned
    assert of(ask(cloud, identifier), "DeletionProtection", "warn") == ""


def test_a_secret_that_would_be_too_long_with_the_targets_names_is_refused(cloud, outcome):
    source = make_source(cloud, "wordy", 16)
    value = secret_value(source) | {"dbInstanceIdentifier": "wordy", "pad": ""}
    value["pad"] = "x" * (65_536 - len(json.dumps(value)))
    make_secret(cloud, "wordy/app", value)
    outcome.refused(
        source, "SecretUnusable", "secret wordy/app has 65536 bytes", "more than the 65536", cutover={"when": "now", "secrets": ["wordy/app"]}
    )


def test_a_source_without_room_for_the_approvers_name_is_warned_of(cloud, databases):
    tags = [{"Key": f"t{number}", "Value": "x"} for number in range(48)]
    make_source(cloud, "tagged-full", 17, Tags=tags)
    approved = {"when": "approved", "secrets": []}
    assert "not for rds-reencrypt:approved-by" in of(ask(cloud, "tagged-full", cutover=approved), "Tags", "warn")
    assert of(ask(cloud, "tagged-full", cutover={"when": "now", "secrets": []}), "Tags", "warn") == ""


def cause_of(state: str, kind: str, error: str = "DataDiffers", **members) -> str:
    """What the state says that ends an execution, for a source of this kind."""
    names = {"run": "RUN", "snapshot": "SNAPSHOT", "copy": "COPY", "parameter_group": "GROUP"}
    plan = {"names": names, "target": "NEW", "source": {"kind": kind, "identifier": "OLD"}, "cutover": {"how": "secrets"}} | members
    expression = Jsonata(STATES[state]["Cause"].removeprefix("{%").removesuffix("%}"))
    frame = expression.create_frame()
    for name in "failure", "undo_failure":
        frame.bind(name, {"error": error, "cause": "because"})
    frame.bind("plan", plan)
    return expression.evaluate(None, frame)


def test_a_failed_undo_names_what_this_kind_of_source_can_have_left():
    instance, cluster = cause_of("UndoFailed", "instance"), cause_of("UndoFailed", "aurora")
    assert "instance NEW and snapshots SNAPSHOT, COPY (they" in instance and "cluster" not in instance, instance
    assert "cluster NEW with its members and cluster snapshot SNAPSHOT (they" in cluster, cluster
    assert "instance" not in cluster and "COPY" not in cluster, cluster
    assert "GROUP" not in instance + cluster
    for kind, told in {"instance": ", parameter group GROUP", "multi_az_cluster": ", cluster parameter group GROUP"}.items():
        assert f"{told};" in cause_of("UndoFailed", kind, preparation={"makes_group": True})
        assert "GROUP" not in cause_of("UndoFailed", kind, preparation={"makes_group": False})
        # Its plan was made again, when the source may be prepared already.
        assert f"{told}, if the stopped run made one;" in cause_of("UndoFailed", kind, error="Stopped")
    assert "COPY" in cause_of("CleanUpFailed", "instance") and "COPY" not in cause_of("CleanUpFailed", "aurora")


@pytest.mark.parametrize("major", [17, pytest.param(13, marks=pytest.mark.long)])
def test_a_worker_that_dies_at_its_start_says_why(cloud, databases, outcome, major):
    identifier = f"stillborn-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source) as session:
        session.execute("create database latin encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'")
    named = "database app: its apply fails: conversion between MULE_INTERNAL and UTF8 is not supported", "SQLSTATE 0A000", "times from"
    with outcome.given_back(source, "ReplicationStopped", *named, databases=["app"], cutover={"when": "approved"}) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        # From there, since a database refuses an encoding to which it cannot convert itself.
        with databases.connect(target_of(databases, identifier), "latin") as session:
            session.execute("alter role current_user in database app set client_encoding = 'MULE_INTERNAL'")
            session.execute("select pg_terminate_backend(pid) from pg_stat_subscription where pid is not null")
