"""The report that the product writes of an execution when it has ended."""

import json
from dataclasses import dataclass

from .local_cloud import LocalCloud
from .waiting import wait_until

# On a busy machine, with a function that is not warm.
LIMIT_SECONDS = 60


@dataclass(frozen=True)
class WrittenReport:
    html: bytes
    json: dict
    # What AWS did, without a name in it.
    evidence: dict


def read_report(cloud: LocalCloud, name: str) -> WrittenReport:
    """Of the execution with this name, which has ended: EventBridge has it written a moment later, the page last."""
    s3, folder = cloud.client("s3"), f"executions/{name}/"

    def keys() -> list[str]:
        found = s3.list_objects_v2(Bucket=cloud.report_bucket, Prefix=folder).get("Contents", [])
        return [each["Key"].removeprefix(folder) for each in found]

    def read(key: str) -> bytes:
        return s3.get_object(Bucket=cloud.report_bucket, Key=folder + key)["Body"].read()

    wait_until(keys, lambda found: "report.html" in found, f"the report of {name}", LIMIT_SECONDS)
    return WrittenReport(read("report.html"), json.loads(read("report.json")), json.loads(read("evidence.json")))
