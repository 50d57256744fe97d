"""What a role of the deployed stack allows: the statements of its policies, with their resources and conditions.

AWS's managed policies are left out; those that SAM attaches are for logs, networks and traces, which no request here is
about. What no policy of the product has, is refused to be read: `NotAction`, `NotResource`, other operators.
"""

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.rds.models import rds_backends

from .permissions import Need

_RESOURCE_TAG = "aws:ResourceTag/"


@dataclass(frozen=True)
class Statement:
    """Something that is allowed, or denied whatever else allows it."""

    denies: bool
    actions: re.Pattern
    resources: re.Pattern
    # (operator, key, values)
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def is_about(self, action: str, resource: str, value: Callable[[str], list[str] | None]) -> bool:
        return bool(
            self.actions.fullmatch(action)
            and self.resources.fullmatch(resource)
            and all(_OPERATORS[operator](value(key), wanted) for operator, key, wanted in self.conditions)
        )


# The values of a key, None where the request does not have it. Source: IAM user guide, "IAM JSON policy elements:
# Condition operators".
_OPERATORS: dict[str, Callable[[list[str] | None, tuple[str, ...]], bool]] = {
    "StringEquals": lambda found, wanted: any(value in wanted for value in found or []),
    "StringLike": lambda found, wanted: any(_pattern(wanted).fullmatch(value) for value in found or []),
    "Bool": lambda found, wanted: any(value.lower() in wanted for value in found or []),
    "Null": lambda found, wanted: (found is None) == (wanted == ("true",)),
    "ForAllValues:StringEquals": lambda found, wanted: all(value in wanted for value in found or []),
    "ForAnyValue:StringEquals": lambda found, wanted: any(value in wanted for value in found or []),
}


@dataclass(frozen=True)
class Role:
    name: str
    statements: tuple[Statement, ...]

    def refuses(self, need: Need, region: str) -> str | None:
        """The resource on which this is not allowed, if there is one; `*` stands for the request as a whole."""
        for resource in need.resources or ["*"]:
            concerned = self._concerned(need, resource, region)
            if not concerned or any(statement.denies for statement in concerned):
                return resource
        return None

    def mentions(self, need: Need, region: str) -> bool:
        """Whether any statement is about this."""
        return any(self._concerned(need, resource, region) for resource in need.resources or ["*"])

    def _concerned(self, need: Need, resource: str, region: str) -> list[Statement]:
        def value(key: str) -> list[str] | None:
            if key.startswith(_RESOURCE_TAG) and key not in need.context:
                return _tag(resource, key.removeprefix(_RESOURCE_TAG), region)
            found = need.context.get(key) or None
            return [found] if isinstance(found, str) else found

        return [statement for statement in self.statements if statement.is_about(need.action, resource, value)]


def role_of(function: str, region: str) -> Role:
    """As it is now: policies may change while the stack is there."""
    return _role(lambda_backends[DEFAULT_ACCOUNT_ID][region].get_function(function).role)


def _role(arn: str) -> Role:
    role = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_role_by_arn(arn)
    managed = [policy for arn, policy in role.managed_policies.items() if ":aws:policy/" not in arn]
    documents = [version.document for policy in managed for version in policy.versions if version.is_default]
    return Role(role.name, _read((*role.policies.values(), *documents)))


def simulate(arn: str, need: Need, region: str) -> str:
    """What IAM's simulator says of the role: `allowed`, `explicitDeny` or `implicitDeny`."""
    role = _role(arn)
    if role.refuses(need, region) is None:
        return "allowed"
    denies = [statement for statement in role.statements if statement.denies]
    return "explicitDeny" if Role(role.name, tuple(denies)).mentions(need, region) else "implicitDeny"


@functools.cache
def _read(policies: tuple[str, ...]) -> tuple[Statement, ...]:
    return tuple(_statement(each) for policy in policies for each in _list(json.loads(policy)["Statement"]))


def _statement(statement: dict) -> Statement:
    if statement.keys() - {"Effect", "Action", "Resource", "Condition", "Sid"}:
        raise ValueError(f"this cloud does not understand {statement}")
    conditions = tuple(
        (operator, key, tuple(str(value).lower() if isinstance(value, bool) else value for value in _list(values)))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )
    if unknown := {operator for operator, _, _ in conditions} - _OPERATORS.keys():
        raise ValueError(f"this cloud does not understand {', '.join(unknown)}")
    actions, resources = (_pattern(tuple(_list(statement[name]))) for name in ("Action", "Resource"))
    return Statement(statement["Effect"] == "Deny", actions, resources, conditions)


def _list(value: object) -> list:
    return value if isinstance(value, list) else [value]


@functools.cache
def _pattern(texts: tuple[str, ...]) -> re.Pattern:
    return re.compile("|".join(re.escape(text).replace(r"\*", ".*").replace(r"\?", ".") for text in texts))


def _tag(arn: str, key: str, region: str) -> list[str] | None:
    """A tag of something in RDS; None where it is not there."""
    try:
        resource = rds_backends[DEFAULT_ACCOUNT_ID][region]._get_resource_for_tagging(arn)
    except Exception:
        return None
    return next(([tag["Value"]] for tag in getattr(resource, "tags", None) or [] if tag["Key"] == key), None)
