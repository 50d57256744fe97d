"""Which KMS key RDS may encrypt with."""

import json

from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key, KmsBackend, kms_backends
from moto.kms.responses import KmsResponse
from moto.rds.exceptions import KMSKeyNotAccessibleFault

DEFAULT_KEY = "alias/aws/rds"


def accessible_key_arn(kms: KmsBackend, region: str, key_id: str) -> str:
    """ARN of the key that an id, alias or ARN names, if RDS can encrypt storage with it.

    It must exist in the Region, be enabled, and be a symmetric encryption key (RDS user guide, "Encrypting Amazon RDS
    resources"); that of another account must be granted to this one.
    """
    if key_id.startswith("arn:") and key_id.split(":")[3] != region:
        raise KMSKeyNotAccessibleFault(key_id)
    try:
        key = granted_key(kms, key_id) if is_foreign(kms, key_id) else kms.describe_key(key_id)
    except (KeyError, AttributeError, TypeError):  # moto's ways of not finding a key and an alias
        raise KMSKeyNotAccessibleFault(key_id) from None
    usable = key.enabled and key.key_state == "Enabled"
    if not usable or key.key_spec != "SYMMETRIC_DEFAULT" or key.key_usage != "ENCRYPT_DECRYPT":
        raise KMSKeyNotAccessibleFault(key_id)
    return key.arn


def is_foreign(kms: KmsBackend, key_id: str) -> bool:
    """Whether an ARN names a key of another account."""
    return key_id.startswith("arn:") and key_id.split(":")[4] != kms.account_id


def granted_key(kms: KmsBackend, key_arn: str) -> Key:
    """The key of another account that has a grant for this one; KeyError for any other."""
    owner = kms_backends[key_arn.split(":")[4]][kms.region_name]
    key = owner.keys[owner.get_key_id(key_arn)]
    if not any(kms.account_id in grant.grantee_principal for grant in key.grants.values()):
        raise KeyError(key_arn)
    return key


def guard_foreign_keys() -> None:
    """moto looks for a key of another account among one's own, and does not find it; KMS denies access."""
    describe = KmsResponse.describe_key

    def describe_allowed(response: KmsResponse) -> str:
        key_id = response._get_param("KeyId")
        if not is_foreign(response.kms_backend, key_id):
            return describe(response)
        try:
            return json.dumps(granted_key(response.kms_backend, key_id).to_dict())
        except KeyError:
            raise JsonRESTError(
                "AccessDeniedException",
                f"User is not authorized to perform: kms:DescribeKey on resource: {key_id} because no resource-based "
                "policy allows the kms:DescribeKey action",
            ) from None

    KmsResponse.describe_key = describe_allowed


def mark_managed_keys() -> None:
    """Keys behind `alias/aws/…` are AWS's; moto makes them on first use but calls them the customer's."""
    generate = KmsBackend._generate_default_keys

    def generate_managed(kms: KmsBackend, alias_name: str) -> str | None:
        key_id = generate(kms, alias_name)
        if key_id:
            key: Key = kms.keys[key_id]
            key.key_manager = "AWS"
        return key_id

    KmsBackend._generate_default_keys = generate_managed


def default_key_usage() -> None:
    """A key made without a usage is for encryption (KMS API reference, CreateKey); moto leaves it without any."""
    create = KmsBackend.create_key

    def create_usable(kms: KmsBackend, policy: str | None, key_usage: str | None, *others: object, **named: object) -> Key:
        return create(kms, policy, key_usage or "ENCRYPT_DECRYPT", *others, **named)

    KmsBackend.create_key = create_usable
