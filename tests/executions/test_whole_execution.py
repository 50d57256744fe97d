"""A database that the product has never seen, encrypted under write load: what is true afterwards."""

from types import SimpleNamespace

import pytest

from demo import verdict
from demo.application import Application
from demo.executions import Execution, failures
from demo.reports import read_report
from demo.waiting import wait_until

from .sources import LIMIT_SECONDS, make_request, secret_name, secret_value
from .warehouse import NAMES, change_something, make_warehouse

REPLICA_IDENTITIES = """
select oid::regclass::text, relreplident from pg_catalog.pg_class
 where relkind in ('r', 'p') and oid >= 16384 order by 1"""


@pytest.fixture(scope="module", params=[13, 17])
def moved(request, cloud, databases, key_arn):
    """The execution, and everything there was before and after."""
    identifier = f"warehouse-{request.param}"
    secret = secret_name(identifier)
    instance = make_warehouse(cloud, identifier, request.param)
    identities = {name: read_identities(databases, instance, name) for name in NAMES}
    with Application(cloud, [(secret, name) for name in NAMES], change_something) as application:
        wait_until(lambda: application.count, lambda count: count > 100, "writes", 20)
        execution = Execution(cloud, f"whole-{request.param}", make_request(identifier))
        described = execution.wait(LIMIT_SECONDS)
        assert described["status"] == "SUCCEEDED", (described, failures(execution.events()), application.writers[0].refused)
        wait_until(lambda: application.has_moved, bool, "writes of every writer on the target", 20)
    target = verdict.find_target(databases, application.writers[0].acknowledged[-1].server)
    scene = verdict.Scene(cloud, databases, databases.describe(identifier), target, key_arn, {secret: secret_value(instance)}, application.writers)
    return SimpleNamespace(execution=execution, scene=scene, identities=identities, identifier=identifier)


def read_identities(databases, instance: dict, name: str) -> list[tuple]:
    with databases.connect(instance, name) as session:
        return session.execute(REPLICA_IDENTITIES).fetchall()


def assert_holds(check: verdict.Check) -> None:
    assert check.holds, f"{check.what}: {check.found}"


def test_the_target_is_encrypted_with_the_key(moved):
    assert_holds(verdict.check_encryption(moved.scene))


@pytest.mark.parametrize("name", NAMES)
def test_no_acknowledged_write_is_lost_or_doubled(moved, name):
    assert_holds(verdict.check_acknowledged(moved.scene, name))


@pytest.mark.parametrize("name", NAMES)
def test_source_and_target_are_equal_row_by_row(moved, name):
    assert_holds(verdict.check_contents(moved.scene, name))


@pytest.mark.parametrize("name", NAMES)
def test_sequences_are_ahead_of_their_columns(moved, name):
    assert_holds(verdict.check_sequences(moved.scene, name))


@pytest.mark.parametrize("name", NAMES)
def test_the_source_takes_no_writes_of_anybody(moved, name):
    assert_holds(verdict.check_fence(moved.scene, name))


def test_the_secret_of_the_master_user_leads_to_the_target_and_keeps_its_other_keys(moved):
    assert_holds(verdict.check_secret(moved.scene, secret_name(moved.identifier)))


def test_nothing_is_left_of_the_run(moved):
    left = verdict.check_nothing_left(moved.scene)
    # A table of the warehouse's own has it.
    mine = "table without its replica identity by_whole_row"
    assert {thing.split(": ")[-1] for thing in left.found.split("; ")} <= {mine, "nothing"}, left.found


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("name", NAMES)
def test_replica_identities_are_put_back(moved, name, side):
    assert read_identities(moved.scene.databases, getattr(moved.scene, side), name) == moved.identities[name]


def test_the_output_has_what_the_interface_promises(moved):
    output, target = moved.execution.output, moved.scene.target
    assert output["source"] == moved.identifier
    assert output["target"] == {
        "identifier": target["DBInstanceIdentifier"], "endpoint": target["Endpoint"]["Address"], "port": target["Endpoint"]["Port"],
    }  # fmt: skip
    assert output["kms_key_arn"] == moved.scene.key_arn and output["encrypted"] is True
    assert set(output["databases"]) == {"postgres", *NAMES}
    for name, database in output["databases"].items():
        assert set(database) == {"start_lsn", "tables", "rows", "verified"} and database["verified"] == "rows"
        assert name == "postgres" or (database["tables"] > 15 and database["rows"] > 4000)
    assert 0 < output["write_pause_ms"] < 30_000
    assert output["report"]


def test_the_report_has_the_figures_of_the_output(moved, cloud):
    output, name = moved.execution.output, moved.execution.name
    assert output["report"]["html"] == f"s3://{cloud.report_bucket}/executions/{name}/report.html"
    written = read_report(cloud, name)
    report = written.json
    assert (report["outcome"], report["pause"]["write_pause_ms"]) == ("encrypted", output["write_pause_ms"])
    assert sum(phase["ms"] for phase in report["pause"]["phases"]) == output["write_pause_ms"]
    assert {"encrypted_before": False, "before": None, "encrypted_after": True, "after": output["kms_key_arn"]}.items() <= report["keys"].items()
    databases = {each["name"]: each for each in report["databases"]}
    assert {name: {key: each[key] for key in ("start_lsn", "tables", "rows", "verified")} for name, each in databases.items()} == output["databases"]
    for database in databases.values():
        assert len({table["table"] for table in database["compared"]}) == database["tables"]
        assert sum(table["rows"] for table in database["compared"]) == database["rows"]
        assert all(len(table["hash"]) == 64 for table in database["compared"])
    assert b"&quot;S\xc3\xbcd&quot;" in written.html and b'B\xc3\xbcro "' not in written.html


def test_the_target_has_the_settings_of_the_source(moved):
    for member in "DBInstanceClass", "EngineVersion", "StorageType", "BackupRetentionPeriod", "DBSubnetGroup", "MultiAZ", "TagList":
        source, target = moved.scene.source.get(member), moved.scene.target.get(member)
        if member == "TagList":
            source, target = ([tag for tag in tags if not tag["Key"].startswith("rds-reencrypt:")] for tags in (source, target))
        assert source == target, member
    groups = [[group["DBParameterGroupName"] for group in each["DBParameterGroups"]] for each in (moved.scene.source, moved.scene.target)]
    assert groups[0] == groups[1]


def test_a_source_that_has_moved_is_not_moved_again(moved, cloud):
    """By its tag, whatever state it is in; and by its fence, where somebody has taken the tag away."""
    request = make_request(moved.identifier, cutover={"when": "now"})
    described = Execution(cloud, f"again-{moved.identifier}", request).wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "AlreadyMoved")
    assert moved.scene.target["DBInstanceIdentifier"] in described["cause"]
    cloud.client("rds").remove_tags_from_resource(ResourceName=moved.scene.source["DBInstanceArn"], TagKeys=["rds-reencrypt:moved-to"])
    described = Execution(cloud, f"fenced-{moved.identifier}", request).wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "PreconditionFailed")
    assert "is fenced" in described["cause"] and 'Büro "Süd"' in described["cause"]
