"""The package: what is in it, and its deployment as docs/guide.md has it, by the aws command on a local cloud."""

import json
import platform
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from demo.local_cloud import LocalCloud, binaries_directory
from demo.waiting import wait_until
from guide.blocks import read_blocks
from guide.conftest import shell  # noqa: F401 - a fixture

from .assemble import MACHINES, REPOSITORY, NotForThese, assemble, finish, version

HERE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
FUNCTIONS = {folder.name for folder in (REPOSITORY / "functions").iterdir()}
LIMIT_SECONDS = 120


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud("--no-stack") as running:
        yield running


@pytest.fixture
def package(tmp_path):
    """Makes the package of executables that have a header and their name alone."""

    def make(directory: str, architecture: str, built_for: str | None = None) -> Path:
        def executable(function: str) -> Path:
            file = tmp_path / f"{directory}-executables" / function
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(bytes(18) + MACHINES[built_for or architecture].to_bytes(2, "little") + function.encode())
            return file

        assemble(architecture, executable, tmp_path / directory / architecture)
        finish(tmp_path / directory)
        return tmp_path / directory

    return make


@pytest.mark.parametrize("architecture", MACHINES)
def test_the_templates_are_for_these_processors_and_name_an_archive_of_each_function(package, architecture):
    home = package("dist", architecture) / architecture
    named = set()
    for file in (home / "template.yaml", home / "infra" / "fleet.yaml"):
        text = file.read_text()
        assert "BuildMethod" not in text
        template = yaml.safe_load(text)
        assert template["Parameters"]["Architecture"]["Default"] == architecture
        assert template["Parameters"]["Architecture"]["AllowedValues"] == [architecture]
        assert template["Globals"]["Function"]["Architectures"] == [{"Ref": "Architecture"}]
        functions = [each for each in template["Resources"].values() if each["Type"] == "AWS::Serverless::Function"]
        assert not any("Metadata" in function for function in functions)
        named |= {(file.parent / function["Properties"]["CodeUri"]).resolve() for function in functions}
    assert {archive.stem for archive in named} == FUNCTIONS
    assert named == set((home / "functions").iterdir())
    for file in named:
        with zipfile.ZipFile(file) as archive:
            [entry] = archive.infolist()
            assert (entry.filename, entry.external_attr >> 16) == ("bootstrap", 0o100755)
            assert archive.read(entry).endswith(file.stem.encode())


def test_the_same_executables_give_the_same_package(package):
    first, second = (package(directory, "arm64") for directory in ("first", "second"))
    assert (first / "SHA256SUMS").read_text() == (second / "SHA256SUMS").read_text()


def test_executables_for_other_processors_are_refused(package):
    with pytest.raises(NotForThese, match="is not for arm64"):
        package("dist", "arm64", built_for="x86_64")


def test_a_file_that_was_changed_is_found_by_its_checksum(package):
    dist = package("dist", "arm64")
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=dist).returncode == 0
    with (dist / "arm64" / "functions" / "cutover.zip").open("ab") as archive:
        archive.write(b"more")
    changed = subprocess.run(check, cwd=dist, capture_output=True, text=True)
    assert (changed.returncode, changed.stdout) == (1, "arm64/functions/cutover.zip: FAILED\n")


def test_what_the_repository_is_offered_with_has_the_version(package):
    dist = package("dist", "arm64")
    application = yaml.safe_load((dist / "arm64" / "template.yaml").read_text())["Metadata"]["AWS::ServerlessRepo::Application"]
    assert application["SemanticVersion"] == (dist / "VERSION").read_text().strip() == version()
    for file in (application["LicenseUrl"], application["ReadmeUrl"]):
        assert (dist / "arm64" / file).read_bytes() == (REPOSITORY / file).read_bytes()


@pytest.mark.long
def test_it_is_deployed_without_rust_and_sam_and_says_its_version(cloud, shell, tmp_path):  # noqa: F811
    assemble(HERE, lambda function: binaries_directory() / function, tmp_path / "dist" / HERE)
    finish(tmp_path / "dist")
    s3, ec2 = cloud.client("s3"), cloud.client("ec2")
    s3.create_bucket(Bucket="packages", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    subnets = ",".join(each["SubnetId"] for each in ec2.describe_subnets()["Subnets"])
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    [block] = [each for each in read_blocks((REPOSITORY / "docs" / "guide.md").read_text()) if "cloudformation package" in each.commands]
    commands = block.commands.replace("dist/arm64", f"dist/{HERE}")
    run = shell(f"cd {tmp_path}\n{commands}", BUCKET="packages", SUBNETS=subnets, SECURITY_GROUP=group)
    assert run.returncode == 0, run.stdout[-2000:]

    [stack] = cloud.client("cloudformation").describe_stacks(StackName="rds-reencrypt")["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    functions = cloud.client("lambda").list_functions()["Functions"]
    assert len(functions) == len(FUNCTIONS)
    in_vpc = [each["FunctionName"] for each in functions if each.get("VpcConfig", {}).get("SubnetIds")]
    assert any("CutoverFunction" in name for name in in_vpc) and not any("PreflightFunction" in name for name in in_vpc)

    states = cloud.client("stepfunctions")
    given = json.dumps({"source": "nobody", "plan_only": True})
    execution = states.start_execution(stateMachineArn=outputs["StateMachineArn"], name="from-a-package", input=given)["executionArn"]
    ended = wait_until(lambda: states.describe_execution(executionArn=execution), lambda seen: seen["status"] != "RUNNING", "the end", LIMIT_SECONDS)
    assert (ended["status"], ended["error"]) == ("FAILED", "SourceNotFound"), ended

    def report() -> dict[str, bytes]:
        found = s3.list_objects_v2(Bucket=outputs["ReportBucket"], Prefix="executions/from-a-package/").get("Contents", [])
        return {each["Key"]: s3.get_object(Bucket=outputs["ReportBucket"], Key=each["Key"])["Body"].read() for each in found}

    written = wait_until(report, lambda seen: "executions/from-a-package/report.html" in seen, "the report", LIMIT_SECONDS)
    assert json.loads(written["executions/from-a-package/report.json"])["version"] == version()
    assert f'Written by rds-reencrypt <span data-figure="version">{version()}</span>'.encode() in written["executions/from-a-package/report.html"]
