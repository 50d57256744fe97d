"""IAM's policy simulator, of which moto has nothing: what a role of the stack is allowed, by the same policies that requests are held to."""

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse

from . import roles
from .permissions import Need


def install() -> None:
    IamResponse.simulate_principal_policy = simulate_principal_policy


def simulate_principal_policy(response: IamResponse) -> ActionResult:
    members = response.params
    context = {each["ContextKeyName"]: each["ContextKeyValues"] for each in members.get("ContextEntries", [])}
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": roles.simulate(members["PolicySourceArn"], Need(action, [resource], context), _region(resource)),
        }
        for action in members["ActionNames"]
        for resource in members.get("ResourceArns", ["*"])
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def _region(resource: str) -> str:
    """IAM has none; what has tags of its own is where its ARN says."""
    return resource.split(":")[3] if resource.startswith("arn:") else ""
