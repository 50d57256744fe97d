"""The measurements that RDS sends to CloudWatch: how much of an instance's storage is free, and of its dedicated log
volume; Aurora's storage is the cluster's, and has no such measurement.

Who wants a disk to be fuller than it is puts a measurement of his own beside it (`aws cloudwatch put-metric-data
--namespace AWS/RDS …`): the lowest of a minute counts.
"""

import datetime
import os
from collections.abc import Iterator
from pathlib import Path

from moto.cloudwatch.models import MetricDatum
from moto.core.common_models import CloudWatchMetricProvider
from moto.core.utils import utcnow
from moto.rds import models

GIB = 1 << 30
# Whatever the size of the data. Source: RDS user guide, "Using a dedicated log volume (DLV)".
LOG_VOLUME_GIB = 1000
# CloudWatch answers up to the last whole second.
AGE = datetime.timedelta(seconds=2)


class RdsMetrics(CloudWatchMetricProvider):
    """moto asks every provider at each request, so that a measurement is as old as the request."""

    @staticmethod
    def get_cloudwatch_metrics(account_id: str, region: str) -> list[MetricDatum]:
        instances = models.rds_backends[account_id][region].with_servers()
        served = [instance for instance in instances if instance.server and instance.engine == "postgres"]
        return [measured for instance in served for measured in _free_storage(instance)]


def _free_storage(instance) -> Iterator[MetricDatum]:
    name = [{"Name": "DBInstanceIdentifier", "Value": instance.db_instance_identifier}]

    def measured(metric: str, allocated_gib: int, used_bytes: int) -> MetricDatum:
        return MetricDatum("AWS/RDS", metric, allocated_gib * GIB - used_bytes, name, utcnow() - AGE, "Bytes")

    used_bytes = _size_bytes(instance.server.directory)
    if instance.dedicated_log_volume:
        log_bytes = _size_bytes(instance.server.data / "pg_wal")
        used_bytes -= log_bytes
        yield measured("FreeStorageSpaceLogVolume", LOG_VOLUME_GIB, log_bytes)
    yield measured("FreeStorageSpace", instance.allocated_storage, used_bytes)


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
