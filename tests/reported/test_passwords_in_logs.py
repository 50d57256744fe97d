"""Servers that write down every statement and every parameter: no password of the run is among them, on a repeated call either."""

import re

import pytest

from demo.databases import MASTER_PASSWORD, Databases, values
from executions.runs import name_of, target_of
from executions.sources import make_source

# A password of the run has 24 bytes in hexadecimal digits, a hash as many as 16, 20 or 32.
PASSWORD = re.compile(r"(?<![0-9a-f])[0-9a-f]{48}(?![0-9a-f])")
TALKATIVE = {
    "rds.logical_replication": 1,
    "log_statement": "all",
    "log_min_duration_statement": 0,
    "log_min_error_statement": "debug5",
    "log_duration": 1,
    "shared_preload_libraries": "pg_stat_statements,auto_explain",
    "pg_stat_statements.track": "top",
    "pg_stat_statements.track_utility": "on",
    "pgaudit.log": "all",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
}
SINCE_13 = {"log_parameter_max_length": -1, "log_parameter_max_length_on_error": -1}

# But for those by which RDS made the master user.
STATEMENTS = "select s.query from pg_stat_statements s join pg_roles r on r.oid = s.userid where r.rolname <> 'rdsadmin'"


def log_of(cloud, identifier: str) -> str:
    rds = cloud.client("rds")
    text = ""
    for file in rds.describe_db_log_files(DBInstanceIdentifier=identifier)["DescribeDBLogFiles"]:
        marker, pending = "0", True
        while pending:
            portion = rds.download_db_log_file_portion(DBInstanceIdentifier=identifier, LogFileName=file["LogFileName"], Marker=marker)
            text += portion["LogFileData"]
            marker, pending = portion["Marker"], portion["AdditionalDataPending"]
    return text


@pytest.mark.long
@pytest.mark.parametrize("major", [16, 12])
def test_no_password_is_written_down(cloud, outcome, databases: Databases, strike, major):
    settings = TALKATIVE | (SINCE_13 if major >= 13 else {})
    group = databases.parameter_group(f"talkative-{major}", major, settings)
    instance = make_source(cloud, f"talkative-{major}", major, DBParameterGroupName=group)
    with databases.connect(instance, "app") as session:
        session.execute("create extension pg_stat_statements")
    before = len(log_of(cloud, name_of(instance)))
    # The second call finds the subscription of the first, whose answer is lost.
    strike("subscribe", "error-after")
    with outcome.carried(instance):
        pass
    target = target_of(databases, name_of(instance))
    for side in instance, target:
        log = log_of(cloud, side["DBInstanceIdentifier"])
        if side is instance:
            log = log[before:]
            assert "create publication" in log, "the log does not show what it should be searched for"
        with databases.connect(side, "app") as session:
            statements = "\n".join(values(session, STATEMENTS))
        for written in log, statements:
            assert not PASSWORD.search(written), PASSWORD.search(written)
            assert MASTER_PASSWORD not in written
