"""Interference with a run by people, servers and networks."""

import os
import subprocess
import time
from pathlib import Path

import psycopg

from demo.local_cloud import LocalCloud
from demo.waiting import wait_until
from executions.runs import target_of

LIMIT_SECONDS = 120


def stop(run) -> None:
    run.execution.stop()


def disable_key(run) -> None:
    run.cloud.client("kms").disable_key(KeyId=run.key_arn.split("/")[-1])


def restart_source(run) -> None:
    _restart(run, run.identifier)


def restart_target(run) -> None:
    _restart(run, target_of(run.databases, run.identifier)["DBInstanceIdentifier"])


def _restart(run, identifier: str) -> None:
    rds = run.cloud.client("rds")
    rds.reboot_db_instance(DBInstanceIdentifier=identifier)

    def status() -> str:
        return rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]["DBInstanceStatus"]

    wait_until(status, lambda seen: seen == "available", f"{identifier} after its restart", LIMIT_SECONDS)


def cut_replication(run) -> None:
    """The connection between target and source breaks ten times in three seconds."""
    with run.databases.connect(run.source) as session:
        for _ in range(10):
            session.execute("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'walsender'")
            time.sleep(0.3)


def drop_slots(run) -> None:
    def left(session: psycopg.Connection) -> int:
        session.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
        session.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active")
        return session.execute("select count(*) from pg_replication_slots").fetchone()[0]

    with run.databases.connect(run.source) as session:
        wait_until(lambda: left(session), lambda seen: seen == 0, "the slots to be gone", LIMIT_SECONDS)


def remove_wal(run) -> None:
    """The source may keep a megabyte for slots, and writes hundreds."""
    group = run.source["DBParameterGroups"][0]["DBParameterGroupName"]
    limits = {"max_slot_wal_keep_size": "1", "max_wal_size": "32"}
    parameters = [{"ParameterName": name, "ParameterValue": value, "ApplyMethod": "immediate"} for name, value in limits.items()]
    run.cloud.client("rds").modify_db_parameter_group(DBParameterGroupName=group, Parameters=parameters)

    def lost(session: psycopg.Connection) -> bool:
        session.execute("select pg_logical_emit_message(false, 'noise', repeat('x', 4000000)) from generate_series(1, 10)")
        return session.execute("select bool_and(wal_status = 'lost') from pg_replication_slots").fetchone()[0]

    with run.databases.connect(run.source) as session:
        wait_until(lambda: lost(session), bool, "the WAL of the slot to be removed", LIMIT_SECONDS)


def put_row_in_the_way(run) -> None:
    """Somebody writes to the target: a row with the key that the source assigns next."""
    with run.databases.connect(target_of(run.databases, run.identifier), "app") as copy:
        copy.execute("insert into public.thing (id, told) values (100000, 'somebody')")
    with run.databases.connect(run.source, "app") as source:
        source.execute("insert into public.thing (id, told) values (100000, 'the application')")


def change_row(run) -> None:
    with run.databases.connect(target_of(run.databases, run.identifier), "app") as copy:
        copy.execute("update public.thing set told = 'another' where id = 555")


def hold_tables(run) -> None:
    """A long transaction of the application has locked a row while the cutover locks all tables."""
    with run.databases.connect(run.source, "app") as session:
        session.execute("begin")
        session.execute("update public.thing set told = told where id = 599")
        time.sleep(5)
        session.execute("commit")


# More than one WAL file, less than the table that the source then fills.
FULL_BYTES = 24 << 20


def fill_disk_of_target(run) -> None:
    """No file of the target's server can grow any more, as on a full disk, while the source's table grows."""
    _limit_files_of_target(run, str(FULL_BYTES))
    with run.databases.connect(run.source, "app") as source:
        source.execute("insert into public.thing (told) select repeat(md5(n::text), 4) from generate_series(1, 250000) n")


def fill_disk_of_target_for_a_while(run) -> None:
    """The storage of the target is raised once its apply has failed."""
    fill_disk_of_target(run)
    with run.databases.connect(target_of(run.databases, run.identifier), "app") as copy:
        size = "select pg_relation_size('public.thing')"
        wait_until(lambda: copy.execute(size).fetchone()[0], lambda seen: seen >= FULL_BYTES - (1 << 20), "a full table there", LIMIT_SECONDS)
    time.sleep(3)
    _limit_files_of_target(run, "unlimited")


def _limit_files_of_target(run, limit: str) -> None:
    """Sets the limit of the postmaster, which later children inherit, and of its present children."""
    with run.databases.connect(target_of(run.databases, run.identifier), "app") as copy:
        backend = copy.execute("select pg_backend_pid()").fetchone()[0]
        (postmaster,) = [int(line.split()[1]) for line in Path(f"/proc/{backend}/status").read_text().splitlines() if line.startswith("PPid:")]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        # As the server's own user: in some containers root may not.
        place = Path(f"/proc/{postmaster}").stat()
        owner = {"user": place.st_uid, "group": place.st_gid} if os.getuid() == 0 else {}
        limit_it = ["prlimit", f"--fsize={limit}:", "--pid"]
        subprocess.run([*limit_it, str(postmaster)], check=True, **owner)
        # A child may have ended meanwhile.
        for pid in children:
            subprocess.run([*limit_it, pid], check=False, stderr=subprocess.DEVNULL, **owner)


def closed_group(cloud: LocalCloud, identifier: str) -> dict:
    """Members of a request to create a database with a security group that allows nothing."""
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    return {"VpcSecurityGroupIds": [ec2.create_security_group(GroupName=identifier, Description="closed", VpcId=vpc)["GroupId"]]}
