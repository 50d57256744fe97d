"""Runs every function once with `sam local invoke`, in a container, on its event, against a local cloud.

Says of each whether its answer is right. Exit status 0 means that all were, or that no Docker engine can be had, which it says.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from demo.databases import MASTER, MASTER_PASSWORD, Databases
from demo.local_cloud import LocalCloud, binaries_directory
from demo.shop import make_secret

from . import image, templates
from .cases import CASES, Case
from .engine import NoEngine, running_engine

EVENTS = templates.REPOSITORY / "events"
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
SOURCE_PORT = 5432
INVOCATION_LIMIT_SECONDS = 300


def main() -> None:
    arguments = _arguments()
    cases = [case for case in CASES if arguments.only in (None, case.function)]
    variables = json.loads((EVENTS / "env.json").read_text())["Parameters"]
    with contextlib.ExitStack() as at_end:
        try:
            environment = at_end.enter_context(running_engine(arguments.cache))
            print("image:", image.provide(environment, ARCHITECTURE, [arguments.binaries / case.function for case in cases]))
        except NoEngine as reason:
            print(f"sam local: skipped, since {reason}")
            return
        port = str(urlsplit(variables["AWS_ENDPOINT_URL"]).port)
        cloud = at_end.enter_context(LocalCloud("--port", port, "--binaries", str(arguments.binaries)))
        _fill(cloud)
        directory = Path(at_end.enter_context(tempfile.TemporaryDirectory(prefix="sam-local-")))
        template = templates.write(directory, arguments.binaries, Path(cloud.ca_file), variables)
        sam = [arguments.cache / "linters/venv/bin/python", "-m", "sam_local.sam", "local", "invoke"]
        problems = [case for case in cases if not _holds(case, [*sam, "--template", template], environment)]
    sys.exit(f"{len(problems)} of {len(cases)} functions: not as expected" if problems else None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sam_local", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=Path, default=binaries_directory(), help="where the functions are; default %(default)s")
    parser.add_argument("--only", metavar="FUNCTION", choices=[case.function for case in CASES], help="one function alone")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.set_defaults(cache=Path(os.environ.get("RDS_REENCRYPT_CACHE") or caches / "rds-reencrypt"))
    return parser.parse_args()


def _fill(cloud: LocalCloud) -> None:
    """What the events are about, where they say that it is."""
    databases = Databases(cloud)
    instance = databases.create("orders-db", 17, DBName="orders", Port=SOURCE_PORT)
    if instance["Endpoint"]["Port"] != SOURCE_PORT:
        sys.exit(f"127.0.0.1:{SOURCE_PORT}, where the events have their database, is taken")
    with databases.connect(instance, "orders") as session:
        session.execute("create table public.item (id serial primary key, told text not null)")
    make_secret(cloud, "orders/master", {"username": MASTER, "password": MASTER_PASSWORD})
    cloud.client("s3").create_bucket(Bucket="example", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})


def _holds(case: Case, sam: list, environment: dict[str, str]) -> bool:
    """Invokes the function, and prints one line."""
    problem = case.problem(_invoke(case.function, sam, environment))
    print(f"{'WRONG' if problem else 'ok':5} {case.function:18} {problem or ': '.join(filter(None, (case.error, case.means)))}", flush=True)
    return problem is None


def _invoke(function: str, sam: list, environment: dict[str, str]) -> dict:
    """What it says in a container of its own."""
    (resource,) = [name for name, binary in templates.functions().items() if binary == function]
    invocation = [
        *sam, resource, "--event", EVENTS / f"{function}.json", "--env-vars", EVENTS / "env.json",
        "--skip-pull-image", "--parameter-overrides", f"Architecture={ARCHITECTURE}", "--region", "eu-central-1",
    ]  # fmt: skip
    credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "SAM_CLI_TELEMETRY": "0"}
    ended = subprocess.run(invocation, env=environment | credentials, capture_output=True, text=True, timeout=INVOCATION_LIMIT_SECONDS)
    try:
        return json.loads(ended.stdout)
    except ValueError:
        sys.exit(f"sam local invoke {resource} ended with {ended.returncode}:\n{ended.stderr[-3000:]}")


if __name__ == "__main__":
    main()
