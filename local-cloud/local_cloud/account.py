"""Requests about the account and about what can be had: quotas, instance classes, planned maintenance."""

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.responses import RDSResponse

from . import aurora
from .clusters import CLUSTERS_PER_ACCOUNT
from .control_plane import ControlPlane
from .snapshots import SNAPSHOTS_PER_REGION

# Classes with disks of their own, of which Multi-AZ DB clusters are made (user guide, "Instance class availability for
# Multi-AZ DB clusters").
FOR_CLUSTERS = re.compile(r"db\.[a-z]+\d+[a-z]*d[a-z]*\.")
# RDS user guide, "Encrypting Amazon RDS resources": classes without it.
WITHOUT_ENCRYPTION = ("db.m1.", "db.m2.", "db.t1.", "db.t2.micro")
# Classes of former generations, of which no new instance can be made.
NOT_ORDERABLE = ("db.m3.", "db.r3.")
# The first minor version of each major of which RDS still makes databases (release notes, "Deprecation"). A source of an older one
# can be made here, since somebody made it when it was offered.
FIRST_OFFERED = {12: 17, 13: 13, 14: 10, 15: 5, 16: 1, 17: 1, 18: 1}
# On an instance, names an action that RDS has planned for it.
MAINTENANCE_TAG = "cloud:maintenance"


class AccountRequests(ControlPlane):
    def account_quotas(self) -> list[dict[str, Any]]:
        provisioned = [instance for instance in self.databases.values() if instance.engine != aurora.ENGINE]
        storage_gib = sum(instance.allocated_storage or 0 for instance in provisioned)
        return [
            {"AccountQuotaName": name, "Used": used, "Max": most}
            for name, used, most in (
                ("DBInstances", len(self.databases), self.rds.instances_quota),
                ("AllocatedStorage", storage_gib, self.rds.storage_quota_gib),
                ("ManualSnapshots", len(self.database_snapshots), self.SNAPSHOT_QUOTA),
                ("DBClusters", len(self.clusters), CLUSTERS_PER_ACCOUNT),
                ("ManualClusterSnapshots", len(self.cluster_snapshots), SNAPSHOTS_PER_REGION),
            )
        ]

    def planned_maintenance(self, arn: str | None) -> list[dict[str, Any]]:
        """Of one instance or cluster, or of all."""
        everything = [*self.databases.values(), *self.clusters.values()]
        concerned = [self._get_resource_for_tagging(arn)] if arn else everything
        return [
            {
                "ResourceIdentifier": resource.arn,
                "PendingMaintenanceActionDetails": [{"Action": tag["Value"], "Description": "planned"}],
            }
            for resource in concerned
            for tag in resource.tags
            if tag["Key"] == MAINTENANCE_TAG
        ]


def describe_account_attributes(response: RDSResponse) -> ActionResult:
    return ActionResult({"AccountQuotas": response.backend.account_quotas()})


def is_offered(engine: str | None, version: str | None) -> bool:
    major, _, minor = (version or "").partition(".")
    is_one = engine == "postgres" and major.isdigit() and minor.isdigit()
    return not is_one or int(minor) >= FIRST_OFFERED.get(int(major), 0)


def describe_orderable_db_instance_options(response: RDSResponse) -> ActionResult:
    """moto knows those of other engines; here every class is one but those of long ago, of every version but such ones."""
    asked = {name: response.params.get(name) for name in ("Engine", "EngineVersion", "DBInstanceClass")}
    if not is_offered(asked["Engine"], asked["EngineVersion"]):
        return ActionResult({"OrderableDBInstanceOptions": []})
    wanted = asked["DBInstanceClass"] = asked["DBInstanceClass"] or "db.t3.medium"
    option = {
        **asked,
        "SupportsStorageEncryption": not wanted.startswith(WITHOUT_ENCRYPTION),
        "SupportsClusters": asked["Engine"] == "postgres" and bool(FOR_CLUSTERS.match(wanted)),
    }
    return ActionResult({"OrderableDBInstanceOptions": [] if wanted.startswith(NOT_ORDERABLE) else [option]})


def describe_pending_maintenance_actions(response: RDSResponse) -> ActionResult:
    found = response.backend.planned_maintenance(response.params.get("ResourceIdentifier"))
    return ActionResult({"PendingMaintenanceActions": found})
