"""Removes each guard, one at a time, in a copy of the sources, and checks that its test fails.

    python -m guards [--only TEXT]

A test that stays green without its guard proves nothing; a missing test cannot fail. The traps are those of the
procedure that lose data or break the source, the worst first.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Guard:
    """The code that protects from a trap, its removal, and the test that must then fail."""

    trap: str
    guard: str
    file: str
    present: str
    absent: str
    # `cargo test` arguments, or a pytest node id below tests/.
    test: str


GUARDS = [
    Guard(
        "1 the target's own recovery is mistaken for the first one", "Log::is_later_one", "shared/src/recovery_log.rs",
        "fn is_later_one(&self, start: &Start) -> bool {", "fn is_later_one(&self, start: &Start) -> bool {\n        let _ = start;\n        return false;\n        #[allow(unreachable_code)]",
        "cargo: -p shared --test recovery_log",
    ),
    Guard(
        "1 function and log contradict each other", "agree", "functions/advance-lsn/src/lib.rs",
        "(Some(function), LogAnswer::Recovery(recovery)) if !recovery.agrees_with(function) => {", "(Some(function), LogAnswer::Recovery(recovery)) if false => {",
        "cargo: -p advance-lsn",
    ),
    Guard(
        "1 a start that the heartbeats contradict", "heartbeat::enclose", "postgres/src/heartbeat.rs",
        "    if start <= last.at_lsn {", "    if false {",
        "cargo: -p postgres --lib heartbeat",
    ),
    Guard(
        "2 a table that was created during the run is not applied", "changed_tables", "postgres/src/replication.rs",
        "        if !published.contains(&table.oid) {", "        if false && !published.contains(&table.oid) {",
        "executions/test_drift.py::test_what_nobody_repairs_ends_the_run_some_time_after_the_approval",
    ),
    Guard(
        "3 updates fail on a table without a replica identity", "tables::check_identities", "functions/inspect/src/tables.rs",
        "    if !without.is_empty() {\n        let advice", "    if false && !without.is_empty() {\n        let advice",
        "executions/test_refusals.py",
    ),
    Guard(
        "4 writes after lag 0", "lock_all, after which the target drains", "functions/cutover/src/pause.rs",
        'lock_all(&mut locks, "exclusive", max_hold(&plan.cutover))', 'lock_all(&mut locks, "access share", max_hold(&plan.cutover))',
        "executions/test_locks.py::test_a_transaction_that_writes_as_the_cutover_begins_is_waited_for_and_arrives",
    ),
    Guard(
        "5 an abandoned slot fills the source's disk", "DROP_SLOTS in the undo", "functions/create-publication/src/sql/drop_slots.sql",
        "where pg_catalog.starts_with(s.slot_name, $1 || '_')", "where pg_catalog.starts_with(s.slot_name, $1 || '_') and false",
        "executions/test_undo.py::test_a_row_that_differs_stops_it_before_the_application_moves",
    ),
    Guard(
        "5 the source's disk fills up", "storage::check_headroom", "aws/src/storage.rs",
        "    if storage.free_bytes >= floor_bytes && storage.free_bytes >= retained_wal_bytes {", "    if storage.free_bytes >= 0 || floor_bytes + retained_wal_bytes < 0 {",
        "executions/test_storage.py",
    ),
    Guard(
        "6 inherited slots stay on the target", "drop_inherited", "functions/subscribe/src/sql/drop_inherited_slots.sql",
        "from pg_catalog.pg_replication_slots", "from (select * from pg_catalog.pg_replication_slots limit 0)",
        "executions/test_whole_execution.py::test_nothing_is_left_of_the_run",
    ),
    Guard(
        "7 sequences are not advanced", "set_sequences", "functions/cutover/src/pause.rs",
        "    let oids: Vec<u32> = sequences", "    if open.tables.len() < usize::MAX {\n        return Ok(());\n    }\n    let oids: Vec<u32> = sequences",
        "executions/test_whole_execution.py::test_sequences_are_ahead_of_their_columns",
    ),
    Guard(
        "8 DDL at the moment of the cutover", "Ddl::hold and its count", "functions/cutover/src/pause.rs",
        "    if ddl == open.ddl_compared {", "    if true || ddl == open.ddl_compared {",
        "executions/test_drift.py::test_ddl_that_is_under_way_when_the_cutover_begins_is_waited_for_and_seen",
    ),
    Guard(
        "9 a restore with defaults", "restore_request", "functions/restore/src/settings.rs",
        "        .set_db_parameter_group_name(parameters.filter(|name| !is_default_group(name)))\n", "",
        "executions/test_whole_execution.py::test_the_target_has_the_settings_of_the_source",
    ),
    Guard(
        "9 a setting that restore omits is lost", "compare-settings::accept", "functions/compare-settings/src/lib.rs",
        "    if differences.lost.is_empty() {", "    if differences.lost.len() < usize::MAX {",
        "executions/test_settings.py::test_a_setting_that_was_lost_undoes_the_run",
    ),
    Guard(
        "10 success with the wrong key", "restore::check_key", "functions/restore/src/lib.rs",
        "    if encrypted == Some(true) && key == Some(plan.kms_key_arn.as_str()) {", "    if encrypted != None || plan.kms_key_arn.is_empty() {",
        "cargo: -p restore",
    ),
    Guard(
        "the target cannot reach the source", "network::check", "functions/inspect/src/network.rs",
        "            Path::Closed => findings.refuse(", "            Path::Closed => findings.warn(",
        "executions/test_network.py::test_groups_that_do_not_let_the_copy_in_are_found_before_anything_is_made",
    ),
    Guard(
        "the target resolves a public source to an address outside its network", "the address in connection_string", "functions/subscribe/src/lib.rs",
        "let address = if plan.source.is_public {", "let address = if plan.source.is_public && plan.source.port == 0 {",
        "executions/test_network.py::test_a_public_source_is_found_by_the_address_that_the_functions_see",
    ),
    Guard(
        "a parameter group counts as applied too early", "create-publication::is_logical", "functions/create-publication/src/lib.rs",
        "    if plan.preparation.is_some() && !is_logical", "    if plan.plan_only && !is_logical",
        "executions/test_preparation.py::test_a_group_that_is_in_sync_before_it_is_applied_does_not_pass_for_logical_replication",
    ),
    Guard(
        "a late call closes the fence after the undo", "CANCEL_FENCE renames the marks", "postgres/src/sql/cancel_fence.sql",
        " where pg_catalog.to_regclass(pg_catalog.format('%I.marks', $2)) is not null", " where $2 is null",
        "executions/test_late_call.py",
    ),
    Guard(
        "a database is moved twice", "found::moved_to", "aws/src/rds/database.rs",
        "tags.iter().find(|tag| tag.key() == Some(MOVED_TAG))", "tags.iter().take(0).find(|tag| tag.key() == Some(MOVED_TAG))",
        "cargo: -p evaluate-policy",
    ),
    Guard(
        "a typo in a tag counts as no tag", "Policy::of", "functions/evaluate-policy/src/policy.rs",
        "            if understood.is_none() {", "            if false && understood.is_none() {",
        "cargo: -p evaluate-policy",
    ),
    Guard(
        "slots are created before there is capacity for the encrypted snapshot", "check_capacity::position", "functions/check-capacity/src/lib.rs",
        "    running.iter().filter(|execution| key(execution) < own).count()", "    running.iter().filter(|execution| key(execution) < own).count() * 0",
        "cargo: -p check-capacity",
    ),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m guards", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="guards whose trap or name has this text")
    wanted = parser.parse_args().only
    guards = [guard for guard in GUARDS if wanted in f"{guard.trap} {guard.guard}"]
    seen = [_is_missed(guard) for guard in guards]
    print(f"{sum(seen)} of {len(guards)} guards: their tests fail without them")
    sys.exit(not all(seen))


def _is_missed(guard: Guard) -> bool:
    with tempfile.TemporaryDirectory(prefix="rds-reencrypt-guard-") as directory:
        copy = Path(directory) / "repository"
        files = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
        for name in files.split("\0"):
            if name and (REPOSITORY / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, copy / name)
        file = copy / guard.file
        text = file.read_text()
        if text.count(guard.present) != 1:
            print(f"{guard.trap}: {guard.file} has the guard {text.count(guard.present)} times: {guard.present}")
            return False
        file.write_text(text.replace(guard.present, guard.absent))
        complaint = _complaint(guard.test, copy)
        print(f"{guard.trap}: without {guard.guard}, {guard.test} {f'fails: {complaint}' if complaint else 'STILL PASSES'}", flush=True)
        return bool(complaint)


def _complaint(test: str, copy: Path) -> str:
    """The test's own failure, or nothing: code that does not compile would prove nothing."""
    target = Path(os.environ["CARGO_TARGET_DIR"])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(copy / each) for each in ("tests", "local-cloud"))}
    if arguments := test.removeprefix("cargo: ") if test.startswith("cargo: ") else None:
        subprocess.run(["cargo", "test", "-q", *arguments.split(), "--no-run"], cwd=copy, check=True, capture_output=True)
        run = subprocess.run(["cargo", "test", "-q", *arguments.split()], cwd=copy, capture_output=True, text=True)
        lines, complains = run.stdout.splitlines(), run.returncode != 0
    else:
        subprocess.run(["cargo", "build", "-q", "--workspace"], cwd=copy, check=True)
        with tempfile.TemporaryDirectory(prefix="rds-reencrypt-binaries-") as binaries:
            # The tests use the release directory.
            Path(binaries, "release").symlink_to(target / "debug")
            pytest = [sys.executable, "-m", "pytest", "-q", "-x", f"tests/{test}"]
            run = subprocess.run(pytest, cwd=copy, env=environment | {"CARGO_TARGET_DIR": binaries}, capture_output=True, text=True)
        lines, complains = run.stdout.splitlines(), run.returncode == 1
    reasons = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ") or " panicked at " in line]
    return (reasons or ["it ends with an error"])[0][:200] if complains else ""


if __name__ == "__main__":
    main()
