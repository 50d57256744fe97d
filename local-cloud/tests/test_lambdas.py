"""Lambda on the cloud: real processes, warm and cold, and failures in the shape that AWS gives them."""

import datetime
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_cloud.testing import Cloud, wait_until


@pytest.fixture
def invoke(cloud, request):
    """Invokes a function of the test's own: (payload, function error or None)."""
    name = re.sub(r"\W+", "-", request.node.name)[-64:]
    cloud.create_function(name, **getattr(request, "param", {}))
    client = cloud.client("lambda")

    def invoke(**event):
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        assert answer["StatusCode"] == 200
        return json.load(answer["Payload"]), answer.get("FunctionError")

    invoke.function = name
    return invoke


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_an_environment_is_warm_for_the_next_invocation(invoke):
    first, second = invoke()[0], invoke()[0]
    assert second["pid"] == first["pid"]
    assert second["invocations"] == 2


def test_invocations_at_the_same_time_have_environments_of_their_own(invoke):
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: invoke(seconds=0.5)[0], range(3)))
    assert len({answer["pid"] for answer in answers}) == 3


def test_a_new_build_is_taken_up_by_the_next_invocation(invoke, cloud):
    first = invoke()[0]
    bootstrap = Path(cloud.exports["RDS_CA_FILE"]).parents[1].glob(f"lambda/{invoke.function}/*/bootstrap")
    os.utime(next(bootstrap))
    assert invoke()[0]["pid"] != first["pid"]


@pytest.mark.parametrize("invoke", [{"Environment": {"Variables": {"OWN": "old"}}}], indirect=True)
def test_a_version_stays_as_it_was_published(invoke, cloud):
    client = cloud.client("lambda")
    version = client.publish_version(FunctionName=invoke.function)["FunctionArn"]
    client.update_function_configuration(FunctionName=invoke.function, Environment={"Variables": {"OWN": "new"}})
    assert invoke()[0]["variables"]["OWN"] == "new"
    answer = json.load(client.invoke(FunctionName=version, Payload="{}")["Payload"])
    assert answer["variables"]["OWN"] == "old"
    assert answer["variables"]["AWS_LAMBDA_FUNCTION_NAME"] == invoke.function


@pytest.mark.parametrize("invoke", [{"Environment": {"Variables": {"OWN": "1"}}, "MemorySize": 192, "Timeout": 7}], indirect=True)
def test_a_function_sees_its_own_variables_and_nothing_of_the_host(invoke, cloud):
    variables = invoke()[0]["variables"]
    assert variables["OWN"] == "1"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "192"
    assert variables["AWS_LAMBDA_FUNCTION_TIMEOUT"] == "7"
    assert variables["AWS_ENDPOINT_URL"] == cloud.exports["AWS_ENDPOINT_URL"]
    assert variables["RDS_CA_FILE"] == cloud.exports["RDS_CA_FILE"]
    assert "HOME" not in variables


def test_an_error_keeps_its_type_and_its_text(invoke):
    text = 'slot "a"\n\\ lost, é'
    assert invoke(fail="SlotLost", message=text) == ({"errorType": "SlotLost", "errorMessage": text}, "Unhandled")
    assert invoke()[0]["invocations"] == 2, "an error of the function does not end its environment"


@pytest.mark.parametrize("event, text", [({"exit": 3}, "exit status 3"), ({"killed": 1}, "signal: killed")])
def test_a_crash_is_an_exit_error_and_the_next_invocation_starts_anew(invoke, event, text):
    payload, error = invoke(**event)
    assert (payload["errorType"], error) == ("Runtime.ExitError", "Unhandled")
    assert text in payload["errorMessage"]
    assert invoke()[0]["invocations"] == 1


@pytest.mark.parametrize("invoke", [{"Timeout": 1}], indirect=True)
def test_a_function_over_its_time_is_killed(invoke, tmp_path):
    pid = invoke()[0]["pid"]
    payload, error = invoke(seconds=3, touch=str(tmp_path / "ran"))
    assert (payload["errorType"], error) == ("Sandbox.Timedout", "Unhandled")
    assert "Task timed out after 1.00 seconds" in payload["errorMessage"]
    wait_until(lambda: not is_alive(pid), "end of the function")
    assert not (tmp_path / "ran").exists()


def test_output_goes_to_cloudwatch_logs(invoke, cloud):
    invoke(answer="said")
    logs = cloud.client("logs")

    def lines():
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{invoke.function}", filterPattern="said")["events"]
        return [event["message"] for event in events]

    assert wait_until(lines, "the function's line") == ['event {"answer": "said"}']


def test_the_most_memory_that_a_function_had_is_told(invoke, cloud):
    invoke(allocate_mb=60)
    [usage] = [each for each in cloud.api("GET", "lambdas")["functions"] if each["name"] == invoke.function]
    assert usage["invocations"] == 1
    assert usage["max_memory_bytes"] > 60 << 20
    assert usage["memory_size_mb"] == 128


def test_a_faulty_invocation_is_the_nth_with_that_action(invoke, cloud):
    cloud.api("POST", "faults", {"function": invoke.function, "kind": "error-before", "action": "do", "nth": 2})
    errors = [invoke(action=action)[1] for action in ("do", "undo", "do", "do")]
    assert errors == [None, None, "Unhandled", None]
    cloud.api("DELETE", "faults")


@pytest.mark.parametrize(
    "kind, has_run, error_type",
    [
        ("error-before", False, "Lambda.Unknown"),
        ("error-after", True, "Lambda.Unknown"),
        ("timeout-after", True, "Sandbox.Timedout"),
        ("kill-during", False, "Runtime.ExitError"),
    ],
)
def test_a_fault_strikes_once(invoke, cloud, tmp_path, kind, has_run, error_type):
    cloud.api("POST", "faults", {"function": invoke.function, "kind": kind, "after_ms": 200})
    payload, error = invoke(seconds=0.5, touch=str(tmp_path / "ran"))
    assert (payload["errorType"], error) == (error_type, "Unhandled")
    assert (tmp_path / "ran").exists() == has_run
    assert cloud.api("GET", "faults")["faults"][-1]["struck"]
    assert invoke()[1] is None
    cloud.api("DELETE", "faults")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_functions_end_with_the_cloud(end, tmp_path):
    running = Cloud("--directory", str(tmp_path))
    running.create_function("busy")
    client = running.client("lambda")
    pid = json.load(client.invoke(FunctionName="busy", Payload="{}")["Payload"])["pid"]
    client.invoke(FunctionName="busy", InvocationType="Event", Payload='{"seconds": 600}')
    time.sleep(0.1)
    running.process.send_signal(end)
    assert running.process.wait(timeout=10) == (-end if end == signal.SIGKILL else 0)
    wait_until(lambda: not is_alive(pid), "end of the function", limit_seconds=5)


def test_a_port_that_is_taken_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "local_cloud", "--port", str(port)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_metrics_in_what_is_printed_are_cloudwatchs(invoke, cloud):
    directive = {"Namespace": "printed", "Dimensions": [[], ["Source"]], "Metrics": [{"Name": "LagBytes", "Unit": "Bytes"}]}
    now = datetime.datetime.now(datetime.UTC)
    metadata = {"Timestamp": int((now - datetime.timedelta(seconds=5)).timestamp() * 1000), "CloudWatchMetrics": [directive]}
    for source, bytes_ in (("one", 5), ("two", 7)):
        invoke(print=json.dumps({"_aws": metadata, "Source": source, "LagBytes": bytes_}))
    invoke(print='{"_aws": no JSON')

    def read(**dimensions):
        asked = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        answer = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="printed", MetricName="LagBytes", Dimensions=asked, Statistics=["Sum"], Period=60,
            StartTime=now - datetime.timedelta(minutes=1), EndTime=now,
        )  # fmt: skip
        return sum(point["Sum"] for point in answer["Datapoints"])

    wait_until(lambda: read() == 12, "metrics of both")
    assert (read(Source="one"), read(Source="two")) == (5, 7)
