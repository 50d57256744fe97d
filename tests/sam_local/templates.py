"""The product's own templates, with what cargo has built as the functions' packages."""

import json
import shutil
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

REPOSITORY = Path(__file__).resolve().parents[2]
# Those with functions.
TEMPLATES = ("template.yaml", "infra/fleet.yaml")


def functions() -> dict[str, str]:
    """Binary by the name of its resource."""
    templates = [yaml_parse((REPOSITORY / file).read_text()) for file in TEMPLATES]
    return {name: resource["Metadata"]["BuildProperties"]["Binary"] for template in templates for name, resource in _functions(template).items()}


def write(directory: Path, binaries: Path, ca_file: Path, variables: dict[str, str]) -> Path:
    """Copies of the templates below the directory, the outer one's file. Each function's package is its binary and the databases'
    certificate authority; the variables are declared, since `sam` hands over no others."""
    shutil.copytree(REPOSITORY / "infra", directory / "infra")
    for file in TEMPLATES:
        template = yaml_parse((REPOSITORY / file).read_text())
        template["Globals"]["Function"]["Environment"]["Variables"] |= variables
        for function in _functions(template).values():
            package = directory / "packages" / function["Metadata"]["BuildProperties"]["Binary"]
            package.mkdir(parents=True)
            shutil.copy(binaries / package.name, package / "bootstrap")
            shutil.copy(ca_file, package / "rds-ca.pem")
            function["Properties"]["CodeUri"] = str(package)
        (directory / file).write_text(json.dumps(template))
    return directory / TEMPLATES[0]


def _functions(template: dict) -> dict[str, dict]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == "AWS::Serverless::Function"}
