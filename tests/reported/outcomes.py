"""How a reported case may end, each way checked in the databases and the control plane: nothing lost, nothing left."""

import contextlib
import itertools
from collections.abc import Callable, Iterator

from demo.databases import Databases
from demo.executions import Execution
from demo.local_cloud import LocalCloud
from executions.runs import finish, name_of, undone, writing
from executions.sources import make_request
from executions.test_refusals import refuse

# A source may be given back more than once.
NUMBERS = itertools.count()


class Outcome:
    """The end of one case. `tell` takes the line that the summary shows for it."""

    def __init__(self, cloud: LocalCloud, key_arn: str, tell: Callable[[str], None]) -> None:
        self.cloud, self.key_arn, self._tell = cloud, key_arn, tell

    @contextlib.contextmanager
    def carried(self, instance: dict, **members) -> Iterator[Execution]:
        """The execution succeeds whatever the block does meanwhile; no write is lost or doubled, all tables are equal, and
        nothing of the run is left. `members` are those of the request."""
        identifier = name_of(instance)
        with writing(self.cloud, identifier) as application:
            execution = Execution(self.cloud, f"carried-{identifier}", make_request(identifier, **members))
            yield execution
            finish(self.cloud, Databases(self.cloud), instance, execution, application, self.key_arn).assert_nothing_lost()
        self._tell("carried and equal")

    def refused(self, instance: dict, error: str, *named: str, **members) -> None:
        """The execution ends in `Refused` with this error; its cause has all these words; nothing was made or changed."""
        refuse(self.cloud, instance, make_request(name_of(instance), **members), error, *named)
        self._tell(f"refused as {error}, nothing made: {', '.join(named)}")

    @contextlib.contextmanager
    def given_back(self, instance: dict, error: str, *named: str, **members) -> Iterator[Execution]:
        """The execution stops with this error, whose cause has all these words, and everything is as it was before."""
        with undone(self.cloud, instance, f"{name_of(instance)}-{next(NUMBERS)}", error, **members) as execution:
            yield execution
        cause = execution.describe()["cause"]
        for word in named:
            assert word in cause, cause
        self._tell(f"given back as {error}: {', '.join(named)}")
