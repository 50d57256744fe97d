"""The local cloud with this product's stack deployed, but for `--no-stack`: `python -m cloud --help`."""

import os
import sys
from pathlib import Path

from cloud.simulated import SimulatedLambdas
from demo.cache import cache_directory
from local_cloud.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]
# What a client has to know of the stack's outputs.
EXPORTS = {
    "STATE_MACHINE_ARN": "StateMachineArn",
    "TOPIC_ARN": "TopicArn",
    "REPORT_BUCKET": "ReportBucket",
    "DOCTOR_FUNCTION_ARN": "DoctorFunctionArn",
    "FLEET_STATE_MACHINE_ARN": "FleetStateMachineArn",
    "FLEET_BUCKET": "FleetBucket",
    "FLEET_TOPIC_ARN": "FleetTopicArn",
}


if __name__ == "__main__":
    cache = cache_directory()
    target = Path(os.environ.get("CARGO_TARGET_DIR", cache / "target"))
    defaults = ["--cache", cache, "--binaries", target / "release", "--stack-name", "rds-reencrypt"]
    if "--no-stack" in sys.argv:
        sys.argv.remove("--no-stack")
    else:
        defaults += ["--template", REPOSITORY / "template.yaml"]
        defaults += [option for name, output in EXPORTS.items() for option in ("--export", f"{name}={output}")]
    main(list(map(str, defaults)), SimulatedLambdas)
