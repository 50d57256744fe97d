"""A function for the tests: does what its event says, by way of the Lambda runtime API."""

import http.client
import json
import os
import signal
import sys
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]


def call(method, path, body=None):
    connection = http.client.HTTPConnection(API)
    connection.request(method, "/2018-06-01/runtime/invocation/" + path, body)
    response = connection.getresponse()
    return response.headers, response.read()


invocations = 0
while True:
    headers, body = call("GET", "next")
    event = json.loads(body)
    invocations += 1
    print("event", json.dumps(event), flush=True)
    if "print" in event:
        print(event["print"], flush=True)
    if "allocate_mb" in event:
        bytearray(event["allocate_mb"] << 20)
    if "exit" in event:
        sys.exit(event["exit"])
    if "killed" in event:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(event.get("seconds", 0))
    if "touch" in event:
        with open(event["touch"], "a") as file:
            file.write("x")
    if "fail" in event:
        answer = {"errorType": event["fail"], "errorMessage": event.get("message", "")}
        outcome = "error"
    else:
        answer = event.get("answer", {"pid": os.getpid(), "invocations": invocations, "variables": dict(os.environ)})
        outcome = "response"
    call("POST", f"{headers['Lambda-Runtime-Aws-Request-Id']}/{outcome}", json.dumps(answer).encode())
