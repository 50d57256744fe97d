"""Runs every function once on its event against a local cloud: with `cargo lambda invoke`, and in a container with `sam local invoke`.

Says of each whether its answer is right. Exit status 0 means that all were; where no Docker engine can be had, it says so.
"""

import argparse
import contextlib
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from demo.cache import cache_directory
from demo.databases import MASTER, MASTER_PASSWORD, Databases
from demo.local_cloud import LocalCloud, binaries_directory
from demo.shop import make_secret

from . import cargo_lambda, image, templates
from .cases import CASES, Case
from .engine import NoEngine, running_engine

EVENTS = templates.REPOSITORY / "events"
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
SOURCE_PORT = 5432
INVOCATION_LIMIT_SECONDS = 300
REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
# A function by its binary's name, and what it answers.
Invoke = Callable[[str], dict]


def main() -> None:
    arguments = _arguments()
    cases = [case for case in CASES if arguments.only in (None, case.function)]
    problems = 0
    for means, way in {"cargo lambda invoke": by_cargo_lambda, "sam local invoke": in_containers}.items():
        print(f"{means}:")
        try:
            with way(arguments, cases) as invoke:
                problems += sum(not _holds(case, invoke) for case in cases)
        except NoEngine as reason:
            print(f"skipped, since {reason}")
    sys.exit(f"{problems} answers are not as expected" if problems else None)


@contextlib.contextmanager
def by_cargo_lambda(arguments: argparse.Namespace, _: list[Case]) -> Iterator[Invoke]:
    with filled_cloud(arguments) as (cloud, variables, directory):
        own = variables | CREDENTIALS | {"RDS_CA_FILE": str(cloud.ca_file), "AWS_REGION": REGION, "REPORT_BUCKET": "example", "LOG_GROUP": "example"}
        with cargo_lambda.watching(arguments.cache / "builder", own, directory / "watch.log") as invoke:
            yield lambda function: invoke(function, EVENTS / f"{function}.json")


@contextlib.contextmanager
def in_containers(arguments: argparse.Namespace, cases: list[Case]) -> Iterator[Invoke]:
    with running_engine(arguments.cache) as environment:
        print("image:", image.provide(environment, ARCHITECTURE, [arguments.binaries / case.function for case in cases]))
        with filled_cloud(arguments) as (cloud, variables, directory):
            template = templates.write(directory, arguments.binaries, Path(cloud.ca_file), variables)
            sam = [arguments.cache / "linters/venv/bin/python", "-m", "sam_local.sam", "local", "invoke", "--template", template]
            yield lambda function: _invoke(function, sam, environment)


@contextlib.contextmanager
def filled_cloud(arguments: argparse.Namespace) -> Iterator[tuple[LocalCloud, dict[str, str], Path]]:
    """A cloud of its own, with what the events are about, where they say that it is; the variables that lead there; a directory."""
    variables = json.loads((EVENTS / "env.json").read_text())["Parameters"]
    port = str(urlsplit(variables["AWS_ENDPOINT_URL"]).port)
    with LocalCloud("--port", port, "--binaries", str(arguments.binaries)) as cloud, tempfile.TemporaryDirectory(prefix="sam-local-") as directory:
        _fill(cloud)
        yield cloud, variables, Path(directory)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sam_local", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=Path, default=binaries_directory(), help="where the functions are; default %(default)s")
    parser.add_argument("--only", metavar="FUNCTION", choices=[case.function for case in CASES], help="one function alone")
    parser.set_defaults(cache=cache_directory())
    return parser.parse_args()


def _fill(cloud: LocalCloud) -> None:
    databases = Databases(cloud)
    instance = databases.create("orders-db", 17, DBName="orders", Port=SOURCE_PORT)
    if instance["Endpoint"]["Port"] != SOURCE_PORT:
        sys.exit(f"127.0.0.1:{SOURCE_PORT}, where the events have their database, is taken")
    with databases.connect(instance, "orders") as session:
        session.execute("create table public.item (id serial primary key, told text not null)")
    make_secret(cloud, "orders/master", {"username": MASTER, "password": MASTER_PASSWORD})
    cloud.client("s3").create_bucket(Bucket="example", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})


def _holds(case: Case, invoke: Invoke) -> bool:
    """Invokes the function, and prints one line."""
    problem = case.problem(invoke(case.function))
    print(f"{'WRONG' if problem else 'ok':5} {case.function:18} {problem or ': '.join(filter(None, (case.error, case.means)))}", flush=True)
    return problem is None


def _invoke(function: str, sam: list, environment: dict[str, str]) -> dict:
    """What it says in a container of its own."""
    (resource,) = [name for name, binary in templates.functions().items() if binary == function]
    invocation = [
        *sam, resource, "--event", EVENTS / f"{function}.json", "--env-vars", EVENTS / "env.json",
        "--skip-pull-image", "--parameter-overrides", f"Architecture={ARCHITECTURE}", "--region", REGION,
    ]  # fmt: skip
    own = CREDENTIALS | {"SAM_CLI_TELEMETRY": "0"}
    ended = subprocess.run(invocation, env=environment | own, capture_output=True, text=True, timeout=INVOCATION_LIMIT_SECONDS)
    try:
        return json.loads(ended.stdout)
    except ValueError:
        sys.exit(f"sam local invoke {resource} ended with {ended.returncode}:\n{ended.stderr[-3000:]}")


if __name__ == "__main__":
    main()
