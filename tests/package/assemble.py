"""What is deployed without Rust and SAM: a directory with a template, and all that it names beside it.

The archives are made here, since those of `cargo lambda build --output-format zip` bear the time of the build: with them each
package would make a new version of each function, whether its code has changed or not.
"""

import hashlib
import os
import shutil
import stat
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import yaml
from samtranslator.yaml_helper import yaml_parse

REPOSITORY = Path(__file__).resolve().parents[2]
# Of an executable for them (ELF, e_machine).
MACHINES = {"arm64": 183, "x86_64": 62}
# The first moment that an archive knows.
TIME = (1980, 1, 1, 0, 0, 0)
MARKETPLACE = "AWS::ServerlessRepo::Application"


class NotForThese(Exception):
    """An executable is for other processors than the package."""


def version() -> str:
    return tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def assemble(architecture: str, executable: Callable[[str], Path], directory: Path) -> None:
    """After it, the directory has the package for these processors; `executable` is where that of a function is."""
    template = _Package(architecture, executable, directory).template("template.yaml")
    application = template["Metadata"][MARKETPLACE]
    for file in (application["ReadmeUrl"], application["LicenseUrl"]):
        shutil.copy(REPOSITORY / file, directory / file)
    application["SemanticVersion"] = version()
    _write(template, directory / "template.yaml")


class _Package:
    def __init__(self, architecture: str, executable: Callable[[str], Path], directory: Path) -> None:
        self._architecture, self._executable, self._directory = architecture, executable, directory

    def template(self, file: str) -> dict:
        """A template of the repository, whose functions are archives; what it refers to is in the package afterwards."""
        template, home = yaml_parse((REPOSITORY / file).read_text()), os.path.dirname(file)
        if architecture := template["Parameters"].get("Architecture"):
            architecture |= {"Default": self._architecture, "AllowedValues": [self._architecture]}
        for resource in template["Resources"].values():
            match resource["Type"]:
                case "AWS::Serverless::Function":
                    archive = self._archive(resource.pop("Metadata")["BuildProperties"]["Binary"])
                    resource["Properties"]["CodeUri"] = os.path.relpath(archive, home or ".")
                case "AWS::Serverless::StateMachine":
                    definition = os.path.normpath(os.path.join(home, resource["Properties"]["DefinitionUri"]))
                    self._place(definition).write_bytes((REPOSITORY / definition).read_bytes())
                case "AWS::Serverless::Application":
                    nested = os.path.normpath(os.path.join(home, resource["Properties"]["Location"]))
                    _write(self.template(nested), self._place(nested))
        return template

    def _archive(self, function: str) -> str:
        content = self._executable(function).read_bytes()
        if int.from_bytes(content[18:20], "little") != MACHINES[self._architecture]:
            raise NotForThese(f"{self._executable(function)} is not for {self._architecture}")
        name = f"functions/{function}.zip"
        with zipfile.ZipFile(self._place(name), "w", zipfile.ZIP_DEFLATED) as archive:
            entry = zipfile.ZipInfo("bootstrap", TIME)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o755) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
        return name

    def _place(self, name: str) -> Path:
        place = self._directory / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def _write(template: dict, file: Path) -> None:
    file.write_text(yaml.safe_dump(template, sort_keys=False, allow_unicode=True, width=150))


def finish(directory: Path) -> None:
    """Says which version it is, and how one finds out that it is whole."""
    (directory / "VERSION").write_text(f"{version()}\n")
    files = sorted(file.relative_to(directory) for file in directory.rglob("*") if file.is_file())
    sums = (f"{hashlib.sha256((directory / file).read_bytes()).hexdigest()}  {file}\n" for file in files)
    (directory / "SHA256SUMS").write_text("".join(sums))
