"""The measurements that RDS sends to CloudWatch: how much of an instance's storage is free; Aurora's
storage is the cluster's, and has no such measurement.

Who wants a disk to be fuller than it is puts a measurement of his own beside it (`aws cloudwatch put-metric-data
--namespace AWS/RDS …`): the lowest of a minute counts.
"""

import datetime
import os
from pathlib import Path

from moto.cloudwatch.models import MetricDatum
from moto.core.common_models import CloudWatchMetricProvider
from moto.core.utils import utcnow
from moto.rds import models

GIB = 1 << 30
# CloudWatch answers up to the last whole second.
AGE = datetime.timedelta(seconds=2)


class RdsMetrics(CloudWatchMetricProvider):
    """moto asks every provider at each request, so that a measurement is as old as the request."""

    @staticmethod
    def get_cloudwatch_metrics(account_id: str, region: str) -> list[MetricDatum]:
        instances = models.rds_backends[account_id][region].with_servers()
        return [_free_storage(instance) for instance in instances if instance.server and instance.engine == "postgres"]


def _free_storage(instance) -> MetricDatum:
    free_bytes = instance.allocated_storage * GIB - _size_bytes(instance.server.directory)
    name = [{"Name": "DBInstanceIdentifier", "Value": instance.db_instance_identifier}]
    return MetricDatum("AWS/RDS", "FreeStorageSpace", free_bytes, name, utcnow() - AGE, "Bytes")


def _size_bytes(directory: Path) -> int:
    """Files come and go while a server works."""
    total = 0
    for home, _, files in os.walk(directory):
        for file in files:
            try:
                total += os.lstat(os.path.join(home, file)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total
