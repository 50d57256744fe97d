"""Requests about the account and about what can be had: quotas, instance classes, planned maintenance."""

from typing import Any

from moto.core.responses import ActionResult
from moto.rds.responses import RDSResponse

from .control_plane import ControlPlane

# RDS user guide, "Quotas in Amazon RDS": the defaults of an account.
INSTANCES_PER_ACCOUNT, STORAGE_GIB_PER_ACCOUNT = 40, 100_000
# RDS user guide, "Encrypting Amazon RDS resources": classes without it.
WITHOUT_ENCRYPTION = ("db.m1.", "db.m2.", "db.t1.", "db.t2.micro")
# Classes of former generations, of which no new instance can be made.
NOT_ORDERABLE = ("db.m3.", "db.r3.")
# On an instance, names an action that RDS has planned for it.
MAINTENANCE_TAG = "cloud:maintenance"


class AccountRequests(ControlPlane):
    def account_quotas(self) -> list[dict[str, Any]]:
        storage_gib = sum(instance.allocated_storage or 0 for instance in self.databases.values())
        return [
            {"AccountQuotaName": name, "Used": used, "Max": most}
            for name, used, most in (
                ("DBInstances", len(self.databases), INSTANCES_PER_ACCOUNT),
                ("AllocatedStorage", storage_gib, STORAGE_GIB_PER_ACCOUNT),
                ("ManualSnapshots", len(self.database_snapshots), self.SNAPSHOT_QUOTA),
            )
        ]

    def planned_maintenance(self, arn: str) -> list[dict[str, Any]]:
        tags = {tag["Key"]: tag["Value"] for tag in self.find(arn).tags}
        if MAINTENANCE_TAG not in tags:
            return []
        action = {"Action": tags[MAINTENANCE_TAG], "Description": "planned"}
        return [{"ResourceIdentifier": arn, "PendingMaintenanceActionDetails": [action]}]


def describe_account_attributes(response: RDSResponse) -> ActionResult:
    return ActionResult({"AccountQuotas": response.backend.account_quotas()})


def describe_orderable_db_instance_options(response: RDSResponse) -> ActionResult:
    """moto knows those of other engines; here every class is one but those of long ago."""
    asked = {name: response.params.get(name) for name in ("Engine", "EngineVersion", "DBInstanceClass")}
    wanted = asked["DBInstanceClass"] or ""
    option = {**asked, "SupportsStorageEncryption": not wanted.startswith(WITHOUT_ENCRYPTION)}
    return ActionResult({"OrderableDBInstanceOptions": [] if wanted.startswith(NOT_ORDERABLE) else [option]})


def describe_pending_maintenance_actions(response: RDSResponse) -> ActionResult:
    return ActionResult({"PendingMaintenanceActions": response.backend.planned_maintenance(response.params["ResourceIdentifier"])})
