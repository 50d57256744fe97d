"""Parameter groups: what a group may hold, and the configuration files that a server gets from it.

What a parameter is (type, range, restart needed) comes from `pg_settings` of the real server.
"""

import re
from pathlib import Path
from typing import Any

from moto.rds import models
from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue

from .postgres import Server

Settings = dict[str, dict]
# Of the groups that this cloud has, with the major version.
FAMILY = re.compile(r"(?:postgres|aurora-postgresql)(\d+)")
Group = models.DBParameterGroup | models.DBClusterParameterGroup

# Parameters that RDS adds to PostgreSQL's. The user guide, "Parameters for your RDS for PostgreSQL DB instance".
RDS_PARAMETERS = {
    "rds.logical_replication": "static",
    "rds.force_ssl": "dynamic",
    "rds.allowed_extensions": "dynamic",
    "rds.adaptive_autovacuum": "dynamic",
    "rds.force_admin_logging_level": "dynamic",
    "rds.force_autovacuum_logging_level": "dynamic",
    "rds.log_retention_period": "dynamic",
    "rds.rds_superuser_reserved_connections": "static",
    "rds.restrict_password_commands": "static",
}
RDS_SWITCHES = {"rds.logical_replication", "rds.force_ssl", "rds.adaptive_autovacuum", "rds.restrict_password_commands"}

# Not in the groups of Aurora's instances (Aurora user guide, "Aurora PostgreSQL parameters"; those that matter here).
OF_AURORA_CLUSTERS = {
    "max_logical_replication_workers", "max_replication_slots", "max_wal_senders", "rds.force_ssl",
    "rds.logical_replication",
}  # fmt: skip

# Set by RDS or by the cloud; nobody else may.
UNMODIFIABLE = {
    "archive_command", "archive_mode", "config_file", "data_directory", "dynamic_shared_memory_type", "fsync",
    "full_page_writes", "hba_file", "huge_pages", "ident_file", "listen_addresses", "log_destination", "log_directory",
    "logging_collector", "port", "ssl", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", "unix_socket_directories",
    "unix_socket_permissions", "wal_init_zero", "wal_level",
}  # fmt: skip

# RDS's own defaults where they differ from PostgreSQL's and matter to replication, and the cloud's frugality.
DEFAULTS = {
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "max_connections": "200",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "shared_buffers": "4096",
}

# A hot standby must have at least as much of these as its primary (PostgreSQL manual, "Administrator's Overview" of
# hot standby).
NOT_LESS_THAN_ON_PRIMARY = (
    "max_connections", "max_locks_per_transaction", "max_prepared_transactions", "max_wal_senders", "max_worker_processes",
)  # fmt: skip

MODULE = "rds_superuser"


def needs_restart(name: str, settings: Settings) -> bool:
    if name in RDS_PARAMETERS:
        return RDS_PARAMETERS[name] == "static"
    return name in settings and settings[name]["context"] == "postmaster"


def check(parameter: dict[str, Any], settings: Settings) -> None:
    """Refuse what RDS refuses when a group is modified."""
    name, value = parameter["ParameterName"], parameter.get("ParameterValue")
    if name in UNMODIFIABLE:
        raise InvalidParameterValue(f"The parameter {name} cannot be modified.")
    if name not in settings and "." not in name:
        raise InvalidParameterValue(f"Could not find parameter with name: {name}")
    if needs_restart(name, settings) and parameter.get("ApplyMethod") == "immediate":
        raise InvalidParameterCombination("cannot use immediate apply method for static parameter")
    if name in settings and value is not None and not _allowed(value, settings[name]):
        raise InvalidParameterValue(f"Invalid parameter value: {value} for: {name} allowed values are: {_range(settings[name])}")


def _allowed(value: str, setting: dict) -> bool:
    if _is_formula(value):
        return True
    if setting["type"] in ("integer", "real"):
        try:
            return float(setting["min"]) <= float(value) <= float(setting["max"])
        except ValueError:
            return False
    if setting["type"] == "bool":
        return value.lower() in ("0", "1", "on", "off", "true", "false", "yes", "no")
    if setting["type"] == "enum":
        return value.lower() in setting["values"]
    return True


def _range(setting: dict) -> str | None:
    if setting["type"] in ("integer", "real"):
        return f"{setting['min']}-{setting['max']}"
    if setting["type"] == "bool":
        return "0,1"
    return ",".join(setting["values"]) if setting["values"] else None


def _is_formula(value: str) -> bool:
    """`{DBInstanceClassMemory/9531392}` and the like speak of the size of an instance class, which there is not."""
    return "{" in value


def describe(user: dict[str, dict], family: str, settings: Settings) -> list[dict[str, Any]]:
    """All parameters of a group as DescribeDBParameters shows them."""
    defaults = engine_defaults(family)
    described = []
    for name in sorted({*settings, *RDS_PARAMETERS, *user}):
        setting = settings.get(name, {"type": "string", "values": None, "default": None, "description": ""})
        mine = user.get(name, {})
        described.append(
            {
                "ParameterName": name,
                "ParameterValue": mine.get("ParameterValue", defaults.get(name)),
                "Description": setting["description"],
                "Source": "user" if mine else "system" if name in defaults else "engine-default",
                "ApplyType": "static" if needs_restart(name, settings) else "dynamic",
                "DataType": "boolean" if setting["type"] == "bool" or name in RDS_SWITCHES else setting["type"],
                "AllowedValues": "0,1" if name in RDS_SWITCHES else _range(setting),
                "IsModifiable": name not in UNMODIFIABLE,
                "ApplyMethod": mine.get("ApplyMethod", "pending-reboot"),
            }
        )
    return described


def engine_defaults(family: str) -> dict[str, str]:
    """Encryption of connections is forced by default since 15, on Aurora since 17 (user guides, "Requiring an SSL
    connection" and "Requiring an SSL/TLS connection to an Aurora PostgreSQL DB cluster")."""
    major = int(FAMILY.fullmatch(family)[1])
    forced_since = 17 if family.startswith("aurora-") else 15
    return {
        **DEFAULTS,
        "shared_preload_libraries": "pg_stat_statements",
        "rds.logical_replication": "0",
        "rds.force_ssl": "1" if major >= forced_since else "0",
    }


def given(group: Group) -> dict[str, str]:
    """The values that a group sets."""
    mine = {name: parameter.get("ParameterValue") for name, parameter in group.parameters.items()}
    return {name: value for name, value in mine.items() if value is not None and not _is_formula(value)}


class Applied:
    """What a server runs with: a group takes effect with a restart, and at once in what needs none."""

    def __init__(self, groups: list[Group], family: str):
        self._family = family
        self._given = [(group, given(group)) for group in groups]

    @property
    def values(self) -> dict[str, str]:
        values = engine_defaults(self._family)
        for _, its_values in self._given:
            values |= its_values
        return values

    def uses(self, group: Group) -> bool:
        return any(each is group for each, _ in self._given)

    def is_all_of(self, group: Group) -> bool:
        """Whether the server runs with everything that the group says now."""
        return any(each is group and values == given(group) for each, values in self._given)

    def change(self, group: Group, names: list[str]) -> None:
        now = given(group)
        values = next(values for each, values in self._given if each is group)
        for name in names:
            if name in now:
                values[name] = now[name]
            else:
                values.pop(name, None)


def wal_kept_for_standbys(major: int) -> dict[str, str]:
    """Instead of a slot, which the product would see among those of the source: WAL for standbys that restart."""
    return {"wal_keep_segments": "32"} if major == 12 else {"wal_keep_size": "512MB"}


def on(values: dict[str, str], name: str) -> bool:
    return values.get(name, "0").lower() in ("1", "on", "true", "yes")


def write_configuration(server: Server, values: dict[str, str], settings: Settings, imposed: dict[str, str] | None = None) -> None:
    """Write postgresql.conf and pg_hba.conf of a server for these values, with imposed ones over them."""
    lines = {
        "listen_addresses": "127.0.0.1",
        "port": str(server.port),
        "unix_socket_directories": str(server.sockets),
        "unix_socket_permissions": "0700",
        "ssl": "on",
        "ssl_cert_file": str(server.directory / "server.crt"),
        "ssl_key_file": str(server.directory / "server.key"),
        "wal_level": "logical" if on(values, "rds.logical_replication") else "replica",
        # The machine does not lose power during a test, and a copy of frozen files sees what was written; so nothing
        # has to reach the disk, and segments need not be filled beforehand.
        "fsync": "off",
        "wal_init_zero": "off",
        # Segments of shared memory as files of the data directory: none is left behind by a server that was killed.
        "dynamic_shared_memory_type": "mmap",
        "huge_pages": "off",
    }
    for name, value in values.items():
        if name in RDS_SWITCHES:
            lines[name] = "on" if on(values, name) else "off"
        elif name == "shared_preload_libraries":
            lines[name] = ",".join(_libraries(server.home, value))
        elif name in settings or "." in name:
            lines[name] = value
    lines |= imposed or {}
    configuration = "".join(f"{name} = '{_quoted(value)}'\n" for name, value in lines.items())
    (server.data / "postgresql.conf").write_text(configuration)
    (server.data / "pg_hba.conf").write_text(_host_based_authentication(on(values, "rds.force_ssl")))


def _quoted(value: str) -> str:
    return value.replace("'", "''").replace("\\", "\\\\")


def _libraries(home: Path, wanted: str) -> list[str]:
    """The cloud's own module first, then those that this build of PostgreSQL has; RDS has many more."""
    names = [name.strip() for name in wanted.split(",")]
    return [MODULE, *(name for name in names if name and (home / f"lib/postgresql/{name}.so").exists())]


def _host_based_authentication(force_ssl: bool) -> str:
    """The superuser comes over the socket only, standbys as well; everybody else over TCP, with TLS where the group forces it.

    Method md5 takes passwords that are stored as scram-sha-256 too.
    """
    connection = "hostssl" if force_ssl else "host"
    return (
        "local all rdsadmin trust\n"
        "local replication rdsadmin trust\n"
        "host all rdsadmin 127.0.0.1/32 reject\n"
        "host rdsadmin all 127.0.0.1/32 reject\n"
        f"{connection} all all 127.0.0.1/32 md5\n"
    )
