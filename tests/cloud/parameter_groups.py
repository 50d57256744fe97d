"""Requests that concern DB parameter groups."""

from collections.abc import Iterable
from typing import Any

from moto.rds import exceptions, models

from . import parameters
from .control_plane import ControlPlane


class InvalidDBParameterGroupState(exceptions.RDSClientError):
    def __init__(self, message: str):
        super().__init__("InvalidDBParameterGroupState", message)


class ParameterGroupRequests(ControlPlane):
    """Describe, modify, reset, delete; instances of a group get what needs no restart at once."""

    def find_group(self, name: str) -> models.DBParameterGroup:
        """A group of one's own, or a default group, which exists without being made."""
        major = name.removeprefix("default.postgres")
        if name not in self.db_parameter_groups and major.isdigit() and int(major) in self.rds.templates.majors():
            family = f"postgres{major}"
            self.db_parameter_groups[name] = models.DBParameterGroup(
                self, name, f"Default parameter group for {family}", family
            )
        if name not in self.db_parameter_groups:
            raise exceptions.DBParameterGroupNotFoundError(name)
        return self.db_parameter_groups[name]

    def _own_group(self, name: str) -> models.DBParameterGroup:
        if name.startswith("default."):
            raise exceptions.InvalidParameterValue(f"Default parameter group {name} cannot be changed.")
        return self.find_group(name)

    def _settings(self, group: models.DBParameterGroup) -> parameters.Settings:
        return self.rds.templates.settings(_major(group))

    def describe_db_parameter_groups(self, members: dict[str, Any]) -> list[models.DBParameterGroup]:
        name = members.get("db_parameter_group_name")
        return [self.find_group(name)] if name else list(self.db_parameter_groups.values())

    def describe_parameters(self, name: str, source: str | None) -> list[dict[str, Any]]:
        group = self.find_group(name)
        described = parameters.describe(group.parameters, _major(group), self._settings(group))
        return [parameter for parameter in described if source in (None, parameter["Source"])]

    def create_db_parameter_group(self, members: dict[str, Any]) -> models.DBParameterGroup:
        family = members.get("db_parameter_group_family") or ""
        major = family.removeprefix("postgres")
        if not major.isdigit() or int(major) not in self.rds.templates.majors():
            raise exceptions.InvalidParameterValue(
                f"ParameterGroupFamily {family} is not a valid parameter group family"
            )
        return super().create_db_parameter_group(members)

    def modify_db_parameter_group(self, name: str, changes: Iterable[dict[str, Any]]) -> models.DBParameterGroup:
        group = self._own_group(name)
        changes = list(changes)
        for change in changes:
            parameters.check(change, self._settings(group))
        group.update_parameters(changes)
        self._apply_to_instances(group, changes)
        return group

    def reset_parameters(self, name: str, everything: bool, changes: list[dict[str, Any]]) -> models.DBParameterGroup:
        group = self._own_group(name)
        if everything:
            changes = [{"ParameterName": parameter, "ApplyMethod": "immediate"} for parameter in group.parameters]
        for change in changes:
            group.parameters.pop(change["ParameterName"], None)
        self._apply_to_instances(group, changes)
        return group

    def _apply_to_instances(self, group: models.DBParameterGroup, changes: list[dict[str, Any]]) -> None:
        immediate = [
            change["ParameterName"]
            for change in changes
            if change.get("ApplyMethod") == "immediate"
            and not parameters.needs_restart(change["ParameterName"], self._settings(group))
        ]
        for instance in self.with_servers():
            if instance.applied_group is group and instance.server and instance.server.running:
                instance.apply_immediate_parameters(immediate)

    def delete_db_parameter_group(self, name: str) -> models.DBParameterGroup:
        group = self._own_group(name)
        if any(instance.group is group for instance in self.with_servers()):
            raise InvalidDBParameterGroupState(
                "One or more database instances are still members of this parameter group."
            )
        return self.db_parameter_groups.pop(name)


def _major(group: models.DBParameterGroup) -> int:
    return int(group.family.removeprefix("postgres"))
