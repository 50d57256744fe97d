"""The roles of the deployed stack: what they allow, and what of that nobody used."""

from demo.local_cloud import LocalCloud


def statements(cloud: LocalCloud) -> dict[str, list[dict]]:
    """The statements of each function's policies."""
    iam, found = cloud.client("iam"), {}
    for function in cloud.client("lambda").list_functions()["Functions"]:
        role = function["Role"].split("/")[-1]
        policies = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in policies]
        attached = [policy["PolicyArn"] for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]]
        for arn in attached:
            # AWS's own, which SAM attaches, are for logs, networks and traces.
            if ":aws:policy/" not in arn:
                version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                documents.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
        found[function["FunctionName"]] = [each for document in documents for each in as_list(document["Statement"])]
    return found


def allowed(cloud: LocalCloud) -> dict[str, set[str]]:
    return {
        function: {action for statement in all_of_it for action in as_list(statement["Action"])} for function, all_of_it in statements(cloud).items()
    }


def unused(allowed: dict[str, set[str]], used: dict[str, dict[str, list[str]]]) -> dict[str, list[str]]:
    return {function: sorted(actions - used.get(function, {}).keys()) for function, actions in allowed.items()}


def as_list(value: object) -> list:
    return value if isinstance(value, list) else [value]
