"""Which KMS key RDS may encrypt with."""

from moto.kms.models import Key, KmsBackend
from moto.rds.exceptions import KMSKeyNotAccessibleFault

DEFAULT_KEY = "alias/aws/rds"


def accessible_key_arn(kms: KmsBackend, region: str, key_id: str) -> str:
    """ARN of the key that an id, alias or ARN names, if RDS can encrypt storage with it.

    It must exist in the Region, be enabled, and be a symmetric encryption key (RDS user guide, "Encrypting Amazon RDS
    resources").
    """
    if key_id.startswith("arn:") and key_id.split(":")[3] != region:
        raise KMSKeyNotAccessibleFault(key_id)
    try:
        key = kms.describe_key(key_id)
    except (KeyError, AttributeError, TypeError):  # moto's ways of not finding a key and an alias
        raise KMSKeyNotAccessibleFault(key_id) from None
    usable = key.enabled and key.key_state == "Enabled"
    if not usable or key.key_spec != "SYMMETRIC_DEFAULT" or key.key_usage != "ENCRYPT_DECRYPT":
        raise KMSKeyNotAccessibleFault(key_id)
    return key.arn


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

    def create_usable(
        kms: KmsBackend, policy: str | None, key_usage: str | None, *others: object, **named: object
    ) -> Key:
        return create(kms, policy, key_usage or "ENCRYPT_DECRYPT", *others, **named)

    KmsBackend.create_key = create_usable
