"""The cloud's own interface, below /cloud-api, beside those of AWS: what the functions used, and faults on demand.

GET /cloud-api/lambdas      {"functions": [{"name", "invocations", "ran", "seconds", "max_memory_bytes", "memory_size_mb"}]}
GET /cloud-api/rds          {"copies_in_progress", "most_copies_in_progress", "manual_snapshots",
                            "most_manual_snapshots", "refused_for_quota", "requests", "most_requests_in_a_second"}
GET /cloud-api/executions   {"state_machines": [{"state_machine", "executions", "transitions"}]}, without servers
GET /cloud-api/actions      {function: {action: [resources]}}: what functions have asked for and their roles allow
GET /cloud-api/refusals     the same of what was refused to them
DELETE /cloud-api/actions   forgets both
GET /cloud-api/faults       {"faults": [...]}, with how often each was matched and whether it has struck
POST /cloud-api/faults      {"kind", …}: kinds and members are in faults.py
DELETE /cloud-api/faults    forgets all
"""

import json

from werkzeug.wrappers import Request, Response

from local_cloud import at_scale
from local_cloud.access import Access
from local_cloud.lambdas import Lambdas
from local_cloud.rds import Rds


def beside(aws_application, lambdas: Lambdas, rds: Rds, access: Access):
    """The WSGI application that answers for both."""

    def application(environ, start_response):
        if not environ["PATH_INFO"].startswith("/cloud-api/"):
            return aws_application(environ, start_response)
        return _answer(Request(environ), lambdas, rds, access)(environ, start_response)

    return application


def _answer(request: Request, lambdas: Lambdas, rds: Rds, access: Access) -> Response:
    match request.method, request.path.removeprefix("/cloud-api/"):
        case "GET", "lambdas":
            return _json({"functions": lambdas.listing()})
        case "GET", "rds":
            return _json(rds.used())
        case "GET", "executions":
            return _json({"state_machines": at_scale.executions()})
        case "GET", "actions":
            return _json(access.allowed())
        case "GET", "refusals":
            return _json(access.refused())
        case "DELETE", "actions":
            access.forget()
            return _json({})
        case "GET", "faults":
            return _json({"faults": lambdas.faults.listing()})
        case "POST", "faults":
            try:
                lambdas.faults.add(json.loads(request.get_data()))
            except (TypeError, ValueError) as error:
                return _json({"error": str(error)}, status=400)
            return _json({"faults": lambdas.faults.listing()})
        case "DELETE", "faults":
            lambdas.faults.clear()
            return _json({"faults": []})
        case _:
            return _json({"error": "no such thing; cloud/api.py lists what there is"}, status=404)


def _json(body: dict, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")
