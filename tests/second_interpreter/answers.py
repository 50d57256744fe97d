"""What the state machine's tasks are answered, drawn from a seed or forced: in the shape of the contract, without its history."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

PLAN = {
    "schema_version": 1,
    "execution": {"id": "arn:aws:states:eu-central-1:123456789012:execution:encrypt:asked", "name": "asked"},
    "source": {
        "kind": "instance", "identifier": "orders", "arn": "arn:aws:rds:eu-central-1:123456789012:db:orders", "host": "orders.example",
        "port": 5432, "major": 17,
    },
    "target": "orders-enc-0123456789",
    "kms_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/example",
    "names": {"run": "rds_reencrypt_0123456789", "snapshot": "rds-reencrypt-0123456789", "copy": "rds-reencrypt-0123456789-encrypted", "parameter_group": "rds-reencrypt-0123456789"},
    "wait": {"max_seconds": 60, "calls_end_seconds": 30},
    "cutover": {"when": "now", "how": "secrets", "secrets": ["orders/app"], "verify_in_pause": False},
    "after": {"source": "keep"},
    "verify": "rows",
    "plan_only": False,
    "control_database": "postgres",
    "databases": [{"name": "orders", "oid": 16401}],
}  # fmt: skip

# Names that Retry lists know, and one that none knows.
ERRORS = (
    "Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.Unknown", "PostgresUnavailable", "AwsUnavailable", "LockTimeout",
    "ReplicationStopped", "DrainTimeout", "SettingsDiffer", "DataDiffers", "Internal",
)  # fmt: skip
AWKWARD = 'it said "no", twice\\, and €'


class Refused(Exception):
    """A function that fails, or a service that does."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(error, message)
        self.error, self.message = error, message


@dataclass(frozen=True)
class Force:
    """What is always so in an execution, besides what is drawn."""

    plan: dict = field(default_factory=dict)
    # By function and action or purpose, as in ("restore", "do"): members of each answer, or the error that each call fails with.
    answers: dict[tuple[str, str], dict] = field(default_factory=dict)
    errors: dict[tuple[str, str], str] = field(default_factory=dict)
    events_fail: bool = False
    # What AWS does not say, of "rules", "subnets" and "key".
    unread: tuple[str, ...] = ()
    is_undo: bool = False
    has_key: bool = True
    # Goes back; or undoes an execution that was stopped while it did.
    goes_back: bool = False
    undoes_going_back: bool = False
    # The error with which no execution can be started.
    not_started: str = ""


class Answers:
    """Answers one execution; asked the same in the same order, it says the same."""

    def __init__(self, seed: int, force: Force = Force()) -> None:
        self._random = random.Random(seed)
        self._force = force
        # An execution in which every third call fails comes nowhere; nor does one to a bound at which it is forced.
        self._failing = self._random.choice((0.0, 0.02, 0.1)) if force == Force() else 0.0
        self._ready = self._random.choice((0.3, 0.7, 0.95))
        self.plan = self._draw_plan() | force.plan
        self.asked: list[tuple[str, object]] = []

    @property
    def input(self) -> dict:
        back = {"way_back": "asked", "text": AWKWARD}
        if self._force.undoes_going_back:
            return {"detail": {"executionArn": self.plan["execution"]["id"], "name": "back", "input": json.dumps(back)}}
        if self._force.goes_back:
            return back
        request = {"source": self.plan["source"]["identifier"], "text": AWKWARD}
        return request | ({"undo": self.plan["execution"]["id"]} if self._force.is_undo else {})

    def invoke(self, function: str, payload: dict) -> dict:
        """What a function answers; `Refused` where it fails."""
        self.asked.append((function, payload))
        key = function, payload.get("action") or payload.get("purpose", "do")
        on_the_way_back = function, f"{key[1]} back"
        if error := self._force.errors.get(
            on_the_way_back if payload.get("plan", {}).get("direction") == "back" else key, self._force.errors.get(key)
        ):
            raise Refused(error, AWKWARD)
        if key not in self._force.answers and self._random.random() < self._failing:
            raise Refused(self._random.choice(ERRORS), AWKWARD)
        return _ANSWERS.get(key, _ready)(self) | self._force.answers.get(key, {})

    def put_events(self, entries: list[dict]) -> bool:
        """Whether EventBridge takes them."""
        self.asked.append(("events", entries))
        return not self._force.events_fail and self._random.random() >= self._failing

    def start(self, arguments: dict) -> dict:
        """What Step Functions says of an execution to be started; `Refused` where it does not start it."""
        self.asked.append(("start", {name: value for name, value in arguments.items() if name != "Input"}))
        if error := self._force.not_started:
            raise Refused(error, AWKWARD)
        return {"ExecutionArn": "arn:aws:states:eu-central-1:123456789012:execution:way-back:asked"}

    def describe(self, what: str, arguments: dict) -> dict:
        """What AWS says of the source's network or the key; `Refused` where it does not."""
        self.asked.append((what, arguments))
        if what in self._force.unread or self._random.random() < self._failing:
            raise Refused("UnauthorizedOperation", AWKWARD)
        subnets = {"Subnets": [{"SubnetId": "subnet-1", "CidrBlock": "10.0.0.0/24"}]}
        return {"rules": self._rules, "subnets": lambda: subnets, "key": self._key}[what]()

    def _key(self) -> dict:
        is_enabled = self._force.has_key and (self._force != Force() or self.is_likely(0.9))
        return {"KeyMetadata": {"KeyId": "key", "KeyState": "Enabled" if is_enabled else "Disabled"}}

    def _rules(self) -> dict:
        rule = {"GroupId": "sg-1", "IsEgress": False, "FromPort": 5432, "ToPort": 5433, "IpProtocol": "tcp", "Description": AWKWARD}
        rules = [
            rule | {"ReferencedGroupInfo": {"GroupId": "sg-1", "UserId": "123456789012"}},
            rule | {"IsEgress": True, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "CidrIpv4": "0.0.0.0/0"},
            rule | {"FromPort": 22, "ToPort": 22, "CidrIpv4": "10.0.0.0/8"},
            rule | {"PrefixListId": "pl-1"},
        ]
        shown = [each for each in rules if self.is_likely(0.5)]
        return {"SecurityGroupRules": shown} | ({"NextToken": "more"} if self.is_likely(0.2) else {})

    def _draw_plan(self) -> dict:
        drawn = self._random
        plan = PLAN | {
            "source": PLAN["source"] | {"kind": drawn.choice(("instance", "aurora", "cluster"))},
            "verify": drawn.choice(("rows", "counts", "off")),
            "plan_only": drawn.random() < 0.05,
            "cutover": PLAN["cutover"] | {"when": drawn.choice(("now", "approved")), "how": drawn.choice(("secrets", "none"))},
            "after": {"source": drawn.choice(("keep", "stop", "delete"))},
        }
        if drawn.random() < 0.4:
            return plan | {"preparation": {"makes_group": True, "old_group": "orders"}}
        return plan | ({"way_back": {"hours": 72}} if drawn.random() < 0.3 else {})

    def is_likely(self, share: float) -> bool:
        return self._random.random() < share

    def is_ready(self) -> bool:
        return self.is_likely(self._ready)

    def choice(self, among: tuple) -> object:
        return self._random.choice(among)


def _ready(answers: Answers) -> dict:
    return {"ready": answers.is_ready(), "status": "creating"}


def _lag(answers: Answers) -> dict:
    drift = answers.choice(((), (), ('table "a"',), ("one", AWKWARD)))
    return {
        "caught_up": answers.is_ready(), "connected": answers.is_likely(0.9), "approved": answers.is_ready(), "stopped": answers.choice(("", AWKWARD)),
        "approved_by": None, "lag_bytes": 416, "retained_wal_bytes": 1 << 20, "free_storage_bytes": None, "drift": list(drift), "let_through": [],
        "stopped_as": answers.choice((None, "SecretUnusable")),
        "drift_as": answers.choice(("CatalogsDiffer", "SettingsDiffer", "SecretUnusable")) if drift else None,
        "window_opens_in_seconds": answers.choice((0, 0, 0, 7200)),
    }  # fmt: skip


def _inspected(answers: Answers) -> dict:
    finding = {"name": "LongTransactions", "verdict": "warn", "found": AWKWARD, "limit": "", "remedy": ""}
    return {"plan": answers.plan, "findings": [finding] * answers.is_likely(0.5), "steps": ["one", "two"]}


def _published(answers: Answers) -> dict:
    """Not ready at first where the source had to be prepared."""
    is_ready = "preparation" not in answers.plan or answers.is_likely(0.8)
    return {"ready": is_ready, "tables": {"orders": 3} if is_ready else {}}


def _withdrawn(answers: Answers) -> dict:
    return _ready(answers) | {"tables": {}, "source_gone": answers.is_likely(0.2)}


def _verified(answers: Answers) -> dict:
    return {"ready": answers.is_ready(), "verified": {"orders": {"tables": 3, "rows": 7}}, "compared": [{"table": AWKWARD}], "cursor": {"at": 3}}


def _cut_over(answers: Answers) -> dict:
    phases = [{"phase": "locks", "ms": 2}, {"phase": "drain", "ms": 18}]
    return {"write_pause_ms": 57, "drained_lsn": "0/16B3748", "switched_secrets": ["arn"], "drift": [], "pause_phases_ms": phases}


def _finished(answers: Answers) -> dict:
    output = {"target": {"identifier": answers.plan["target"]}, "report": {"warnings": [AWKWARD], "drift": []}}
    return {"ready": answers.is_ready(), "settled": ["replicas"], "output": output}


_ANSWERS: dict[tuple[str, str], Callable[[Answers], dict]] = {
    ("preflight", "plan"): lambda answers: {"plan": answers.plan, "findings": [], "network": {"security_groups": ["sg-1"], "subnets": ["subnet-1"]}},
    ("preflight", "recover"): lambda answers: {"plan": answers.plan, "findings": [], "network": {"security_groups": [], "subnets": []}},
    ("inspect", "plan"): _inspected,
    ("inspect", "recover"): lambda answers: {"plan": answers.plan, "findings": [], "steps": []},
    ("prepare", "do"): lambda answers: _ready(answers) | {"wait_seconds": answers.choice((0, 0, 600))},
    ("create-publication", "do"): _published,
    ("create-publication", "undo"): _withdrawn,
    ("watch-source", "do"): lambda answers: {"retained_wal_bytes": 1 << 20, "free_storage_bytes": 1 << 30},
    ("advance-lsn", "do"): lambda answers: {"ready": answers.is_ready(), "start_lsn": "0/31BEEF1", "witnesses": ["log"]},
    ("poll-lag", "do"): _lag,
    ("verify", "do"): _verified,
    ("compare-settings", "do"): lambda answers: {"settings": [{"setting": AWKWARD, "source": None}]},
    ("cutover", "do"): _cut_over,
    ("cutover", "undo"): lambda answers: {"fenced": answers.is_likely(0.5)},
    ("finish", "do"): _finished,
    ("go-back", "do"): lambda answers: {"plan": answers.plan, "findings": [], "steps": ["one"], "give_up": answers.is_likely(0.3)},
    ("way-back", "open"): lambda answers: {"plan": answers.plan | {"direction": "back"}, "state": "open"},
}
