"""Both interpreters take every state and transition of the encrypting state machine, and do the same everywhere."""

import json
import re
from uuid import uuid4

import pytest

from . import expressions, ours, theirs
from .answers import Answers, Force
from .trace import Trace, definition, transitions

SEEDS = 60
NEVER = {"ready": False}
DO = ("check-capacity", "snapshot", "copy-encrypted", "restore", "advance-lsn", "verify", "finish")
UNDO = ("create-publication", "restore", "copy-encrypted", "snapshot", "prepare")
PREPARED = {"preparation": {"makes_group": True, "old_group": "orders"}, "plan_only": False}
ONE = {"source": {**Answers(0).plan["source"], "kind": "instance"}, "verify": "rows", "plan_only": False}
APPROVED = {"caught_up": True, "connected": True, "approved": True, "window_opens_in_seconds": 0}
DRIFT = {**APPROVED, "drift": ["one", "two"]}
OPEN = {("cutover", "undo"): {"fenced": False}}
NO_LOGIN = {"caught_up": False, "connected": False, "stopped_as": "SecretUnusable"}
KEPT = {"ready": True, "status": "kept", "source_gone": True}
WELL = {(name, "do"): {"ready": True} for name in ("prepare", "restore-parameter-group", *DO)} | {("poll-lag", "do"): {**APPROVED, "drift": []}}


def forced() -> dict[str, Force]:
    """Ends that a draw seldom comes to: each bound of a wait, each error without a way on, each undo."""
    lag = ("poll-lag", "do")
    ends = {
        "the key is disabled": Force(plan=ONE, answers=WELL, has_key=False),
        "the key is not described": Force(plan=ONE, answers=WELL, unread=("key",)),
        "only a plan": Force(plan={"plan_only": True}),
        "no rules are read": Force(plan=ONE, answers=WELL, unread=("rules",)),
        "no subnets are read": Force(plan=ONE, answers=WELL, unread=("subnets",)),
        "no event is taken": Force(plan=ONE, answers=WELL, events_fail=True),
        "everything is well": Force(plan=ONE | {"cutover": {"when": "approved", "how": "secrets", "secrets": []}}, answers=WELL),
        "stopped, and asked to be undone": Force(is_undo=True, answers=OPEN | {(name, "undo"): {"ready": True} for name in UNDO}),
        "fenced for ever": Force(plan=ONE, answers=WELL | {("cutover", "undo"): {"fenced": True}}, errors={("cutover", "do"): "Internal"}),
        "not fenced": Force(plan=ONE, answers=WELL | OPEN, errors={("cutover", "do"): "Internal"}),
        "nobody knows whether fenced": Force(plan=ONE, answers=WELL, errors={("cutover", "do"): "Internal", ("cutover", "undo"): "Internal"}),
        "never caught up": Force(plan=ONE, answers=WELL | {lag: {"caught_up": False, "connected": True}}),
        "not applying": Force(plan=ONE, answers=WELL | {lag: {"caught_up": False, "connected": False}}),
        "never approved": Force(plan=ONE, answers=WELL | {lag: {**APPROVED, "approved": False, "drift": []}}),
        "never prepared": Force(plan=ONE | PREPARED, answers=WELL | {("prepare", "do"): NEVER}),
        "never published": Force(plan=ONE | PREPARED, answers=WELL | {("create-publication", "do"): NEVER}),
        "never has its parameter group": Force(plan=ONE | PREPARED, answers=WELL | {("restore-parameter-group", "do"): NEVER}),
        "no login": Force(plan=ONE, answers=WELL | {lag: NO_LOGIN}),
        "caught up, then no login": Force(
            plan=ONE | {"verify": "off"}, answers=WELL | {lag: {**APPROVED, **NO_LOGIN, "caught_up": True, "approved": False}}
        ),
        "the source is gone": Force(is_undo=True, answers=OPEN | {(name, "undo"): KEPT for name in UNDO}),
        "behind, then silent": Force(plan=ONE | {"verify": "off"}, answers=WELL | {lag: {**APPROVED, "approved": False, "connected": False}}),
    }
    # With a way back, and on it. What it may be told of is why the source must not be prepared.
    open_ = ONE | {"way_back": {"hours": 72}}
    back = ONE | {"direction": "back", "kms_key_arn": ""}
    gone = WELL | {("go-back", "do"): {"give_up": False}, ("create-publication", "undo"): {"ready": True}}
    ends |= {
        "a way back": Force(plan=open_, answers=WELL),
        "a way back that is watched already": Force(plan=open_, answers=WELL, not_started="ExecutionAlreadyExists"),
        "a way back that nobody can watch": Force(plan=open_, answers=WELL, not_started="StateMachineDoesNotExist"),
        "a way back that cannot be planned": Force(plan=open_, answers=WELL, errors={("way-back", "open"): "Internal"}),
        "a way back that cannot be published": Force(plan=open_, answers=WELL, errors={("create-publication", "do"): "Internal"}),
        "a way back that cannot be followed": Force(plan=open_, answers=WELL, errors={("way-back", "follow"): "Internal"}),
        "a way back that is lost and stays": Force(
            plan=open_, answers=WELL, errors={("way-back", "follow"): "Internal", ("create-publication", "undo"): "Internal"}
        ),
        "a way back that is lost and followed": Force(
            plan=open_, answers=WELL, errors={("way-back", "follow"): "Internal", ("subscribe", "undo"): "Internal"}
        ),
        "a way back that is lost and never removed": Force(
            plan=open_, answers=WELL | {("create-publication", "undo"): NEVER}, errors={("way-back", "follow"): "Internal"}
        ),
        "back": Force(plan=back, answers=gone, goes_back=True),
        "back, only a plan": Force(plan=back | {"plan_only": True}, answers=gone, goes_back=True),
        "no way back": Force(plan=back, errors={("go-back", "do"): "Internal"}, goes_back=True),
        "back, given up": Force(plan=back, answers=gone | {("go-back", "do"): {"give_up": True}}, goes_back=True),
        "back, claimed by another": Force(plan=back, answers=gone, errors={("way-back", "claim"): "Internal"}, goes_back=True),
        "back, and not released": Force(
            plan=back, answers=gone, errors={("way-back", "claim"): "Internal", ("way-back", "release"): "Internal"}, goes_back=True
        ),
        "back, and never removed": Force(plan=back, answers=gone | {("create-publication", "undo"): NEVER}, goes_back=True),
        "back, still subscribed": Force(plan=back, answers=gone, errors={("subscribe", "undo"): "Internal"}, goes_back=True),
        "back, still fenced": Force(plan=back, answers=gone, errors={("way-back", "settle"): "Internal"}, goes_back=True),
        "back, still published": Force(plan=back, answers=gone, errors={("create-publication", "undo"): "Internal"}, goes_back=True),
        "stopped on the way back": Force(plan=back, answers=gone | OPEN, undoes_going_back=True),
        "stopped on the way back, fenced": Force(plan=back, answers=gone | {("cutover", "undo"): {"fenced": True}}, undoes_going_back=True),
    }
    for name in "create-publication", "subscribe":
        ends[f"a way back: {name} fails"] = Force(plan=open_, answers=WELL, errors={(name, "do back"): "Internal"})
    fenced = WELL | {("cutover", "undo"): {"fenced": True}}
    ends["stopped behind the fence"] = Force(plan=open_, is_undo=True, answers=fenced)
    ends["stopped behind the fence, and the way back is not found"] = Force(
        plan=open_, is_undo=True, answers=fenced, errors={("way-back", "open"): "Internal"}
    )
    for name in "CatalogsDiffer", "SettingsDiffer", "SecretUnusable":
        ends[name] = Force(plan=ONE, answers=WELL | {lag: {**DRIFT, "drift_as": name}})
    for name in DO:
        ends[f"{name}: never ready"] = Force(plan=ONE, answers=WELL | {(name, "do"): NEVER})
    for name in UNDO:
        ends[f"{name}: never gone"] = Force(is_undo=True, answers=OPEN | {(name, "undo"): NEVER})
        ends[f"{name}: never gone behind the cutover"] = Force(plan=ONE, answers=WELL | {(name, "undo"): NEVER})
        ends[f"{name}: its undo fails"] = Force(is_undo=True, answers=OPEN, errors={(name, "undo"): "Internal"})
        ends[f"{name}: its undo fails behind the cutover"] = Force(plan=ONE, answers=WELL, errors={(name, "undo"): "Internal"})
    functions = (*DO, "prepare", "create-publication", "watch-source", "subscribe", "restore-parameter-group", "poll-lag", "compare-settings")
    for name in functions:
        answers = WELL | ({("snapshot", "do"): NEVER} if name == "watch-source" else {})
        ends[f"{name}: fails"] = Force(plan=ONE | PREPARED, answers=answers, errors={(name, "do"): "Internal"})
    for name in "copy-encrypted", "restore", "restore-parameter-group", "verify":
        ends[f"watch-source: fails during {name}"] = Force(
            plan=ONE | PREPARED, answers=WELL | {(name, "do"): NEVER}, errors={("watch-source", "do"): "Internal"}
        )
    for name in "preflight", "inspect":
        ends[f"{name}: fails"] = Force(plan=ONE, answers=WELL, errors={(name, "plan"): "Internal"})
        ends[f"{name}: the recovery cannot begin"] = Force(is_undo=True, errors={(name, "recover"): "Internal"})
    ends["subscribe: its undo fails behind the cutover"] = Force(plan=ONE, answers=WELL, errors={("subscribe", "undo"): "Internal"})
    return ends


FORCED = forced()


@pytest.fixture(scope="module")
def both():
    text = definition()
    return ours.Interpreter(text), theirs.Interpreter(text)


@pytest.fixture(scope="module", autouse=True)
def recorded():
    """What the local cloud's engine of JSONata was asked in all these executions."""
    everything = expressions.Recorded()
    with everything.recording():
        yield everything


@pytest.fixture(scope="module")
def taken():
    """The transitions that any execution took."""
    return set()


def run(interpreters, seed: int, force: Force) -> tuple[Trace, Trace]:
    name = f"run-{uuid4()}"
    return tuple(interpreter.run(name, Answers(seed, force)) for interpreter in interpreters)


def compare(both, taken, seed: int, force: Force) -> None:
    first, second = run(both, seed, force)
    assert first.differences(second) == []
    taken |= first.transitions


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_drawn_ends_alike(both, taken, seed):
    compare(both, taken, seed, Force())


@pytest.mark.parametrize("name", FORCED)
def test_what_is_forced_ends_alike(both, taken, name):
    compare(both, taken, 0, FORCED[name])


def test_every_transition_was_taken(taken):
    assert transitions() - taken == set()


def test_every_expression_was_evaluated(recorded):
    in_definition = set(re.findall(r"{% (.*?) %}", definition()))
    assert {json.loads(f'"{text}"') for text in in_definition} - recorded.expressions == set()


def test_expressions_mean_the_same_in_rust(recorded):
    asked = recorded.all()
    print(f"{len(asked)} evaluations of {len(recorded.expressions)} expressions")
    assert expressions.differences(asked, expressions.in_rust(asked)) == []


def test_expressions_mean_the_same_in_javascript(recorded):
    asked = recorded.all()
    assert expressions.differences(asked, expressions.in_javascript(asked)) == []


def test_another_meaning_is_seen(recorded):
    """A value that is another in one engine, as it would be told."""
    asked = recorded.all()
    said = expressions.in_rust(asked)
    said[7] = {"value": "another"}
    assert len(expressions.differences(asked, said)) == 1


def test_a_rule_that_is_another_is_seen(both):
    """An Output of a Succeed state that is left out, as ministack has it."""
    first, other = run((both[0], theirs.Interpreter(definition(), mended=False)), 0, FORCED["everything is well"])
    assert first.status == "SUCCEEDED"
    assert any(each.startswith("output") for each in first.differences(other))


def test_a_retry_more_or_less_is_seen(both):
    force = Force(plan=ONE, answers=WELL, errors={("snapshot", "do"): "AwsUnavailable"})
    machine = json.loads(definition())
    for retrier in machine["States"]["Snapshot"]["Retry"]:
        retrier["MaxAttempts"] += "AwsUnavailable" in retrier["ErrorEquals"]
    first, other = run((both[0], theirs.Interpreter(json.dumps(machine))), 0, force)
    assert any(each.startswith("asked") for each in first.differences(other))
