"""The authorities that came along: of every Region in which botocore knows RDS, and nothing but RDS's own roots."""

import hashlib
import re
from pathlib import Path

import boto3
import pytest
from cryptography import x509

CERTS = Path(__file__).resolve().parents[2] / "postgres" / "certs"
BUNDLE = CERTS / "rds-global-bundle.pem"
PARTITIONS = ("aws", "aws-us-gov", "aws-cn")
# Each Region has an authority for each kind of key that a server's certificate can have.
KEYS = {"RSA2048", "RSA4096", "ECC384"}


@pytest.fixture(scope="module")
def certificates():
    return x509.load_pem_x509_certificates(BUNDLE.read_bytes())


def common_name(name: x509.Name) -> str:
    (attribute,) = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return attribute.value


def test_each_region_has_its_authorities(certificates):
    named = [re.fullmatch(r"Amazon RDS (?:Beta |Preview )?(\S+) Root CA (\S+) G1", common_name(each.subject)) for each in certificates]
    has: dict[str, set[str]] = {}
    for match in named:
        has.setdefault(match[1], set()).add(match[2])
    session = boto3.Session()
    wanted = {region for partition in PARTITIONS for region in session.get_available_regions("rds", partition)}
    assert len(wanted) > 35
    assert {region: KEYS - has.get(region, set()) for region in wanted if has.get(region) != KEYS} == {}


def test_each_is_a_root_and_valid_for_years(certificates):
    assert len(certificates) == 120 == len({each.fingerprint(each.signature_hash_algorithm) for each in certificates})
    for each in certificates:
        each.verify_directly_issued_by(each)
        assert each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert each.not_valid_after_utc.year >= 2060, common_name(each.subject)


def test_the_parts_are_as_aws_published_them():
    certificates = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", BUNDLE.read_text(), re.DOTALL)
    told = (CERTS / "README.md").read_text()
    for part in (certificates[:108], certificates[108:114], certificates[114:]):
        assert hashlib.sha256("".join(part).encode()).hexdigest() in told
