"""Builds the functions for the processors that are named, and leaves in dist/ what is deployed without Rust and SAM.

python -m package arm64 x86_64
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from demo.cache import cache_directory

from .assemble import MACHINES, REPOSITORY, assemble, finish, version

DIST = REPOSITORY / "dist"


def main() -> None:
    architectures = sys.argv[1:]
    if unknown := [each for each in architectures if each not in MACHINES]:
        sys.exit(f"{', '.join(unknown)}: there are functions for {', '.join(MACHINES)} alone")
    built = {each: build(each) for each in architectures}
    shutil.rmtree(DIST, ignore_errors=True)
    for architecture, executables in built.items():
        assemble(architecture, lambda function, home=executables: home / function / "bootstrap", DIST / architecture)
        archives = list((DIST / architecture / "functions").iterdir())
        largest = max(archive.stat().st_size for archive in archives)
        print(f"{architecture}: {version()}, {len(archives)} functions, the largest archive of {largest} bytes")
    finish(DIST)


def build(architecture: str) -> Path:
    """Where each function has a directory with its executable afterwards."""
    cache = cache_directory()
    executables = Path(os.environ["CARGO_TARGET_DIR"]) / "lambda" / architecture
    processors = f"--{architecture.replace('_', '-')}"
    command = ["cargo", "lambda", "build", "--release", "--locked", "--workspace", "--exclude", "protocol", processors]
    path = f"{cache / 'builder' / 'bin'}:{os.environ['PATH']}"
    subprocess.run([*command, "--lambda-dir", executables], cwd=REPOSITORY, env=os.environ | {"PATH": path}, check=True)
    return executables


if __name__ == "__main__":
    main()
