"""What can be said of the roles without running anything; `make privileges` compares them with whole executions."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from local_cloud.permissions import IMPLIED, is_known, resource_types

from .roles import as_list

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATES = ("template.yaml", "infra/fleet.yaml")
# Resources that a request of ours never names.
NEVER_NAMED = {
    ("rds:CreateDBInstanceReadReplica", "cluster"): "the primary is an instance",
    ("rds:RestoreDBInstanceFromDBSnapshot", "cluster-snapshot"): "the snapshot is an instance's",
    ("rds:RestoreDBClusterFromSnapshot", "snapshot"): "the snapshot is a cluster's",
    ("rds:StopDBInstance", "snapshot"): "a stop makes no snapshot",
    ("rds:AddTagsToResource", None): "tags are put on what a function makes, and on the source",
    ("rds:RemoveTagsFromResource", None): "the tag of a move is taken off the source that an application has gone back to",
}
OF_THE_RUN = re.compile(r":(rds-reencrypt-\*|\*-enc-\*)")


def _statements() -> dict[str, list[dict]]:
    """Of each function by its resource's name, as they stand in the templates."""
    found = {}
    for template in TEMPLATES:
        resources = yaml_parse((REPOSITORY / template).read_text())["Resources"]
        for name, resource in resources.items():
            if resource["Type"] == "AWS::Serverless::Function":
                policies = resource["Properties"]["Policies"]
                documents = [resources[each["Ref"]]["Properties"]["PolicyDocument"] if "Ref" in each else each for each in policies]
                found[name] = [statement for document in documents for statement in document["Statement"]]
    return found


STATEMENTS = _statements()
ALLOWED = [
    (function, action, statement)
    for function, statements in STATEMENTS.items()
    for statement in statements
    for action in as_list(statement["Action"])
]


def _resources(statement: dict) -> list[str]:
    return [each if isinstance(each, str) else str(each.get("Fn::Sub", each)) for each in as_list(statement["Resource"])]


@pytest.mark.parametrize("action", sorted({action for _, action, _ in ALLOWED}))
def test_an_action_is_one_that_iam_knows(action):
    assert is_known(action)


def test_only_reads_are_allowed_on_everything():
    on_everything = {action for _, action, statement in ALLOWED if "*" in _resources(statement)}
    assert [action for action in on_everything if not re.match(r"\w+:(Describe|Get|List)", action)] == []


def test_no_type_of_resource_is_forgotten_that_an_action_needs():
    """A permission too few breaks a migration halfway."""
    named = defaultdict(list)
    for function, action, statement in ALLOWED:
        named[function, action] += _resources(statement)
    forgotten = [
        (function, action, kind)
        for (function, action), resources in named.items()
        if action.startswith("rds:") and (action, None) not in NEVER_NAMED
        for kind in sorted(resource_types(action))
        if not any(resource == "*" or f":{kind}:" in resource for resource in resources) and (action, kind) not in NEVER_NAMED
    ]
    assert forgotten == []


def test_what_is_deleted_is_the_runs_own_by_name_and_tag_but_for_the_source_at_the_end():
    for function, action, statement in ALLOWED:
        if re.match(r"(rds|logs):Delete", action) and function != "FinishFunction":
            resources = _resources(statement)
            assert all(OF_THE_RUN.search(resource) or "/aws/rds/*-enc-*" in resource for resource in resources), (function, action)
            has_tag = statement.get("Condition") == {"Null": {"aws:ResourceTag/rds-reencrypt:execution": "false"}}
            assert has_tag or action.startswith("logs:") or resources[0].endswith(":db:*-enc-*-instance-*"), (function, action)


def test_keys_are_used_through_a_service_alone():
    for function, action, statement in ALLOWED:
        if action.startswith("kms:") and action != "kms:DescribeKey":
            assert "kms:ViaService" in statement["Condition"]["StringEquals"], (function, action)


@pytest.mark.parametrize("implied", IMPLIED, ids=[" ".join(each.actions) for each in IMPLIED])
def test_what_no_request_shows_has_a_reason_and_a_source(implied):
    assert all(map(is_known, implied.actions)) and implied.why and implied.source
