"""Requests that concern DB parameter groups and DB cluster parameter groups.

A default group exists without being made, and a cluster's engine has one of each kind under the same name.
"""

from collections.abc import Iterable
from typing import Any

from moto.rds import exceptions, models

from . import parameters
from .control_plane import ControlPlane
from .parameters import FAMILY, Group


class InvalidDBParameterGroupState(exceptions.RDSClientError):
    def __init__(self, message: str):
        super().__init__("InvalidDBParameterGroupState", message)


class ParameterGroupRequests(ControlPlane):
    """Describe, modify, reset, delete; servers of a group get what needs no restart at once."""

    # Both kinds.

    def _default_family(self, name: str) -> str | None:
        """The family whose default group has this name."""
        family = name.removeprefix("default.")
        return family if family != name and self._is_family(family) else None

    def _is_family(self, family: str) -> bool:
        found = FAMILY.fullmatch(family)
        return bool(found) and int(found[1]) in self.rds.templates.majors()

    def _check_family(self, family: str) -> None:
        if not self._is_family(family):
            raise exceptions.InvalidParameterValue(f"ParameterGroupFamily {family} is not a valid parameter group family")

    def _check_own(self, name: str) -> None:
        if name.startswith("default."):
            raise exceptions.InvalidParameterValue(f"Default parameter group {name} cannot be changed.")

    def _settings(self, group: Group) -> parameters.Settings:
        return self.rds.templates.settings(_major(group))

    def _describe(self, group: Group, source: str | None) -> list[dict[str, Any]]:
        described = parameters.describe(group.parameters, family(group), self._settings(group))
        hidden = _not_in(group)
        return [each for each in described if source in (None, each["Source"]) and each["ParameterName"] not in hidden]

    def _check_changes(self, group: Group, changes: list[dict[str, Any]]) -> None:
        for change in changes:
            if change["ParameterName"] in _not_in(group):
                raise exceptions.InvalidParameterValue(f"Could not find parameter with name: {change['ParameterName']}")
            parameters.check(change, self._settings(group))

    def _reset(self, group: Group, everything: bool, changes: list[dict[str, Any]]) -> None:
        if everything:
            changes = [{"ParameterName": parameter, "ApplyMethod": "immediate"} for parameter in group.parameters]
        for change in changes:
            group.parameters.pop(change["ParameterName"], None)
        self._apply_to_servers(group, changes)

    def _apply_to_servers(self, group: Group, changes: list[dict[str, Any]]) -> None:
        immediate = [
            change["ParameterName"]
            for change in changes
            if change.get("ApplyMethod") == "immediate" and not parameters.needs_restart(change["ParameterName"], self._settings(group))
        ]
        for instance in self.with_servers():
            if instance.applied.uses(group) and instance.server and instance.server.running:
                instance.apply_immediate_parameters(group, immediate)

    # Groups of instances.

    def find_group(self, name: str) -> models.DBParameterGroup:
        """A group of one's own, or a default group."""
        if name not in self.db_parameter_groups and (family := self._default_family(name)):
            self.db_parameter_groups[name] = models.DBParameterGroup(self, name, f"Default parameter group for {family}", family)
        if name not in self.db_parameter_groups:
            raise exceptions.DBParameterGroupNotFoundError(name)
        return self.db_parameter_groups[name]

    def describe_db_parameter_groups(self, members: dict[str, Any]) -> list[models.DBParameterGroup]:
        name = members.get("db_parameter_group_name")
        return [self.find_group(name)] if name else list(self.db_parameter_groups.values())

    def describe_parameters(self, name: str, source: str | None) -> list[dict[str, Any]]:
        return self._describe(self.find_group(name), source)

    def create_db_parameter_group(self, members: dict[str, Any]) -> models.DBParameterGroup:
        self._check_family(members.get("db_parameter_group_family") or "")
        return super().create_db_parameter_group(members)

    def copy_db_parameter_group(self, source_db_parameter_group_identifier: str, **members: Any) -> models.DBParameterGroup:
        _check_can_be_copied(source_db_parameter_group_identifier)
        return super().copy_db_parameter_group(source_db_parameter_group_identifier, **members)

    # Named as moto's own calls have them: its copies are made through here.
    def modify_db_parameter_group(
        self, db_parameter_group_name: str, db_parameter_group_parameters: Iterable[dict[str, Any]]
    ) -> models.DBParameterGroup:
        self._check_own(db_parameter_group_name)
        group = self.find_group(db_parameter_group_name)
        changes = list(db_parameter_group_parameters)
        self._check_changes(group, changes)
        group.update_parameters(changes)
        self._apply_to_servers(group, changes)
        return group

    def reset_parameters(self, name: str, everything: bool, changes: list[dict[str, Any]]) -> models.DBParameterGroup:
        self._check_own(name)
        group = self.find_group(name)
        self._reset(group, everything, changes)
        return group

    def delete_db_parameter_group(self, name: str) -> models.DBParameterGroup:
        self._check_own(name)
        group = self.find_group(name)
        if any(instance.group is group for instance in self.with_servers()):
            raise InvalidDBParameterGroupState("One or more database instances are still members of this parameter group.")
        return self.db_parameter_groups.pop(name)

    # Groups of clusters.

    def find_cluster_group(self, name: str) -> models.DBClusterParameterGroup:
        groups = self.db_cluster_parameter_groups
        if name not in groups and (family := self._default_family(name)):
            groups[name] = models.DBClusterParameterGroup(self, name, f"Default cluster parameter group for {family}", family)
        if name not in groups:
            raise exceptions.DBClusterParameterGroupNotFoundError(name)
        return groups[name]

    def describe_db_cluster_parameter_groups(self, group_name: str | None) -> list[models.DBClusterParameterGroup]:
        return [self.find_cluster_group(group_name)] if group_name else list(self.db_cluster_parameter_groups.values())

    def describe_db_cluster_parameters(self, name: str, source: str | None = None) -> list[dict[str, Any]]:
        return self._describe(self.find_cluster_group(name), source)

    def create_db_cluster_parameter_group(
        self, db_cluster_parameter_group_name: str, db_parameter_group_family: str, **members: Any
    ) -> models.DBClusterParameterGroup:
        self._check_family(db_parameter_group_family or "")
        return super().create_db_cluster_parameter_group(db_cluster_parameter_group_name, db_parameter_group_family, **members)

    def copy_db_cluster_parameter_group(self, source_db_cluster_parameter_group_identifier: str, **members: Any) -> models.DBClusterParameterGroup:
        _check_can_be_copied(source_db_cluster_parameter_group_identifier)
        return super().copy_db_cluster_parameter_group(source_db_cluster_parameter_group_identifier, **members)

    def modify_db_cluster_parameter_group(
        self, db_cluster_parameter_group_name: str, db_cluster_parameter_group_parameters: Iterable[dict[str, Any]]
    ) -> models.DBClusterParameterGroup:
        self._check_own(db_cluster_parameter_group_name)
        group = self.find_cluster_group(db_cluster_parameter_group_name)
        changes = list(db_cluster_parameter_group_parameters)
        self._check_changes(group, changes)
        group.update_cluster_parameters(changes)
        self._apply_to_servers(group, changes)
        return group

    def reset_cluster_parameters(self, name: str, everything: bool, changes: list[dict[str, Any]]) -> models.DBClusterParameterGroup:
        self._check_own(name)
        group = self.find_cluster_group(name)
        self._reset(group, everything, changes)
        return group

    def delete_db_cluster_parameter_group(self, db_cluster_parameter_group_name: str) -> None:
        self._check_own(db_cluster_parameter_group_name)
        group = self.find_cluster_group(db_cluster_parameter_group_name)
        if any(cluster.db_cluster_parameter_group == group.name for cluster in self.clusters.values()):
            raise InvalidDBParameterGroupState("One or more database clusters are still members of this parameter group.")
        self.db_cluster_parameter_groups.pop(db_cluster_parameter_group_name)


def family(group: Group) -> str:
    return group.family if isinstance(group, models.DBParameterGroup) else group.db_parameter_group_family


def _check_can_be_copied(name: str) -> None:
    """API reference of CopyDBParameterGroup: "You can't copy a default parameter group"."""
    if name.startswith("default."):
        raise exceptions.InvalidParameterValue(f"Default parameter group {name} cannot be copied.")


def _major(group: Group) -> int:
    return int(FAMILY.fullmatch(family(group))[1])


def _not_in(group: Group) -> set[str]:
    """Parameters that Aurora has in the cluster's group alone."""
    of_aurora_instances = isinstance(group, models.DBParameterGroup) and family(group).startswith("aurora-")
    return parameters.OF_AURORA_CLUSTERS if of_aurora_instances else set()
