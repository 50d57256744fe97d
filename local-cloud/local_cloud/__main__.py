"""A cloud on this machine: moto's server, with real PostgreSQL, real functions and a Step Functions that executes.

Stays in the foreground. Prints what a shell has to export, one a line, and then `ready`. Ends with Ctrl-C or SIGTERM,
and everything that it started ends with it.
"""

import argparse
import contextlib
import faulthandler
import functools
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from local_cloud import (
    api,
    at_scale,
    cbor,
    cloudformation,
    lambdas,
    rds,
    secret_versions,
    serverless,
    simulator,
    stack,
    stepfunctions,
    time_scale,
    without_servers,
)  # fmt: skip
from local_cloud.access import Access
from local_cloud.faults import Faults

# Not us-east-1: there version 1 of the aws command sends its RDS calls to AWS, whatever AWS_ENDPOINT_URL says.
REGION = "eu-central-1"


def main(defaults: list[str] | None = None, functions: type[lambdas.Lambdas] | None = None) -> None:
    """`defaults` are options that those on the command line override; `functions` answers for the functions of a cloud without servers."""
    arguments = _arguments(defaults or [])
    _end_on_signals()
    # Nothing of the operator's own AWS settings may reach the clients in this process.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_DEFAULT_REGION"] = REGION
    # Requests, and executions that fail, would drown what matters; an execution's history has its failure.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    # For whoever waits for its end: where its threads are.
    faulthandler.register(signal.SIGUSR1)
    with contextlib.ExitStack() as at_end:
        try:
            listener = at_end.enter_context(socket.create_server(("127.0.0.1", arguments.port)))
        except OSError as error:
            sys.exit(f"cannot listen on 127.0.0.1:{arguments.port}: {os.strerror(error.errno)}")
        for name, value in _start(arguments, functions or lambdas.Lambdas, listener, at_end).items():
            print(f"export {name}={value}")
        print("ready", flush=True)
        # Not signal.pause(): a signal may reach another thread, and this one, which has to end on it, would sleep on.
        while True:
            time.sleep(1)


def _arguments(defaults: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local_cloud", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--port", type=int, default=int(os.environ.get("CLOUD_PORT", "4566")),
        help="port on 127.0.0.1, 0 for any free one; default $CLOUD_PORT, else 4566",
    )  # fmt: skip
    parser.add_argument("--directory", type=Path, help="where servers and logs live, and stay; default one that goes")
    parser.add_argument(
        "--cache", type=Path, default=os.environ.get("LOCAL_CLOUD_CACHE"),
        help="where PostgreSQL and Lambda's runtime emulator are installed; default $LOCAL_CLOUD_CACHE",
    )  # fmt: skip
    parser.add_argument("--template", type=Path, help="a SAM template to deploy; default none")
    parser.add_argument("--binaries", type=Path, help="where the binaries of the template's functions are")
    parser.add_argument("--stack-name", default="local")
    parser.add_argument(
        "--export", action="append", default=[], metavar="NAME=OUTPUT", help="print an output of the stack as a variable of the shell",
    )  # fmt: skip
    parser.add_argument(
        "--without-servers", action="store_true",
        help="RDS as on AWS but without PostgreSQL, and a simulation in place of the functions that would talk to it",
    )  # fmt: skip
    parser.add_argument(
        "--time-scale", type=float, default=1,
        help="how many times faster RDS, Wait states and retries are; with --without-servers alone",
    )  # fmt: skip
    parser.add_argument(
        "--cpu-of-mb", type=_memory, metavar="MB",
        help="give every function the share of a processor that so much memory buys on Lambda, `template` for what the template "
        "gives it; needs root; default all there is",
    )  # fmt: skip
    arguments = parser.parse_args([*defaults, *sys.argv[1:]])
    if not arguments.cache:
        parser.error("--cache, or LOCAL_CLOUD_CACHE, has to say where its servers are installed")
    if arguments.time_scale != 1 and not arguments.without_servers:
        parser.error("--time-scale goes with --without-servers alone: PostgreSQL runs at its own pace")
    return arguments


def _memory(text: str) -> int | str:
    return text if text == lambdas.TEMPLATE else int(text)


def _end_on_signals() -> None:
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(*_) -> None:
        for each in ends:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(0)

    for each in ends:
        signal.signal(each, end)


def _start(arguments: argparse.Namespace, kind: type[lambdas.Lambdas], listener: socket.socket, at_end: contextlib.ExitStack) -> dict[str, str]:
    """Starts everything, and hands back what a client has to know."""
    port = listener.getsockname()[1]
    endpoint_url = f"http://127.0.0.1:{port}"
    directory = _directory(arguments.directory, at_end)
    os.environ["MOTO_PORT"] = str(port)
    cloudformation.install()
    serverless.install()
    stepfunctions.install()
    secret_versions.install()
    simulator.install()
    at_scale.remember()
    faults = Faults()
    databases = _rds(arguments, directory / "rds", faults)
    at_end.callback(databases.stop)
    functions = lambdas.install(
        arguments.cache / "rie" / "aws-lambda-rie", directory / "lambda", endpoint_url, databases.ca_file, faults,
        kind if arguments.without_servers else lambdas.Lambdas, arguments.cpu_of_mb,
    )  # fmt: skip
    at_end.callback(functions.stop)
    _serve(listener, functions, databases, at_end)
    exports = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "RDS_CA_FILE": str(databases.ca_file),
    }
    if arguments.template:
        try:
            outputs = stack.deploy(arguments.template, arguments.binaries, endpoint_url, REGION, arguments.stack_name)
        except stack.NotDeployable as error:
            sys.exit(f"cannot deploy {arguments.template}: {error}")
        wanted = (each.split("=", 1) for each in arguments.export)
        exports |= {name: outputs[output] for name, output in wanted if output in outputs}
    return exports


def _rds(arguments: argparse.Namespace, directory: Path, faults: Faults) -> rds.Rds:
    postgres = arguments.cache / "postgres"
    if not arguments.without_servers:
        return rds.install(directory, postgres, faults)
    at_scale.look_up_operations_once()
    at_scale.follow_paths()
    at_scale.invoke_at_once()
    at_scale.keep_little()
    time_scale.divide_waits(arguments.time_scale)
    pace = without_servers.pace(arguments.time_scale)
    return rds.install(directory, postgres, faults, pace, without_servers.RdsWithoutServers)


def _directory(wished: Path | None, at_end: contextlib.ExitStack) -> Path:
    if wished:
        wished.mkdir(parents=True, exist_ok=True)
        return wished.resolve()
    directory = Path(tempfile.mkdtemp(prefix="local-cloud-"))
    # Servers run as another user, who has to get through.
    directory.chmod(0o755)
    at_end.callback(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _serve(listener: socket.socket, functions: lambdas.Lambdas, databases: rds.Rds, at_end: contextlib.ExitStack) -> None:
    moto = DomainDispatcherApplication(create_backend_app)
    # moto looks through two hundred directories for every request, and lets none pass meanwhile.
    moto.get_backend_for_host = functools.cache(moto.get_backend_for_host)
    access = Access(functions.faults)
    application = api.beside(access.guarding(cbor.spoken_by(moto)), functions, databases, access)
    host, port = listener.getsockname()
    server = make_server(host, port, application, threaded=True, request_handler=MotoRequestHandler, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at_end.callback(server.shutdown)


if __name__ == "__main__":
    main()
