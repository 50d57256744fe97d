"""The cutover locks all tables at once: whether the server has room for that is told before anything is made, with the setting
that makes it."""

import pytest

from executions.sources import make_source
from executions.test_preflight_traps import ask, of

TABLES = """
do $$ begin
  for n in 1..{count} loop
    execute format('create table public.many_%s (id serial primary key)', n);
    if n % 200 = 0 then commit; end if;
  end loop;
end $$
"""


@pytest.mark.parametrize("major", [15, pytest.param(18, marks=pytest.mark.long)])
def test_more_tables_than_the_server_can_lock(cloud, databases, outcome, key_arn, major):
    parameters = {"rds.logical_replication": 1, "max_locks_per_transaction": 10, "max_connections": 40}
    group = databases.parameter_group(f"locks-{major}", major, parameters)
    instance = make_source(cloud, f"locks-{major}", major, DBParameterGroupName=group)
    assert of(ask(cloud, f"locks-{major}"), "Locks", "fine")
    with databases.connect(instance, "app") as session:
        session.execute(TABLES.format(count=800))
    outcome.refused(
        instance, "PreconditionFailed", "Locks", "max_locks_per_transaction is 10", "are needed at once", "raise max_locks_per_transaction to"
    )
