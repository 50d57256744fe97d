"""The tables of settings against the RDS service model: a member that AWS adds has to be decided on."""

import subprocess
from collections import defaultdict
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

ROOT = Path(__file__).resolve().parents[2]
SHAPES = (
    "DBInstance", "DBCluster", "RestoreDBInstanceFromDBSnapshotMessage", "ModifyDBInstanceMessage",
    "RestoreDBClusterFromSnapshotMessage", "ModifyDBClusterMessage", "CreateDBInstanceMessage", "CreateDBInstanceReadReplicaMessage",
)  # fmt: skip
# What botocore itself takes and AWS does not: it makes a signed address of it.
OF_BOTOCORE = {"SourceRegion"}
# Where the requests are made.
SENDERS = {
    "RestoreDBInstanceFromDBSnapshotMessage": ["functions/restore/src/settings.rs"],
    "ModifyDBInstanceMessage": ["functions/restore/src/settings.rs", "functions/finish/src/target.rs"],
    "CreateDBInstanceReadReplicaMessage": ["functions/finish/src/replicas.rs"],
    "RestoreDBClusterFromSnapshotMessage": ["functions/restore/src/cluster.rs"],
    "ModifyDBClusterMessage": ["functions/restore/src/cluster.rs", "functions/finish/src/target.rs"],
    "CreateDBInstanceMessage": ["functions/restore/src/members.rs"],
}


def read_tables() -> dict[str, dict[str, tuple[str, str]]]:
    """What the product's tables say: by shape and member, what becomes of it, and why."""
    command = ["cargo", "run", "-q", "-p", "aws", "--example", "settings"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    tables = defaultdict(dict)
    for line in printed.splitlines():
        shape, member, what, why = line.split("\t")
        assert member not in tables[shape], f"{shape}.{member} comes twice"
        tables[shape][member] = what, why
    return tables


@pytest.fixture(scope="module")
def tables():
    return read_tables()


@pytest.fixture(scope="module")
def model():
    return botocore.session.get_session().get_service_model("rds")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_member_of_the_model_is_decided_on_and_no_other(tables, model, shape):
    members, decided = set(model.shape_for(shape).members) - OF_BOTOCORE, set(tables[shape])
    assert members - decided == set(), "AWS has settings of which nothing is said: give them a row in aws/src/settings/"
    assert decided - members == set(), "the tables have settings that AWS has no more"


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_left_out_has_a_reason(tables, shape):
    left_out = {member: why for member, (what, why) in tables[shape].items() if what in ("not carried", "not sent")}
    assert left_out and all(left_out.values())


@pytest.mark.parametrize("shape", SENDERS)
def test_a_request_sends_what_the_table_says(tables, shape):
    code = "".join((ROOT / file).read_text() for file in SENDERS[shape])

    def is_sent(member: str) -> bool:
        setter = xform_name(member)
        return f".{setter}(" in code or f".set_{setter}(" in code

    missing = [member for member, (what, _) in tables[shape].items() if what == "sent" and not is_sent(member)]
    assert missing == []
