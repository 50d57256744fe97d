"""Where tests/install has put what it installed."""

import os
from pathlib import Path


def cache_directory() -> Path:
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("RDS_REENCRYPT_CACHE") or caches / "rds-reencrypt")
