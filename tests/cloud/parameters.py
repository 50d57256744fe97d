"""Parameter groups: what a group may hold, and the configuration files that a server gets from it.

What a parameter is (type, range, restart needed) comes from `pg_settings` of the real server.
"""

from pathlib import Path
from typing import Any

from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue

from .postgres import Server

Settings = dict[str, dict]

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
        raise InvalidParameterValue(
            f"Invalid parameter value: {value} for: {name} allowed values are: {_range(settings[name])}"
        )


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


def describe(user: dict[str, dict], major: int, settings: Settings) -> list[dict[str, Any]]:
    """All parameters of a group as DescribeDBParameters shows them."""
    defaults = engine_defaults(major)
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


def engine_defaults(major: int) -> dict[str, str]:
    """Encryption of connections is forced by default since 15 (user guide, "Requiring an SSL connection")."""
    return {
        **DEFAULTS,
        "shared_preload_libraries": "pg_stat_statements",
        "rds.logical_replication": "0",
        "rds.force_ssl": "1" if major >= 15 else "0",
    }


def effective(user: dict[str, dict], major: int) -> dict[str, str]:
    """The values that a server with this group shall run with."""
    mine = {name: parameter.get("ParameterValue") for name, parameter in user.items()}
    set_values = {name: value for name, value in mine.items() if value is not None and not _is_formula(value)}
    return {**engine_defaults(major), **set_values}


def on(values: dict[str, str], name: str) -> bool:
    return values.get(name, "0").lower() in ("1", "on", "true", "yes")


def write_configuration(server: Server, values: dict[str, str], settings: Settings) -> None:
    """Write postgresql.conf and pg_hba.conf of a server for these values."""
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
    """The superuser comes over the socket only; everybody else over TCP, with TLS where the group forces it.

    Method md5 takes passwords that are stored as scram-sha-256 too.
    """
    connection = "hostssl" if force_ssl else "host"
    return (
        "local all rdsadmin trust\n"
        "host all rdsadmin 127.0.0.1/32 reject\n"
        "host rdsadmin all 127.0.0.1/32 reject\n"
        f"{connection} all all 127.0.0.1/32 md5\n"
    )
