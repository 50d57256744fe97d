"""Versions of secrets have labels, which move as Secrets Manager moves them."""

import json

import botocore.exceptions
import pytest


@pytest.fixture(scope="module")
def secrets(cloud):
    return cloud.client("secretsmanager")


def refused(request, **members) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        request(**members)
    return refusal.value.response["Error"]["Code"]


@pytest.fixture
def secret(secrets, request) -> tuple[str, str]:
    """A secret, and the id of its first version."""
    made = secrets.create_secret(Name=request.node.name, SecretString="first")
    return made["ARN"], made["VersionId"]


def stage(secrets, secret_id: str, text: str) -> str:
    return secrets.put_secret_value(SecretId=secret_id, SecretString=text, VersionStages=["mine"])["VersionId"]


def test_a_version_with_a_label_of_its_own_is_not_what_everybody_reads_until_the_current_label_moves(secrets, secret):
    arn, first = secret
    staged = stage(secrets, arn, "second")
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "first"
    secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", RemoveFromVersionId=first, MoveToVersionId=staged)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "second"
    stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert (stages[first], sorted(stages[staged])) == (["AWSPREVIOUS"], ["AWSCURRENT", "mine"])
    secrets.update_secret_version_stage(SecretId=arn, VersionStage="mine", RemoveFromVersionId=staged)
    assert secrets.describe_secret(SecretId=arn)["VersionIdsToStages"][staged] == ["AWSCURRENT"]


def test_the_current_label_moves_from_the_version_that_has_it_alone(secrets, secret):
    arn, first = secret
    staged = stage(secrets, arn, "mine")
    secrets.put_secret_value(SecretId=arn, SecretString="somebody else's")
    move = {"SecretId": arn, "VersionStage": "AWSCURRENT", "MoveToVersionId": staged}
    assert refused(secrets.update_secret_version_stage, **move, RemoveFromVersionId=first) == "InvalidParameterException"
    assert refused(secrets.update_secret_version_stage, **move) == "InvalidParameterException"
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "somebody else's"


def test_a_move_to_a_version_that_is_not_there_leaves_the_label_where_it_is(secrets, secret):
    arn, first = secret
    nowhere = {"MoveToVersionId": "0" * 36, "RemoveFromVersionId": first}
    assert refused(secrets.update_secret_version_stage, SecretId=arn, VersionStage="AWSCURRENT", **nowhere) == "InvalidParameterException"
    assert secrets.get_secret_value(SecretId=arn)["VersionId"] == first


def test_a_secret_under_a_key_that_lets_nobody_in_is_neither_read_nor_written(cloud, secrets):
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    arn = secrets.create_secret(Name="under-a-key", SecretString=json.dumps({}), KmsKeyId=key)["ARN"]
    kms.disable_key(KeyId=key)
    assert refused(secrets.get_secret_value, SecretId=arn) == "AccessDeniedException"
    assert refused(secrets.put_secret_value, SecretId=arn, SecretString="x") == "AccessDeniedException"
    kms.enable_key(KeyId=key)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "{}"


def test_a_secret_that_is_marked_for_deletion_takes_no_version(secrets, secret):
    arn, _ = secret
    secrets.delete_secret(SecretId=arn)
    assert refused(secrets.put_secret_value, SecretId=arn, SecretString="x") == "InvalidRequestException"


def test_a_version_without_a_label_is_not_told_of(secrets, secret):
    arn, first = secret
    staged = stage(secrets, arn, "second")
    secrets.update_secret_version_stage(SecretId=arn, VersionStage="mine", RemoveFromVersionId=staged)
    assert secrets.describe_secret(SecretId=arn)["VersionIdsToStages"] == {first: ["AWSCURRENT"]}
