"""RDS for PostgreSQL on this machine: moto's control plane, with real servers behind its instances.

Every request is answered at once with the status that RDS shows meanwhile, and the work runs in a thread. What RDS
refuses is refused with its error names (API reference, "Errors" of each action). The requests are in instances.py,
snapshots.py, parameter_groups.py, log_files.py and account.py, those for clusters in clusters.py, members.py,
cluster_snapshots.py and global_clusters.py, those for read replicas in replicas.py, for DB proxies in
proxies.py; metrics.py has what RDS tells CloudWatch.

A cluster's writer is a server like an instance's, and a reader is a hot standby of it. aurora.py says what a server of
Aurora has and lacks.
"""

import os
import random
import shutil
import socket
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.rds import models
from moto.rds.exceptions import RDSClientError
from moto.rds.responses import RDSResponse

from . import account, keys, metrics, network, rds_tools, tags  # noqa: F401 - moto finds the provider of metrics by itself
from .cluster import Cluster
from .cluster_snapshots import ClusterSnapshotRequests
from .clusters import ClusterRequests
from .control_plane import ControlPlane
from .faults import Faults
from .global_clusters import GlobalClusterRequests, describe_global_clusters
from .instance import Instance
from .instances import InstanceRequests
from .log_files import LogFileRequests
from .logs import LogExporter
from .members import MemberRequests
from .parameter_groups import ParameterGroupRequests
from .postgres import Server, Templates, guard
from .proxies import ProxyRequests
from .replicas import ReplicaRequests
from .snapshots import PackedVolume, SnapshotRequests
from .tls import Authority
from .usage import Usage

# Below the range from which the kernel takes the ports of outgoing connections, so that a port stays free while its
# server restarts.
PORTS = range(20000, 32000)


@dataclass(frozen=True)
class Pace:
    """How long a status lasts at least, in seconds. AWS takes minutes; what matters is that each one is seen.

    Creating and restoring last twice that long: once before the server is there, and once for its first backup.
    """

    creating: float = 0.3
    snapshot: float = 0.5
    copy: float = 1.0
    restoring: float = 0.5
    modifying: float = 0.3
    rebooting: float = 0.3
    deleting: float = 0.2
    # On top, for each GiB of storage.
    snapshot_per_gib: float = 0
    copy_per_gib: float = 0
    restoring_per_gib: float = 0

    def snapshot_of(self, gib: int) -> float:
        return self.snapshot + gib * self.snapshot_per_gib

    def copy_of(self, gib: int) -> float:
        return self.copy + gib * self.copy_per_gib

    def restoring_of(self, gib: int) -> float:
        return self.restoring + gib * self.restoring_per_gib


class Rds:
    """All servers of one cloud and what they share.

    CLOUD_RDS_TOOLS=off in the environment makes servers without the extension rds_tools.
    """

    # RDS user guide, "Quotas in Amazon RDS": the defaults of an account.
    instances_quota, storage_quota_gib = 40, 100_000

    def __init__(self, directory: Path, postgres_dir: Path, pace: Pace):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory.resolve()
        (self.directory / "snapshots").mkdir(exist_ok=True)
        self.pace = pace
        self.authority = Authority(self.directory / "ca.pem")
        self.ca_file = self.authority.ca_file
        self.templates = Templates(postgres_dir.resolve(), self.directory)
        if not postgres_dir.exists() or not self.templates.majors():
            raise FileNotFoundError(f"no PostgreSQL below {postgres_dir}: run tests/install")
        self.usage = Usage()
        self.log_exporter = LogExporter()
        self.closing = threading.Event()
        self._guard = guard(self.directory)
        self._ports_taken: set[int] = set()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End every server; nothing of this cloud runs afterwards."""
        self.closing.set()
        self.log_exporter.stop()
        self._guard.stdin.close()
        self._guard.wait()

    def pause(self, seconds: float) -> None:
        """Let a status last, unless the cloud ends."""
        self.closing.wait(seconds)

    def make_server(self, instance: Instance, wanted_port: int | None, variant: str) -> Server:
        """A server without data yet, with its certificate and a port of its own, the wanted one if it is free."""
        directory = self.directory / instance.dbi_resource_id
        directory.mkdir()
        self.authority.issue(instance.db_instance_identifier, directory / "server.crt", directory / "server.key")
        home = self.templates.home(instance.major) if variant == rds_tools.ON else self._home_of(instance.major, variant)
        return Server(home, directory, self._free_port(wanted_port))

    def move(self, server: Server) -> None:
        """Give a stopped server another address."""
        server.port = self._free_port(None)

    def remove_server(self, server: Server) -> None:
        server.kill()
        shutil.rmtree(server.directory)

    def used(self) -> dict[str, int]:
        """What there is now, and the counters."""
        backends = [backend for regions in models.rds_backends.values() for backend in regions.values()]
        now = {
            "copies_in_progress": sum(backend.copies_in_progress() for backend in backends),
            "manual_snapshots": sum(len(backend.database_snapshots) for backend in backends),
        }
        return now | {name: value for name, value in vars(self.usage).items() if not name.startswith("_")}

    def rds_tools_of(self, owner: Instance | Cluster) -> str:
        """How servers of this instance or cluster have the extension."""
        return rds_tools.OFF if os.environ.get("CLOUD_RDS_TOOLS") == "off" else rds_tools.variant(owner.tag(rds_tools.TAG))

    def _home_of(self, major: int, variant: str) -> Path:
        home = self.directory / f"postgres-{major}-rds_tools-{variant}"
        with self._lock:
            if not home.exists():
                rds_tools.make_home(self.templates.home(major), home, variant)
        return home

    def _free_port(self, wanted: int | None) -> int:
        with self._lock:
            candidates = [*([wanted] if wanted else []), *random.sample(PORTS, 200)]
            port = next(port for port in candidates if port not in self._ports_taken and _is_free(port))
            self._ports_taken.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class RdsBackend(
    ClusterRequests, MemberRequests, ClusterSnapshotRequests, GlobalClusterRequests, ProxyRequests, ReplicaRequests,
    InstanceRequests, SnapshotRequests, ParameterGroupRequests, LogFileRequests, account.AccountRequests,
):  # fmt: skip
    """Everything that this cloud does otherwise than moto's backend."""

    def made(self, parameters: dict[str, Any]) -> Instance | Cluster | PackedVolume:
        """What a request to create, copy or restore has begun to make."""
        if target := parameters.get("TargetDBSnapshotIdentifier"):
            return self.find_snapshot(target)
        targets = ("TargetDBClusterSnapshotIdentifier", "DBClusterSnapshotIdentifier")
        if target := next(filter(None, map(parameters.get, targets)), None):
            return self.find_cluster_snapshot(target)
        if "DBInstanceIdentifier" not in parameters:
            return self.find_cluster(parameters["DBClusterIdentifier"])
        # A restore names its snapshot as well.
        name = parameters["DBInstanceIdentifier"]
        snapshot = self.database_snapshots.get(parameters.get("DBSnapshotIdentifier") or "")
        return snapshot if snapshot and snapshot.database.db_instance_identifier == name else self.find(name)


def describe_db_parameters(response: RDSResponse) -> ActionResult:
    """moto describes the modified parameters only."""
    found = response.backend.describe_parameters(response.params["DBParameterGroupName"], response.params.get("Source"))
    return ActionResult({"Parameters": found})


def reset_db_parameter_group(response: RDSResponse) -> ActionResult:
    changes = [parameter.original_dict() for parameter in response.params.get("Parameters", [])]
    everything = bool(response.params.get("ResetAllParameters"))
    group = response.backend.reset_parameters(response.params["DBParameterGroupName"], everything, changes)
    return ActionResult({"DBParameterGroupName": group.name})


def describe_db_cluster_parameters(response: RDSResponse) -> ActionResult:
    name, source = response.params["DBClusterParameterGroupName"], response.params.get("Source")
    return ActionResult({"Parameters": response.backend.describe_db_cluster_parameters(name, source)})


def reset_db_cluster_parameter_group(response: RDSResponse) -> ActionResult:
    changes = [parameter.original_dict() for parameter in response.params.get("Parameters", [])]
    everything = bool(response.params.get("ResetAllParameters"))
    name = response.params["DBClusterParameterGroupName"]
    group = response.backend.reset_cluster_parameters(name, everything, changes)
    return ActionResult({"DBClusterParameterGroupName": group.name})


def delete_db_cluster(response: RDSResponse) -> ActionResult:
    """moto forgets that a final snapshot can be skipped."""
    return ActionResult({"DBCluster": response.backend.delete_db_cluster(**response.params)})


def reboot_db_cluster(response: RDSResponse) -> ActionResult:
    return ActionResult({"DBCluster": response.backend.reboot_db_cluster(response.params["DBClusterIdentifier"])})


def download_db_log_file_portion(response: RDSResponse) -> ActionResult:
    members = response.params
    portion = response.backend.download_log(
        members["DBInstanceIdentifier"], members["LogFileName"], members.get("Marker"), members.get("NumberOfLines")
    )
    return ActionResult(portion)


def _answer_one_at_a_time(faults: Faults, usage: Usage) -> None:
    """A state that was checked is still the same when it is changed; requests are quick, the work is in threads."""
    call_action = RDSResponse.call_action
    lock = threading.RLock()

    def call_alone(response: RDSResponse) -> Any:
        with lock:
            usage.note_request()
            fault = faults.strike_request(response._get_action(), response.params)
            if fault and fault.kind == "refuse":
                _refuse(response, fault.error)
            elif objection := _objection_to_tags(response):
                _refuse(response, "InvalidParameterValue", objection)
            if fault and fault.kind == "fail":
                return _failure(fault.status, fault.error)
            answer = call_action(response)
            if response._get_action().startswith("Modify"):
                network.settle_all()
            if fault and fault.kind == "lose":
                return _failure(fault.status, "")
            if fault and fault.kind == "outcome":
                made = response.backend.made(response.params)
                made.outcome, made.outcome_seconds = fault.outcome, fault.after_ms / 1000
            return answer

    RDSResponse.call_action = call_alone


def _failure(status: int, code: str) -> tuple[int, dict[str, str], str]:
    """What is heard of a service that fails; a load balancer in front of it knows no code."""
    told = f"<Code>{code}</Code><Message>a fault that was asked for</Message>"
    return status, {}, f"<ErrorResponse><Error><Type>Receiver</Type>{told}</Error></ErrorResponse>" if code else ""


def _objection_to_tags(response: RDSResponse) -> str | None:
    if not response.params.get("Tags"):
        return None
    request = response._get_action()
    of_resource = request == "AddTagsToResource"
    present = response.backend.list_tags_for_resource(response.params["ResourceName"]) if of_resource else []
    return tags.objection(request, response.params, present)


def _refuse(response: RDSResponse, error: str, message: str = "a fault that was asked for") -> None:
    """Puts a refusal in the place of the method that would answer this request."""

    def refuse() -> None:
        raise RDSClientError(error, message)

    setattr(response, camelcase_to_underscores(response._get_action()), refuse)


def install(directory: Path, postgres_dir: Path, faults: Faults, pace: Pace = Pace(), kind: type[Rds] = Rds) -> Rds:
    """Put real servers behind moto's RDS in this process; once, before moto's server starts."""
    rds = kind(Path(directory), Path(postgres_dir), pace)
    ControlPlane.rds = rds
    models.rds_backends.backend = RdsBackend
    for action in (
        describe_db_parameters, reset_db_parameter_group, describe_db_cluster_parameters,
        reset_db_cluster_parameter_group, delete_db_cluster, reboot_db_cluster, describe_global_clusters,
        download_db_log_file_portion, account.describe_account_attributes,
        account.describe_orderable_db_instance_options, account.describe_pending_maintenance_actions,
    ):  # fmt: skip
        setattr(RDSResponse, action.__name__, action)
    _answer_one_at_a_time(faults, rds.usage)
    # What a fault refuses with is no error of the request's model.
    warnings.filterwarnings("ignore", message=".*does not match an error shape")
    network.install()
    keys.mark_managed_keys()
    keys.default_key_usage()
    keys.guard_foreign_keys()
    return rds
