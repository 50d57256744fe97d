"""Metrics in what functions print: CloudWatch Logs takes them out of lines in embedded metric format.

Source: CloudWatch user guide, "Specification: Embedded metric format".
"""

import copy
import json
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.utils import utcfromtimestamp


def install() -> None:
    """A question about a metric without dimensions is about that one alone; moto adds up those with any."""
    get = CloudWatchBackend.get_metric_statistics

    def get_of_these_dimensions(self: CloudWatchBackend, *arguments: Any, dimensions: list[dict], **more: Any) -> list:
        wanted = {(each["Name"], each["Value"]) for each in dimensions}
        view = copy.copy(self)
        view.get_all_metrics = lambda: [each for each in self.get_all_metrics() if {(of.name, of.value) for of in each.dimensions} == wanted]
        return get(view, *arguments, dimensions=dimensions, **more)

    CloudWatchBackend.get_metric_statistics = get_of_these_dimensions


def extract(line: str, region: str) -> None:
    """Sends a line's metrics to CloudWatch, once for each of its sets of dimensions; most lines have none."""
    if '"_aws"' not in line:
        return
    try:
        document = json.loads(line)
        metadata = document["_aws"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in metadata["CloudWatchMetrics"]:
        data = [
            {
                "MetricName": metric["Name"], "Unit": metric["Unit"], "Value": document[metric["Name"]],
                "Dimensions": [{"Name": name, "Value": document[name]} for name in names],
                "Timestamp": utcfromtimestamp(metadata["Timestamp"] / 1000),
            }
            for names in directive["Dimensions"]
            for metric in directive["Metrics"]
        ]  # fmt: skip
        cloudwatch_backends[DEFAULT_ACCOUNT_ID][region].put_metric_data(directive["Namespace"], data)
