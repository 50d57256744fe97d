"""The cases of `make sam-local`, which needs a Docker engine and is not run here."""

import json

import pytest

from sam_local import templates
from sam_local.cases import CASES, Case

KNOWN = Case("f", "is so", {"plan.major": 17, "findings": ...})
REFUSED = Case("f", "is not so", error="RestoreFailed")


def test_every_function_of_the_templates_has_a_case_and_no_other():
    assert sorted(case.function for case in CASES) == sorted(templates.functions().values())


@pytest.mark.parametrize(
    "case, said, problem",
    [
        (KNOWN, {"plan": {"major": 17}, "findings": []}, None),
        (KNOWN, {"plan": {"major": 16}, "findings": []}, "answers {'plan.major': 16}"),
        (KNOWN, {"plan": {"major": 17}}, "answers {'findings': None}"),
        (KNOWN, {"errorType": "Internal", "errorMessage": "broken"}, "Internal: broken"),
        (REFUSED, {"errorType": "RestoreFailed", "errorMessage": "gone"}, None),
        (REFUSED, {"errorType": "Internal", "errorMessage": "broken"}, "Internal: broken"),
        (REFUSED, {"ready": True}, "answers, where RestoreFailed is right: {'ready': True}"),
    ],
)
def test_an_answer_is_right_or_what_is_wrong_is_said(case, said, problem):
    assert case.problem(said) == problem


def test_templates_keep_all_but_the_packages_and_the_variables(tmp_path):
    binaries, directory = tmp_path / "binaries", tmp_path / "written"
    binaries.mkdir()
    for name in templates.functions().values():
        (binaries / name).write_text(name)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("authority")
    directory.mkdir()
    template = json.loads(templates.write(directory, binaries, ca_file, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}).read_text())
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert sorted(variables) == ["AWS_ENDPOINT_URL", "RDS_CA_FILE", "RUST_LOG"]
    assert (variables["RUST_LOG"], variables["AWS_ENDPOINT_URL"]) == ("info", "http://127.0.0.1:1")
    package = template["Resources"]["CutoverFunction"]["Properties"]["CodeUri"]
    assert (directory / "packages" / "cutover").samefile(package)
    assert (directory / "packages" / "cutover" / "bootstrap").read_text() == "cutover"
    assert template["Resources"]["CutoverFunction"]["Properties"]["Timeout"] == 300
    assert (directory / "infra" / "fleet.yaml").is_file() and (directory / "infra" / "endpoints.yaml").is_file()
