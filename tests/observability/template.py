"""infra/observability.yaml, as far as it is about metrics."""

import re
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

REPOSITORY = Path(__file__).resolve().parents[2]
RESOURCES = yaml_parse((REPOSITORY / "infra" / "observability.yaml").read_text())["Resources"]
PARAMETERS = yaml_parse((REPOSITORY / "infra" / "observability.yaml").read_text())["Parameters"]


def alarms() -> dict[str, dict]:
    """By name, without the prefix."""
    found = [each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    return {properties["AlarmName"].removeprefix("rds-reencrypt-"): properties for properties in found}


def dashboard() -> str:
    return RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]


def metrics_of(alarm: dict) -> dict[str, dict]:
    """The metrics that an alarm reads, by their names in its expression; with its statistic and period."""
    if "Metrics" not in alarm:
        return {"m": {name: alarm[name] for name in ("Namespace", "MetricName", "Statistic", "Period")} | {"Dimensions": alarm.get("Dimensions", [])}}
    stats = {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}
    return {
        name: {**stat["Metric"], "Statistic": stat["Stat"], "Period": stat["Period"], "Dimensions": stat["Metric"].get("Dimensions", [])}
        for name, stat in stats.items()
    }


def names_read() -> set[str]:
    """The product's metrics on the dashboard and in alarms."""
    on_dashboard = set(re.findall(r'MetricName=\\"(\w+)\\"', dashboard()))
    in_alarms = [metric for alarm in alarms().values() for metric in metrics_of(alarm).values()]
    return on_dashboard | {metric["MetricName"] for metric in in_alarms if metric["Namespace"] == "rds-reencrypt"}
