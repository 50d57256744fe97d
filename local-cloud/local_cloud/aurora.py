"""What tells a server of Aurora PostgreSQL from one of RDS for PostgreSQL.

Its functions are in pg_catalog, it has no extension rds_tools, and its log does not speak of recovery: Aurora has no
WAL to replay.
"""

import re

from .postgres import Server, in_every_database

ENGINE = "aurora-postgresql"
# A setting of the server that aurora_version() reads.
VERSION_SETTING = "rds.aurora_version"
START_LSN = "pg_catalog.aurora_volume_logical_start_lsn()"
# The second function reads what the module writes for rds_tools.logical_seed_lsn(); null on a cluster that was not
# restored. Aurora user guide, "Aurora PostgreSQL functions reference": it is documented for "a snapshot or database
# clone".
FUNCTIONS = f"""
create function pg_catalog.aurora_version() returns text
language sql stable as $$ select pg_catalog.current_setting('{VERSION_SETTING}') $$;

create function {START_LSN} returns pg_catalog.pg_lsn
language c stable as 'rds_superuser', 'logical_seed_lsn';
"""

# Of a server that starts from WAL (xlog.c, xlogrecovery.c, xlogreader.c), writes checkpoints (checkpointer.c), or receives
# WAL (walreceiver.c).
OF_RECOVERY = re.compile(
    r"redo (starts at|done at|is not required)|consistent recovery state|automatic recovery in progress|"
    r"database system was |entering standby mode|start(ed|ing) (streaming WAL|backup recovery)|archive recovery complete|"
    r"restarted WAL streaming|timeline|received promote request|last completed transaction|checkpoint |restartpoint|"
    r"contrecord|record length|record with incorrect prev-link|resource manager|invalid magic number|"
    r"unexpected pageaddr|invalid info bits|replication terminated by primary|read[- ]only connections|"
    r"could not (connect to the primary server|receive data from WAL stream|send end-of-streaming message)|"
    r"waiting for WAL|terminating walreceiver|end of WAL reached",
    re.IGNORECASE,
)


def make_functions(server: Server) -> None:
    """In every database, and in those that will be made."""
    in_every_database(server, FUNCTIONS)


def drop_start_lsn(server: Server) -> None:
    """Make the server one of a minor version that does not have the function yet."""
    in_every_database(server, f"drop function if exists {START_LSN}")


def speaks_of_recovery(line: str) -> bool:
    return OF_RECOVERY.search(line) is not None
