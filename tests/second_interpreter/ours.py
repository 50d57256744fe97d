"""moto's interpreter as the local cloud mends it, in this process: its clients of AWS answer for AWS, and its waits take no time."""

import datetime
import io
import json
import types

from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.utils import boto_client

from demo.waiting import wait_until
from local_cloud import stepfunctions

from .answers import Answers, Refused
from .trace import Trace

REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/states"
LIMIT_SECONDS = 120
NOW = datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC)


class Clients:
    """In place of boto3."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def client(self, service_name: str, **_) -> "Clients":
        return self

    def invoke(self, FunctionName: str, Payload: bytes, **_) -> dict:
        answer = {"StatusCode": 200, "ExecutedVersion": "1"}
        try:
            payload = self._answers.invoke(FunctionName, json.loads(Payload))
        except Refused as refused:
            payload = {"errorType": refused.error, "errorMessage": refused.message}
            answer["FunctionError"] = "Unhandled"
        return answer | {"Payload": io.BytesIO(json.dumps(payload).encode())}

    def describe_security_group_rules(self, **arguments) -> dict:
        return self._describe("rules", arguments)

    def describe_subnets(self, **arguments) -> dict:
        return self._describe("subnets", arguments)

    def describe_key(self, **arguments) -> dict:
        return self._describe("key", arguments)

    def _describe(self, what: str, arguments: dict) -> dict:
        try:
            return self._answers.describe(what, arguments)
        except Refused as refused:
            metadata = {"HTTPStatusCode": 403, "RequestId": "1"}
            error = {"Code": refused.error, "Message": refused.message}
            raise ClientError({"Error": error, "ResponseMetadata": metadata}, what) from refused

    def start_execution(self, **arguments) -> dict:
        # Not JSON yet, as the other interpreter passes it on.
        asked = {name[0].upper() + name[1:]: value for name, value in arguments.items()}
        try:
            return {"executionArn": self._answers.start(asked)["ExecutionArn"], "startDate": NOW}
        except Refused as refused:
            metadata = {"HTTPStatusCode": 400, "RequestId": "1"}
            error = {"Code": refused.error, "Message": refused.message}
            raise ClientError({"Error": error, "ResponseMetadata": metadata}, "StartExecution") from refused

    def put_events(self, Entries: list[dict]) -> dict:
        # Step Functions adds the ARNs of machine and execution by itself.
        asked = [{name: entry[name] for name in entry.keys() - {"Resources"}} | {"Detail": json.loads(entry["Detail"])} for entry in Entries]
        is_taken = self._answers.put_events(asked)
        refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "later"}
        return {"FailedEntryCount": int(not is_taken), "Entries": [{"EventId": "1"} if is_taken else refused]}


class Interpreter:
    def __init__(self, definition: str) -> None:
        stepfunctions.install()
        self._backend = models.stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID][REGION]
        self._machine = self._backend.create_state_machine("encrypt", definition, ROLE)
        retrier_decl.time = types.SimpleNamespace(sleep=lambda seconds: None)

    def run(self, name: str, answers: Answers) -> Trace:
        trace = Trace(asked=answers.asked)

        def wait(self: WaitFunction, env, wait_seconds: float) -> None:
            trace.waits_seconds.append(wait_seconds)

        WaitFunction._wait_interval = wait
        boto_client.boto3 = Clients(answers)
        execution = self._backend.start_execution(self._machine.arn, name, json.dumps(answers.input))
        wait_until(lambda: execution.to_describe_output()["status"], lambda status: status != "RUNNING", "the execution", LIMIT_SECONDS, 0.02)
        described = execution.to_describe_output()
        events = execution.exec_worker.env.event_manager._history_event_list
        trace.states = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        trace.status, trace.error, trace.cause = described["status"], described.get("error", ""), described.get("cause", "")
        trace.output = json.loads(described["output"]) if trace.status == "SUCCEEDED" else None
        return trace
