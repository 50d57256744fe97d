"""The protocol `smithy-rpc-v2-cbor`, which the SDK for Rust speaks to CloudWatch and moto does not: a request becomes one in
`awsJson1_0`, of which moto knows the operation, and the answer becomes CBOR.

Source: Smithy specification, "Smithy RPC v2 CBOR protocol".
"""

import functools
import io
import json
import re
from collections.abc import Callable, Iterable

import cbor2
from botocore.model import Shape
from botocore.session import get_session

_PATH = re.compile(r"/service/(\w+)/operation/(\w+)$")


def spoken_by(application: Callable) -> Callable:
    """The WSGI application that understands CBOR as well."""

    def translate(environ: dict, start_response: Callable) -> Iterable[bytes]:
        operation = _PATH.search(environ["PATH_INFO"])
        if environ.get("HTTP_SMITHY_PROTOCOL") != "rpc-v2-cbor" or not operation:
            return application(environ, start_response)
        service, action = operation.groups()
        began = {}

        def begin(status: str, headers: list, *_) -> None:
            began.update(status=status, headers=headers)

        answered = json.loads(b"".join(application(_as_json(environ, service, action), begin)) or b"{}")
        body = cbor2.dumps(_with_times(answered, _output(action)), datetime_as_timestamp=True)
        dropped = {"content-type", "content-length"}
        headers = [(name, value) for name, value in began["headers"] if name.lower() not in dropped]
        headers += [("Content-Type", "application/cbor"), ("Content-Length", str(len(body))), ("smithy-protocol", "rpc-v2-cbor")]
        start_response(began["status"], headers)
        return [body]

    return translate


def _as_json(environ: dict, service: str, action: str) -> dict:
    request = cbor2.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    body = json.dumps(request, default=lambda moment: moment.timestamp()).encode()
    return environ | {
        "PATH_INFO": "/",
        "CONTENT_TYPE": "application/x-amz-json-1.0",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_AMZ_TARGET": f"{service}.{action}",
        "wsgi.input": io.BytesIO(body),
    }


@functools.cache
def _output(action: str) -> Shape:
    return get_session().get_service_model("cloudwatch").operation_model(action).output_shape


def _with_times(value: object, shape: Shape | None) -> object:
    """JSON has numbers for times, CBOR a type of its own."""
    match value:
        case dict() if shape and shape.type_name == "structure":
            return {name: _with_times(member, shape.members.get(name)) for name, member in value.items()}
        case list() if shape:
            return [_with_times(member, shape.member) for member in value]
        case int() | float() if shape and shape.type_name == "timestamp":
            return cbor2.CBORTag(1, value)
        case _:
            return value
