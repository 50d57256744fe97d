"""Verification against a copy that follows: it finds whatever differs, and nothing else, in the middle of writes.

One execution waits for its approval, and the function is called as the state machine calls it, as often as wanted.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.databases import values
from demo.executions import Execution, failures
from demo.reports import read_report
from demo.waiting import wait_until

from .runs import approve, move, target_of, undone, writing
from .sources import LIMIT_SECONDS, make_request, make_source, secret_name

# More than two ranges of pages.
BIG_ROWS = 400_000

TABLES = f"""
create table public.sample (
    id int primary key, told text, amount numeric, ratio float8, doc jsonb, many int[], gone int, at timestamptz default now());
alter table public.sample drop column gone;
insert into public.sample
select n, 'told ' || n, n + 0.50, n / 3.0, jsonb_build_object('n', n), array[n, n + 1] from generate_series(1, 500) n;
update public.sample set ratio = 0 where id = 1;
create table public.keyless (a int, b text);
insert into public.keyless select n % 10, nullif('loose', repeat('loose', (n % 10 = 3)::int)) from generate_series(1, 200) n;
create table public.big (id int primary key, told text, doc jsonb);
insert into public.big select n, repeat(md5(n::text), 8), jsonb_build_object('n', n, 'words', repeat('x', 40)) from generate_series(1, {BIG_ROWS}) n;
"""

# What somebody could do to the copy behind replication's back, the table that it is found in, and how it is made good.
TAMPERING = {
    "a row changed": ("update public.sample set told = 'other' where id = 7", "public.sample", "update public.sample set told = 'told 7' where id = 7"),
    "a row gone": ("delete from public.sample where id = 7", "public.sample", "insert into public.sample select * from aside.sample where id = 7"),
    "a row there twice": (
        "insert into public.keyless values (1, 'loose')", "public.keyless",
        "delete from public.keyless where ctid = (select max(ctid) from public.keyless where a = 1)",
    ),
    "values exchanged": (
        "update public.sample set told = 'told ' || 15 - id where id in (7, 8)", "public.sample",
        "update public.sample set told = 'told ' || id where id in (7, 8)",
    ),
    "empty for null": (
        "update public.keyless set b = '' where b is null", "public.keyless", "update public.keyless set b = null where b = ''",
    ),
    "another scale": (
        "update public.sample set amount = 7.5 where id = 7", "public.sample", "update public.sample set amount = 7.50 where id = 7",
    ),
    "another sign of zero": (
        "update public.sample set ratio = '-0' where id = 1", "public.sample", "update public.sample set ratio = 0 where id = 1",
    ),
    "jsonb": ("update public.sample set doc = '{\"n\": 7.0}' where id = 7", "public.sample", "update public.sample set doc = '{\"n\": 7}' where id = 7"),
    "an array": ("update public.sample set many = '{8,7}' where id = 7", "public.sample", "update public.sample set many = '{7,8}' where id = 7"),
}  # fmt: skip


class Standing:
    """A source, its copy that follows, the application that writes, and the function between them."""

    def __init__(self, cloud, databases, source: dict, execution: Execution, application) -> None:
        self.cloud, self.databases, self.source, self.execution, self.application = cloud, databases, source, execution, application
        self.target = target_of(databases, source["DBInstanceIdentifier"])
        self.plan = execution.plan

    def verify(self, verified: dict | None = None, call_seconds: int = 480) -> dict:
        """One call of the function."""
        plan = self.plan | {"wait": self.plan["wait"] | {"verify_call_seconds": call_seconds}}
        payload = {"plan": plan, "verified": verified or {}}
        return json.load(self.cloud.client("lambda").invoke(FunctionName="verify", Payload=json.dumps(payload))["Payload"])

    def verify_in_short_calls(self, between) -> tuple[dict, int]:
        """Calls that read one range of pages each: the last answer, and how many before it ended within a table, of which
        `between` is told."""
        verified, within = {}, 0
        for _ in range(60):
            answer = self.verify(verified, call_seconds=0)
            if answer.get("ready") is not False:
                return answer, within
            before, verified = verified, answer["verified"]
            if "unfinished" in verified.get("app", {}):
                within += 1
                verified = between(before, verified, within) or verified
        raise AssertionError(f"60 calls were not enough: {answer}")

    def session(self, instance: dict):
        return self.databases.connect(instance, "app")

    def kept_snapshots(self) -> list[list[int]]:
        """The sessions that keep a snapshot for the next call: of the source, and of the copy."""
        query = "select pid from pg_stat_activity where application_name = %s and state = 'active'"
        found = []
        for instance in self.source, self.target:
            with self.session(instance) as session:
                found.append(values(session, query, (f"{self.plan['names']['run']}_verify",)))
        return found

    def wait_for_kept_snapshots(self, number: int) -> None:
        """A session that was told to end takes a moment."""
        wait_until(self.kept_snapshots, lambda kept: [len(pids) for pids in kept] == [number] * 2, "the snapshots that are kept", 20)


def assert_equal(answer: dict) -> None:
    assert answer.get("ready"), answer
    found = answer["verified"]["app"]
    assert found["rows"] > BIG_ROWS + 700 and found["tables"] == 6 and "unfinished" not in found, answer


@pytest.fixture(scope="module", params=(12, 17))
def standing(request, cloud, databases, key_arn):
    name = f"verified-{request.param}"
    source = make_source(cloud, name, request.param)
    with databases.connect(source, "app") as session:
        session.execute(TABLES)
    with writing(cloud, name) as application:
        execution = Execution(cloud, f"verify-{name}", make_request(name, cutover={"secrets": [secret_name(name)]}))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        standing = Standing(cloud, databases, source, execution, application)
        with standing.session(standing.target) as session:
            session.execute("create schema aside")
            session.execute("create table aside.sample as select * from public.sample")
        yield standing


@pytest.mark.parametrize("case", TAMPERING)
def test_what_was_done_to_the_copy_is_found(standing, case):
    tamper, table, repair = TAMPERING[case]
    with standing.session(standing.target) as session:
        assert session.execute(tamper).rowcount > 0
        answer = standing.verify()
        assert answer.get("errorType") == "DataDiffers" and table in answer["errorMessage"], answer
        session.execute(repair)


def test_what_was_made_good_and_what_changes_all_the_time_is_no_difference(standing):
    for _ in range(3):
        count = standing.application.count
        assert_equal(standing.verify())
        assert standing.application.count > count


def test_calls_go_on_in_the_middle_of_a_table(standing):
    def change_what_was_read_and_what_was_not(_before, _after, within: int) -> None:
        standing.wait_for_kept_snapshots(1)
        with standing.session(standing.source) as session:
            session.execute("update public.big set told = told || '.' where id %% 50 = %s", (within,))

    answer, within = standing.verify_in_short_calls(change_what_was_read_and_what_was_not)
    assert_equal(answer)
    assert within > 0
    standing.wait_for_kept_snapshots(0)


def test_a_difference_is_found_across_calls(standing):
    def nothing(*_) -> None: ...

    with standing.session(standing.target) as session:
        session.execute("update public.big set told = upper(told) where id = 9")
        answer, within = standing.verify_in_short_calls(nothing)
        assert answer.get("errorType") == "DataDiffers" and "public.big" in answer["errorMessage"], answer
        assert within > 0
        standing.wait_for_kept_snapshots(0)
        session.execute("update public.big set told = lower(told) where id = 9")


def test_a_call_may_be_repeated_and_its_snapshot_may_be_gone(standing):
    def repeat(before: dict, _after: dict, within: int) -> dict | None:
        if within == 1:
            return before
        if within == 2:
            (ours, _) = standing.kept_snapshots()
            with standing.session(standing.source) as session:
                session.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) pid", (ours,))
        return None

    answer, within = standing.verify_in_short_calls(repeat)
    assert_equal(answer)
    assert within > 2


def test_a_table_that_is_rewritten_meanwhile_is_read_again(standing):
    """Symptom: rows moved to other pages are counted twice, or not at all; a snapshot does not see that."""

    def rewrite(_before, _after, within: int) -> None:
        if within == 1:
            with standing.session(standing.source) as session:
                session.execute("vacuum full public.big")

    answer, within = standing.verify_in_short_calls(rewrite)
    assert_equal(answer)
    assert within > 0


def test_writers_do_not_wait_for_a_copy_that_is_behind(standing):
    """Symptom: while the copy drained, writers stood behind our locks, for seconds, and then the run failed."""
    marks = f"select count(*) from {standing.plan['names']['run']}.marks"
    with standing.session(standing.source) as source, standing.session(standing.target) as target, ThreadPoolExecutor() as pool:
        (before,) = values(source, marks)
        target.execute("begin")
        target.execute("lock table public.thing in access exclusive mode")
        answer = pool.submit(standing.verify)
        try:
            wait_until(lambda: values(source, marks), lambda found: found[0] > before, "a mark on the source", 20)
            count = standing.application.count
            wait_until(lambda: standing.application.count, lambda now: now > count + 200, "writes behind the mark", 20)
            assert not answer.done()
        finally:
            target.execute("rollback")
        assert_equal(answer.result())


def test_the_output_has_what_was_verified_and_no_snapshot_is_kept_any_more(standing):
    answer = standing.verify(call_seconds=0)
    while "unfinished" not in answer["verified"]["app"]:
        answer = standing.verify(answer["verified"], call_seconds=0)
    standing.wait_for_kept_snapshots(1)
    with standing.session(standing.target) as session:
        # Not the source's: it would be drift, and hold the cutover up.
        session.execute("drop schema aside cascade")
    approve(standing.cloud, standing.source["DBInstanceIdentifier"], standing.execution.name)
    described = standing.execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(standing.execution.events()))
    standing.wait_for_kept_snapshots(0)
    found = standing.execution.output["databases"]["app"]
    assert (found["tables"], found["verified"]) == (6, "rows") and found["rows"] > BIG_ROWS + 700


@pytest.mark.parametrize("major", [12, 17])
def test_rows_are_compared_in_many_calls_and_once_more_in_the_write_pause(cloud, databases, key_arn, major):
    identifier = f"verified-twice-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute(TABLES.replace(str(BIG_ROWS), "20000"))
    request = make_request(identifier)
    request["cutover"] |= {"verify_in_pause": True}
    request["wait"] |= {"verify_call_seconds": 0}
    moved = move(cloud, source, request, key_arn)
    moved.assert_nothing_lost()
    assert moved.states.count("WatchDuringVerify") >= 2
    assert moved.execution.output["report"]["verified_in_pause"] is True
    report = read_report(cloud, moved.execution.name).json
    assert [phase["phase"] for phase in report["pause"]["phases"]] == ["locks", "drain", "sequences", "rows", "fence", "switch"]
    assert_each_table_once(report, moved.execution.output, 6)


def assert_each_table_once(report: dict, output: dict, tables: int) -> None:
    """However many calls have told of them."""
    (app,) = (each for each in report["databases"] if each["name"] == "app")
    names = [each["table"] for each in app["compared"]]
    assert len(set(names)) == len(names) == app["tables"] == output["databases"]["app"]["tables"] == tables
    assert sum(each["rows"] for each in app["compared"]) == output["databases"]["app"]["rows"]


def test_more_tables_than_an_answer_may_name_take_another_call(cloud, databases, key_arn):
    """Symptom: `States.DataLimitExceeded`, which nothing repeats."""
    source = make_source(cloud, "many-tables", 17)
    with databases.connect(source, "app") as session:
        session.execute("""
            do $$ begin
              for n in 1..500 loop execute format('create table public.%I (id int primary key)', repeat('"', 40) || n); end loop;
            end $$""")
    moved = move(cloud, source, make_request("many-tables"), key_arn)
    moved.assert_nothing_lost()
    assert moved.states.count("Verify") > 1
    # With the application's ledger and what it changes.
    assert_each_table_once(read_report(cloud, moved.execution.name).json, moved.execution.output, 503)


def test_a_row_that_differs_only_in_the_write_pause_stops_it_there(cloud, databases, key_arn):
    source = make_source(cloud, "differs-late", 16)
    cutover = {"secrets": [secret_name("differs-late")], "verify_in_pause": True}
    with undone(cloud, source, "late", "DataDiffers", cutover=cutover) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(target_of(databases, "differs-late"), "app") as copy:
            copy.execute("update public.thing set told = 'another' where id = 555")
        approve(cloud, "differs-late", execution.name)


def test_a_comparison_that_takes_longer_than_the_write_pause_may_lets_writes_go_on(cloud, databases, key_arn):
    """Symptom: writes stand for as long as it takes to read everything."""
    source = make_source(cloud, "slow-compare", 17)
    with databases.connect(source, "app") as session:
        # Small on disk, and gigabytes to unpack and hash.
        session.execute("create table public.long as select repeat('long ', 2000000) from generate_series(1, 120)")
    cutover = {"verify_in_pause": True, "max_write_pause_seconds": 1, "when": "now"}
    with undone(cloud, source, "slow-compare", "DrainTimeout", cutover=cutover, verify="rows") as execution:
        execution.wait(LIMIT_SECONDS)
