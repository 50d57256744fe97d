"""plan_only: an answer, and nothing else."""

import pytest
from demo.executions import Execution, entered_states
from demo.footprint import footprint

from .sources import LIMIT_SECONDS, make_request, make_source


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, "planned", 17)


@pytest.mark.parametrize("member", ["DBInstanceIdentifier", "DBInstanceArn", "DbiResourceId"])
def test_a_plan_names_what_would_be_made_and_changes_nothing(cloud, source, key_arn, member):
    before = footprint(cloud, source, ["postgres", "app"])
    execution = Execution(cloud, f"plan-by-{member}", make_request("planned", source=source[member], plan_only=True))
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", described
    output = execution.output
    assert set(output) == {"plan", "findings", "steps"}
    assert output["plan"]["source"]["identifier"] == "planned" and output["plan"]["kms_key_arn"] == key_arn
    assert {database["name"] for database in output["plan"]["databases"]} == {"postgres", "app"}
    assert any("journal.event" in finding["found"] for finding in output["findings"])
    measured = {finding["name"]: finding for finding in output["findings"] if finding["name"] in ("FreeStorage", "WalGrowth")}
    assert measured["FreeStorage"]["verdict"] == "fine" and "of 20480 MiB are free" in measured["FreeStorage"]["found"]
    assert "MiB of WAL an hour" in measured["WalGrowth"]["found"] and "h are reckoned with" in measured["WalGrowth"]["limit"]
    assert any(key_arn in step for step in output["steps"])
    assert [each.state for each in entered_states(execution.events())] == [
        "DoOrUndo", "Preflight", "ReadSecurityGroups", "ReadSubnets", "Inspect", "OnlyPlan", "Planned",
    ]  # fmt: skip
    assert footprint(cloud, source, ["postgres", "app"]) == before
