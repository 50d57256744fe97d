"""Functions may do what their roles allow, and nothing else: who asked for what is written down, and refused otherwise.

A refusal is worded as the service words it, so that an execution that fails says which permission is missing.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from xml.sax.saxutils import escape

import cbor2
from moto.core import DEFAULT_ACCOUNT_ID

from . import permissions
from .faults import Faults
from .permissions import Need, Request
from .roles import Role, role_of

# Longer than any function waits for one answer.
SILENT_SECONDS = 60


class Access:
    """What the functions of one cloud have asked for since its start, or since it was forgotten."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lock = threading.Lock()
        self._allowed: dict[str, dict[str, set[str]]] = {}
        self._refused: dict[str, dict[str, set[str]]] = {}

    def guarding(self, application: Callable) -> Callable:
        """The WSGI application that answers a function's request if its role allows that."""

        def answer(environ: dict, start_response: Callable) -> Iterable[bytes]:
            request = permissions.read(environ)
            if request and self._faults.strike_way(request.service, request.function):
                time.sleep(SILENT_SECONDS)
            refusal = self._refusal(request, environ) if request else None
            if refusal is None:
                return application(environ, start_response)
            status, headers, body = refusal
            start_response(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]

        return answer

    def _refusal(self, request: Request, environ: dict) -> tuple[str, list, bytes] | None:
        role = role_of(request.function, request.region)
        for need in permissions.needs(request):
            refused = role.refuses(need, request.region)
            self._write_down(self._allowed if refused is None else self._refused, request.function, need)
            if refused is not None:
                return _worded(request, environ, _message(request, role, need, refused))
        return None

    def _write_down(self, where: dict[str, dict[str, set[str]]], function: str, need: Need) -> None:
        with self._lock:
            where.setdefault(function, {}).setdefault(need.action, set()).update(need.resources or ["*"])

    def allowed(self) -> dict[str, dict[str, list[str]]]:
        return self._listing(self._allowed)

    def refused(self) -> dict[str, dict[str, list[str]]]:
        return self._listing(self._refused)

    def _listing(self, where: dict[str, dict[str, set[str]]]) -> dict[str, dict[str, list[str]]]:
        with self._lock:
            return {
                function: {action: sorted(resources) for action, resources in sorted(actions.items())} for function, actions in sorted(where.items())
            }

    def forget(self) -> None:
        with self._lock:
            self._allowed.clear()
            self._refused.clear()


def _message(request: Request, role: Role, need: Need, resource: str) -> str:
    """Source: IAM user guide, "Access denied error message examples"."""
    user = f"arn:aws:sts::{DEFAULT_ACCOUNT_ID}:assumed-role/{role.name}/{request.function}"
    about = "" if resource == "*" else f" on resource: {resource}"
    reason = f"because no identity-based policy allows the {need.action} action"
    return f"User: {user} is not authorized to perform: {need.action}{about} {reason}"


def _worded(request: Request, environ: dict, message: str) -> tuple[str, list, bytes]:
    identifier, text = uuid.uuid4(), escape(message)
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        body = cbor2.dumps({"__type": "com.amazonaws.cloudwatch#AccessDenied", "message": message})
        return "403 Forbidden", [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], body
    if "HTTP_X_AMZ_TARGET" in environ:
        code = "AccessDenied" if request.action.startswith("cloudwatch:") else "AccessDeniedException"
        body = json.dumps({"__type": code, "Message": message, "message": message}).encode()
        return "400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")], body
    if request.action.startswith("s3:"):
        body = f"<Error><Code>AccessDenied</Code><Message>{text}</Message><RequestId>{identifier}</RequestId></Error>"
    else:
        error = f"<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{text}</Message></Error>"
        body = f"<ErrorResponse>{error}<RequestId>{identifier}</RequestId></ErrorResponse>"
    return "403 Forbidden", [("Content-Type", "text/xml")], body.encode()
