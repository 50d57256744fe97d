#!/usr/bin/env bash
# uv: of two dependency groups that are declared to conflict, one gets old versions because the other pins them.
#
# Seen: `old` wants click below 8.2 and urllib3 below 2; `new` wants Flask and requests, which take any newer ones. `tool.uv.conflicts` says
# that the two are never installed together, and uv.lock has a resolution for each. The one of `new` has click 8.1.8 and urllib3 1.26.20, in
# place of 8.5.0 and 2.8.0, which the same group gets in a project of its own: a version that was chosen for one resolution is preferred in the others.
# Guessed: groups that conflict are resolved apart, so what one of them pins cannot be seen in the other; that is what the declaration is for.
# Matters to: who keeps tools with old dependencies (linters, cloud command lines) in a group of their own so that they do not hold the
# rest back. They do, without a word, down to a major version without support. A lower bound in the other group prevents it.
#
# Versions: uv 0.13.9, the index as of 2026-11-01. Output:
#   beside old  click==8.1.8 urllib3==1.26.20
#   alone       click==8.5.0 urllib3==2.8.0
set -euo pipefail

work=$(mktemp -d)
finish() {
  (($? == 0)) || echo 'This is not what the header says.' >&2
  rm -rf "$work"
}
trap finish EXIT
python3 -m venv "$work/venv"
export PATH=$work/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
export UV_SYSTEM_CERTS=true UV_PYTHON_DOWNLOADS=never UV_CACHE_DIR=$work/cache UV_EXCLUDE_NEWER=2026-11-01T00:00:00Z
pip install --quiet uv==0.13.9

versions() {
  mkdir "$work/$1"
  cd "$work/$1"
  cat > pyproject.toml
  uv lock --quiet
  uv export --quiet --locked --only-group new --no-hashes | grep -oE '^(click|urllib3)==[0-9.]+' | paste -sd' '
}

NEW='new = ["flask==3.1.3", "requests==2.34.2"]'
beside=$(versions beside << TOML
[project]
name = "two-groups"
version = "1"
requires-python = ">=3.11"

[dependency-groups]
old = ["click<8.2", "urllib3<2"]
$NEW

[tool.uv]
package = false
conflicts = [[{ group = "old" }, { group = "new" }]]
TOML
)
alone=$(versions alone << TOML
[project]
name = "one-group"
version = "1"
requires-python = ">=3.11"

[dependency-groups]
$NEW

[tool.uv]
package = false
TOML
)
printf '%-11s %s\n' 'beside old' "$beside" alone "$alone" | tee "$work/seen"

sed -n 's/^#   //p' "$0" | diff - "$work/seen"
