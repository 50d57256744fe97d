"""Lambda: an invocation runs the function's real binary, under AWS's own Runtime Interface Emulator.

One emulator with the function's `bootstrap` below it is one execution environment: it serves one invocation at a time,
is kept warm for the next, and is thrown away after a crash or a time-out, as on AWS ("Understanding the Lambda
execution environment lifecycle" in the Lambda developer guide).

The emulator answers 200 to a function's error as well as to its result. What consists of `errorType`, `errorMessage`
and nothing but the few members that runtimes add to them is taken for an error.
"""

import base64
import contextlib
import dataclasses
import hashlib
import http.client
import io
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.core.utils import unix_time_millis

from local_cloud import embedded_metrics
from local_cloud.faults import Faults
from local_cloud.permissions import access_key_id
from local_cloud.processors import Share

_ERROR_MEMBERS = {"errorType", "errorMessage", "stackTrace", "trace", "requestId"}
_START_LIMIT_SECONDS = 20
# The emulator keeps the function's own time limit; this much later the cloud takes it for dead.
_GRACE_SECONDS = 5
# The memory, in MB, whose share of a processor every function has; `template`: each that of its own. None: all there is.
CpuOfMb = int | str | None
TEMPLATE = "template"


@dataclasses.dataclass
class _Usage:
    invocations: int = 0
    # Those that a process answered, and how long they took together.
    ran: int = 0
    seconds: float = 0
    max_memory_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Answer:
    """What an invocation gave: the payload, whether it is an error, and whether the environment can go on."""

    payload: bytes
    is_error: bool = False
    is_alive: bool = True


def _failure(error_type: str, message: str) -> Answer:
    payload = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
    return Answer(payload, is_error=True, is_alive=False)


def _service_failure() -> Answer:
    return _failure("Lambda.Unknown", "The cause could not be determined because Lambda did not return an error type.")


def _exit() -> Answer:
    return _failure("Runtime.ExitError", f"RequestId: {uuid.uuid4()} Error: Runtime exited: signal: killed")


def _time_out(seconds: int) -> Answer:
    message = f"RequestId: {uuid.uuid4()} Error: Task timed out after {seconds}.00 seconds"
    return _failure("Sandbox.Timedout", message)


class _ExecutionEnvironment:
    """One emulator and the function's process below it."""

    def __init__(self, rie: Path, bootstrap: Path, variables: dict[str, str], log, share: Share | None) -> None:
        self.configuration = _configuration(bootstrap, variables)
        self._share = share
        self._address, runtime_api = _free_addresses(2)
        # When the cloud is killed, the kernel kills the emulator, and with it the function.
        dies_with_parent = ["setpriv", "--pdeathsig", "KILL"]
        addresses = ["--runtime-interface-emulator-address", self._address, "--runtime-api-address", runtime_api]
        self._process = subprocess.Popen(
            [*dies_with_parent, *(share.enter if share else []), rie, *addresses, *dies_with_parent, bootstrap],
            env=variables,
            cwd=bootstrap.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._read_output, args=(log,), daemon=True).start()
        self._wait_until_listening()

    def _read_output(self, log) -> None:
        for line in self._process.stdout:
            if b"[INFO] (rapid)" not in line:
                # Without its log group a function goes on, and nobody reads what it prints.
                with contextlib.suppress(Exception):
                    log(line.decode(errors="replace").rstrip("\n"))

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + _START_LIMIT_SECONDS
        host, port = self._address.split(":")
        while True:
            try:
                return socket.create_connection((host, int(port)), timeout=1).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.end()
                    raise RuntimeError(f"the emulator does not listen on {self._address}") from error
                time.sleep(0.005)

    def invoke(self, payload: bytes, timeout_seconds: int) -> Answer:
        connection = http.client.HTTPConnection(self._address, timeout=timeout_seconds + _GRACE_SECONDS)
        try:
            connection.request("POST", "/2015-03-31/functions/function/invocations", payload)
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError:
            return _time_out(timeout_seconds)
        except (OSError, http.client.HTTPException):
            return _exit()
        finally:
            connection.close()
        if answer.startswith(b"Task timed out after"):
            return _time_out(timeout_seconds)
        is_error, is_alive = _looks_like_an_error(answer), response.status == 200
        # A function that was killed early leaves the emulator without anything to say.
        return Answer(answer, is_error, is_alive) if is_alive or is_error else _exit()

    def function_pid(self) -> int | None:
        """The process of the function itself, once the emulator has started it."""
        for children in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
            try:
                if pids := children.read_text().split():
                    return int(pids[0])
            except OSError:
                continue
        return None

    def peak_memory_bytes(self) -> int:
        """The most memory that the function's process has had so far; 0 when it is gone."""
        try:
            status = Path(f"/proc/{self.function_pid()}/status").read_text()
        except OSError:
            return 0
        peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(peaks[0]) * 1024 if peaks else 0

    def kill_function(self) -> bool:
        """Kills the function's process; whether there was one."""
        pid = self.function_pid()
        try:
            return bool(pid) and os.kill(pid, signal.SIGKILL) is None
        except ProcessLookupError:
            return False

    def end(self) -> None:
        """Ends both processes; the emulator last, so that it collects its child."""
        self.kill_function()
        self._process.terminate()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._share:
            self._share.end()


class Lambdas:
    """The execution environments of all functions of one cloud."""

    def __init__(self, rie: Path, directory: Path, shared_variables: dict[str, str], faults: Faults, cpu_of_mb: CpuOfMb = None) -> None:
        self.faults = faults
        self._cpu_of_mb = cpu_of_mb
        self._rie = rie
        self._directory = directory
        self._shared_variables = shared_variables
        self._idle: dict[str, list[_ExecutionEnvironment]] = {}
        self._all: set[_ExecutionEnvironment] = set()
        self._usage: dict[str, _Usage] = {}
        self._lock = threading.Lock()
        self._is_stopped = False
        # A parent's death is the death of the *thread* that forked (prctl(2), PR_SET_PDEATHSIG), so that environments
        # must be started by one that lives as long as the cloud.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")

    def invoke(self, function: LambdaFunction, payload: bytes, caller: dict) -> Answer:
        """Runs the function on the payload, in a warm environment where there is one; `caller` is the client context."""
        fault = self.faults.strike_call(function.function_name, payload, caller)
        match fault and fault.kind:
            case None:
                return self._run(function, payload)
            case "error-before":
                return _service_failure()
            case "not-ready":
                return _failure(f"Lambda.{fault.error}", "Lambda is initializing your function. It will be ready to invoke shortly.")
            case "error-after":
                self._run(function, payload)
                return _service_failure()
            case "timeout-after":
                self._run(function, payload)
                return _time_out(function.timeout)
            case "overtaken":
                self._begin(function, payload).join(fault.after_ms / 1000)
                return _time_out(function.timeout)
            case "twice":
                other = self._begin(function, payload)
                answer = self._run(function, payload)
                other.join()
                return answer
            case "kill-during":
                return self._run(function, payload, fault.after_ms / 1000)

    def _begin(self, function: LambdaFunction, payload: bytes) -> threading.Thread:
        """A call whose answer nobody gets."""
        thread = threading.Thread(target=self._run, args=(function, payload), daemon=True)
        thread.start()
        return thread

    def _run(self, function: LambdaFunction, payload: bytes, killed_after_seconds: float | None = None) -> Answer:
        usage = self._count(function)
        environment = self._take(function)
        began = time.monotonic()
        if killed_after_seconds is not None:
            threading.Timer(killed_after_seconds, self._kill, (function.function_name, environment)).start()
        answer = environment.invoke(payload, function.timeout)
        usage.ran += 1
        usage.seconds += time.monotonic() - began
        self._give_back(function.function_name, environment, answer.is_alive and killed_after_seconds is None)
        return answer

    def _count(self, function: LambdaFunction) -> _Usage:
        with self._lock:
            usage = self._usage.setdefault(function.function_name, _Usage())
            usage.invocations += 1
            return usage

    def _take(self, function: LambdaFunction) -> _ExecutionEnvironment:
        bootstrap = _unpack(function, self._directory)
        variables = self._variables(function)
        with self._lock:
            idle = self._idle.setdefault(function.function_name, [])
            while idle:
                environment = idle.pop()
                if environment.configuration == _configuration(bootstrap, variables):
                    return environment
                self._discard(environment)
        return self._starter.submit(self._start, function, bootstrap, variables).result()

    def _start(self, function: LambdaFunction, bootstrap: Path, variables: dict[str, str]) -> _ExecutionEnvironment:
        bought_by_mb = function.memory_size if self._cpu_of_mb == TEMPLATE else self._cpu_of_mb
        share = Share(bought_by_mb) if bought_by_mb else None
        environment = _ExecutionEnvironment(self._rie, bootstrap, variables, self._log_of(function), share)
        with self._lock:
            self._all.add(environment)
            if self._is_stopped:
                self._discard(environment)
        return environment

    def _variables(self, function: LambdaFunction) -> dict[str, str]:
        """The whole environment of the process: the function's variables and what Lambda sets itself."""
        given = {name: str(value) for name, value in function.environment_vars.items()}
        set_by_lambda = {
            "AWS_REGION": function.region,
            "AWS_ACCESS_KEY_ID": access_key_id(function.function_name),
            "AWS_DEFAULT_REGION": function.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "_HANDLER": function.handler,
        }
        return given | self._shared_variables | set_by_lambda

    def _log_of(self, function: LambdaFunction):
        """Where an environment's lines go: CloudWatch Logs, one stream an environment, metrics in them, and a file."""
        group, logs = function.logs_group_name, function.logs_backend
        stream = _log_stream(function)
        logs.ensure_log_group(group)
        logs.create_log_stream(group, stream)
        write = self._log_file(function)

        def log(line: str) -> None:
            logs.put_log_events(group, stream, [{"timestamp": int(unix_time_millis()), "message": line}])
            embedded_metrics.extract(line, function.region)
            write(line)

        return log

    def _log_file(self, function: LambdaFunction) -> Callable[[str], None]:
        file = (self._directory / f"{function.function_name}.log").open("a", buffering=1)
        return lambda line: file.write(line + "\n")

    def _give_back(self, name: str, environment: _ExecutionEnvironment, is_usable: bool) -> None:
        if not is_usable:
            self._note_memory(name, environment)
        with self._lock:
            if is_usable and not self._is_stopped:
                self._idle[name].append(environment)
            else:
                self._discard(environment)

    def _kill(self, name: str, environment: _ExecutionEnvironment) -> None:
        """Kills the function in mid-invocation; a cold environment may not have started it yet."""
        self._note_memory(name, environment)
        while environment in self._all and not environment.kill_function():
            time.sleep(0.001)

    def _note_memory(self, name: str, environment: _ExecutionEnvironment) -> None:
        usage = self._usage[name]
        usage.max_memory_bytes = max(usage.max_memory_bytes, environment.peak_memory_bytes())

    def _discard(self, environment: _ExecutionEnvironment) -> None:
        self._all.discard(environment)
        environment.end()

    def listing(self) -> list[dict]:
        """What each function has used so far."""
        with self._lock:
            idle = [(name, each) for name, environments in self._idle.items() for each in environments]
        for name, environment in idle:
            self._note_memory(name, environment)
        return [
            {
                "name": function.function_name,
                "memory_size_mb": function.memory_size,
                **dataclasses.asdict(self._usage.get(function.function_name, _Usage())),
            }
            for regions in lambda_backends.values()
            for backend in regions.values()
            for function in backend.list_functions()
        ]

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            for environment in list(self._all):
                self._discard(environment)
        self._starter.shutdown()


def _looks_like_an_error(answer: bytes) -> bool:
    try:
        members = json.loads(answer)
    except ValueError:
        return False
    return isinstance(members, dict) and "errorType" in members and members.keys() <= _ERROR_MEMBERS


def _log_stream(function: LambdaFunction) -> str:
    """Beside other functions' in a group, a stream has its function's name (Lambda developer guide, "Configuring
    CloudWatch log groups")."""
    date, environment = time.strftime("%Y/%m/%d", time.gmtime()), uuid.uuid4().hex
    if function.logs_group_name == f"/aws/lambda/{function.function_name}":
        return f"{date}/[{function.version}]{environment}"
    return f"{date}/{function.function_name}[{function.version}][{environment}]"


def _configuration(bootstrap: Path, variables: dict[str, str]) -> tuple:
    """What a warm environment must have in common with the function; a binary built anew differs."""
    return bootstrap, bootstrap.stat().st_mtime_ns, variables


_unpacking = threading.Lock()


def _unpack(function: LambdaFunction, directory: Path) -> Path:
    """The `bootstrap` of the function's deployment package, unpacked once for each package."""
    package = hashlib.sha256(function.code_bytes).hexdigest()[:16]
    home = directory / function.function_name / package
    with _unpacking:
        if not home.exists():
            home.mkdir(parents=True)
            with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
                for entry in archive.infolist():
                    if stat.S_ISLNK(entry.external_attr >> 16):
                        (home / entry.filename).symlink_to(archive.read(entry).decode())
                    else:
                        Path(archive.extract(entry, home)).chmod(0o755)
    return home / "bootstrap"


def _free_addresses(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


def install(
    rie: Path,
    directory: Path,
    endpoint_url: str,
    ca_file: Path,
    faults: Faults,
    kind: type[Lambdas] = Lambdas,
    cpu_of_mb: CpuOfMb = None,
) -> Lambdas:
    """Afterwards an invocation of any function in this process runs its binary; nothing of this process's own
    environment reaches it but PATH and RUST_LOG."""
    directory.mkdir(parents=True, exist_ok=True)
    embedded_metrics.install()
    own = {name: os.environ[name] for name in ("PATH", "RUST_LOG") if name in os.environ}
    lambdas = kind(
        rie,
        directory,
        own
        | {
            "AWS_SECRET_ACCESS_KEY": "function",
            "AWS_ENDPOINT_URL": endpoint_url,
            "RDS_CA_FILE": str(ca_file),
        },
        faults,
        cpu_of_mb,
    )

    def invoke(self: LambdaFunction, body, request_headers, response_headers) -> bytes:
        payload = body.encode() if isinstance(body, str) else body or b"{}"
        caller = json.loads(base64.b64decode(request_headers.get("X-Amz-Client-Context", "")) or "{}")
        match request_headers.get("X-Amz-Invocation-Type"):
            case "DryRun":
                return b""
            case "Event":
                threading.Thread(target=lambdas.invoke, args=(self, payload, caller), daemon=True).start()
                return b""
        answer = lambdas.invoke(self, payload, caller)
        if answer.is_error:
            response_headers["X-Amz-Function-Error"] = "Unhandled"
        return answer.payload

    LambdaFunction.invoke = invoke
    return lambdas
