"""Checks state machines against AWS's rules: python -m aws_rules FILE ..."""

import sys
from pathlib import Path

from .definition import problems


def main() -> None:
    found = [f"{file}: {problem}" for file in sys.argv[1:] for problem in problems(Path(file).read_text())]
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
