"""Versions of secrets and their labels, as Secrets Manager moves and refuses them; moto knows less of them.

Sources: Secrets Manager API reference, GetSecretValue, PutSecretValue and UpdateSecretVersionStage; user guide, "Secret versions".
"""

import time
from collections.abc import Callable

from moto.kms.models import kms_backends
from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    OperationNotPermittedOnReplica,
    SecretNotFoundException,
    SecretsManagerClientError,
)
from moto.secretsmanager.models import FakeSecret, ReplicaSecret, SecretsManagerBackend


class AccessDenied(SecretsManagerClientError):
    def __init__(self, message: str) -> None:
        super().__init__("AccessDeniedException", message)


def install() -> None:
    """Put AWS's rules before moto's."""
    FakeSecret._form_version_ids_to_stages = _labelled
    SecretsManagerBackend.rotate_secret = _rotated_when_due(SecretsManagerBackend.rotate_secret)
    SecretsManagerBackend.get_secret_value = _current_by_default(SecretsManagerBackend.get_secret_value)
    SecretsManagerBackend.put_secret_value = _written_where_it_can_be(SecretsManagerBackend.put_secret_value)
    SecretsManagerBackend.update_secret_version_stage = _moved_as_it_stands(SecretsManagerBackend.update_secret_version_stage)


def _labelled(secret: FakeSecret) -> dict[str, list[str]]:
    """A version without a label is thrown away at some time, and not told of until then."""
    return {version: said["version_stages"] for version, said in secret.versions.items() if said["version_stages"]}


def _rotated_when_due(rotate: Callable) -> Callable:
    """A schedule alone rotates nothing yet, and has a date."""

    def rotate_secret(
        self: SecretsManagerBackend, secret_id: str, client_request_token: str | None = None, rotation_lambda_arn: str | None = None,
        rotation_rules: dict | None = None, rotate_immediately: bool = True,
    ) -> str:  # fmt: skip
        if rotate_immediately:
            return rotate(self, secret_id, client_request_token, rotation_lambda_arn, rotation_rules, rotate_immediately)
        secret = _find(self, secret_id)
        secret.rotation_requested = secret.rotation_enabled = True
        secret.rotation_lambda_arn = rotation_lambda_arn or ""
        secret.auto_rotate_after_days = (rotation_rules or {}).get("AutomaticallyAfterDays", 0)
        secret.next_rotation_date = int(time.time()) + secret.auto_rotate_after_days * 24 * 3600
        return secret.to_short_dict()

    return rotate_secret


def _current_by_default(get: Callable) -> Callable:
    """Who names neither version nor label reads AWSCURRENT; moto has the version that was written last."""

    def get_secret_value(self: SecretsManagerBackend, secret_id: str, version_id: str | None, version_stage: str | None) -> dict:
        found = get(self, secret_id, version_id or None, version_stage or (None if version_id else "AWSCURRENT"))
        _check_key(self, self.secrets[secret_id])
        return found

    return get_secret_value


def _written_where_it_can_be(put: Callable) -> Callable:
    def put_secret_value(self: SecretsManagerBackend, secret_id: str, *others: object, **members: object) -> str:
        secret = _find(self, secret_id)
        if isinstance(secret, FakeSecret):
            if secret.is_deleted():
                raise InvalidRequestException("You can't perform this operation on the secret because it was marked for deletion.")
            _check_key(self, secret)
        return put(self, secret_id, *others, **members)

    return put_secret_value


def _moved_as_it_stands(update: Callable) -> Callable:
    """All or nothing, and from the version that has the label; moto takes it away before it looks where to put it."""

    def update_secret_version_stage(
        self: SecretsManagerBackend, secret_id: str, version_stage: str, remove_from_version_id: str, move_to_version_id: str
    ) -> tuple[str, str]:
        secret = _find(self, secret_id)
        if isinstance(secret, ReplicaSecret):
            raise OperationNotPermittedOnReplica
        if secret.is_deleted():
            raise InvalidRequestException("You can't perform this operation on the secret because it was marked for deletion.")
        holder = next((version for version, said in secret.versions.items() if version_stage in said["version_stages"]), None)
        if holder is not None and holder != (remove_from_version_id or None) and holder != (move_to_version_id or None):
            raise InvalidParameterException(
                f"The parameter RemoveFromVersionId can't be empty or another version. Staging label {version_stage} is currently "
                f"attached to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            )
        if move_to_version_id and move_to_version_id not in secret.versions:
            raise InvalidParameterException(f"Not a valid version: {move_to_version_id}")
        if move_to_version_id and holder == move_to_version_id and not remove_from_version_id:
            return secret.arn, secret.name
        answer = update(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
        if version_stage == "AWSCURRENT" and move_to_version_id:
            secret.set_default_version_id(move_to_version_id)
        return answer

    return update_secret_version_stage


def _find(backend: SecretsManagerBackend, secret_id: str) -> FakeSecret | ReplicaSecret:
    if secret_id not in backend.secrets:
        raise SecretNotFoundException
    return backend.secrets[secret_id]


def _check_key(backend: SecretsManagerBackend, secret: FakeSecret | ReplicaSecret) -> None:
    """A key that lets nobody in: what it is under can neither be read nor written."""
    key_id = getattr(secret, "kms_key_id", None)
    if not key_id or key_id.endswith("alias/aws/secretsmanager"):
        return
    try:
        key = kms_backends[backend.account_id][backend.region_name].describe_key(key_id)
    except Exception:  # moto's ways of not finding a key: of another account, or none
        return
    if key.key_state != "Enabled":
        raise AccessDenied("Access to KMS is not allowed")
