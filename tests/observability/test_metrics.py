"""Metrics of whole executions, printed by the real functions."""

import json
import re

from demo.waiting import wait_until
from package.assemble import version

from .template import REPOSITORY, names_read


def test_what_is_measured_is_read_and_what_is_read_is_measured(seen, moved, given_back):
    assert set(seen.metrics()) == names_read()


def test_each_is_known_by_its_source_and_without(seen, moved):
    assert {frozenset(dimensions) for dimensions in seen.metrics().values()} == {frozenset({(), ("Source",)})}


def test_the_code_knows_no_metric_that_nobody_measures():
    text = (REPOSITORY / "shared" / "src" / "metrics.rs").read_text()
    metrics = text.split("pub enum Metric {")[1].split("}")[0]
    assert set(re.findall(r"^    (\w+),$", metrics, re.M)) == names_read()


def test_they_say_what_the_run_says(seen, moved):
    def last(name: str, statistic: str = "Maximum") -> float:
        source = [{"Name": "Source", "Value": "seen"}]
        return seen.points("moved", {"Namespace": "rds-reencrypt", "MetricName": name, "Dimensions": source}, statistic)[-1][1]

    databases = moved.output["databases"].values()
    assert last("WritePauseMs") == moved.output["write_pause_ms"]
    assert last("VerifiedTables") == sum(database["tables"] for database in databases)
    assert last("VerifiedRows") == sum(database["rows"] for database in databases)
    # All tables of a small database may be compared within one second.
    assert (last("TablesLeft", "Minimum"), last("ApplyStopped"), last("SlotsLost")) == (0, 0, 0)
    assert 0 < last("RetainedWalBytes") < last("FreeStorageBytes")


def test_every_line_of_a_run_has_the_version_that_wrote_it(cloud, moved, given_back):
    [stack] = cloud.client("cloudformation").describe_stacks(StackName="rds-reencrypt")["Stacks"]
    [group] = [output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "LogGroup"]

    def lines() -> list[dict]:
        pages = cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern="{")
        return [json.loads(event["message"]) for page in pages for event in page["events"] if event["message"].startswith("{")]

    told = wait_until(lines, lambda seen: any("the source is fenced" in str(line) for line in seen), "the fence's line", 20)
    metrics = [line for line in told if "_aws" in line]
    steps = [line for line in told if "_aws" not in line]
    assert {line["Version"] for line in metrics} == {version()}
    assert {line.get("version") or line["spans"][0]["version"] for line in steps} == {version()}
