"""How a server has RDS's extension rds_tools, as the tag `cloud:rds_tools` of what it belongs to says.

`off`: not at all; `without-function`: of a minor version before the function; `not-allowed`: left out of
rds.allowed_extensions. Any other tag is a mistake of the function, see instance.py.
"""

import shutil
from pathlib import Path

TAG = "cloud:rds_tools"
ON = "on"
OFF = "off"
# What is in the extension's script instead.
SCRIPTS = {
    "without-function": "grant usage on schema rds_tools to public;",
    "not-allowed": """do $$ begin
  raise exception 'extension "rds_tools" is not allowed to be installed' using errcode = 'feature_not_supported';
end $$;""",
}


def variant(tag: str | None) -> str:
    return tag if tag == OFF or tag in SCRIPTS else ON


def make_home(installation: Path, home: Path, variant: str) -> None:
    """A copy of the installation, since a server looks for extensions beside its binary and nowhere else."""
    shutil.copytree(installation, home, symlinks=True)
    for file in (home / "share/postgresql/extension").glob("rds_tools*"):
        if variant == OFF:
            file.unlink()
        elif file.suffix == ".sql":
            # The copy may be a link to the installation's own.
            file.unlink()
            file.write_text(SCRIPTS[variant])
