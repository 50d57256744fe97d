"""Which version wrote a line, of the steps and of metrics."""

import json

from demo.waiting import wait_until
from package.assemble import version


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
