"""The image of Lambda's runtime: AWS's own where its registry can be reached, else a stand-in."""

import contextlib
import io
import subprocess
import tarfile
from pathlib import Path

from .engine import NoEngine

REPOSITORY = "public.ecr.aws/lambda/provided"
PULLING_LIMIT_SECONDS = 300
# What the command line's own layer on top of the image needs to be built.
COMMANDS = ("/bin/sh", "/bin/mv", "/bin/chmod")


def provide(environment: dict[str, str], architecture: str, functions: list[Path]) -> str:
    """Afterwards the engine has an image by the name that `sam` asks for, and can run it; in words, which."""
    name = f"{REPOSITORY}:al2023-{architecture}"
    said = _provide(environment, name, functions)
    trial = ["docker", "run", "--rm", "--network", "host", "--memory", "128m", "--entrypoint", "/bin/sh", name, "-c", ":"]
    ended = subprocess.run(trial, env=environment, capture_output=True, text=True, timeout=PULLING_LIMIT_SECONDS)
    if ended.returncode:
        raise NoEngine(f"the Docker engine cannot run a container: {ended.stderr.strip()}")
    return said


def _provide(environment: dict[str, str], name: str, functions: list[Path]) -> str:
    if _docker(environment, "image", "inspect", name):
        return f"{name}, which was there"
    with contextlib.suppress(subprocess.TimeoutExpired):
        if _docker(environment, "pull", "--quiet", name):
            return f"{name} from its registry"
    subprocess.run(
        ["docker", "import", "--change", "ENV PATH=/usr/bin:/bin", "--change", "WORKDIR /var/task", "-", name],
        env=environment, input=_stand_in(functions), check=True, capture_output=True,
    )  # fmt: skip
    return f"a stand-in for {name}, with this machine's C library, since its registry cannot be reached"


def _docker(environment: dict[str, str], *arguments: str) -> bool:
    return subprocess.run(["docker", *arguments], env=environment, capture_output=True, timeout=PULLING_LIMIT_SECONDS).returncode == 0


def _stand_in(functions: list[Path]) -> bytes:
    """A root file system with three commands and the libraries that they and the functions link to."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", dereference=True) as archive:
        for directory in ("tmp", "var/task", "var/rapid", "opt"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            archive.addfile(entry)
        for file in {*COMMANDS, *(library for binary in [*COMMANDS, *functions] for library in _libraries(binary))}:
            archive.add(file, arcname=file.lstrip("/"))
    return content.getvalue()


def _libraries(file: str | Path) -> list[str]:
    """Source: ldd(1)."""
    listed = subprocess.run(["ldd", file], check=True, capture_output=True, text=True).stdout
    return [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
