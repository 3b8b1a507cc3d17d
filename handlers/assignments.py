"""The Lambda function that assigns users to experiments, once and for as long as the experiment runs (docs/assignments.md).

GET and POST ``/assign`` (also ``/assignments``), and ``/health``. ``answer`` is the endpoint itself, for hosts of their own: a
function of a request, an evaluator and an ``Assigner``. On the cold path: what speaks with AWS is imported when the function is
prepared.
"""

from __future__ import annotations

import os

from handlers._assigning import Assigner, Refused
from handlers._assignment_request import read_request
from handlers._edge import ConfigurationError, Edge, log_error, prepare, prepare_in_lambda, serve
from handlers._http import MAX_BODY_BYTES, Response, is_too_large, quote_json, refusal, to_json
from handlers._ids import BadRequest
from handlers._ofrep import HEALTH_PATH, not_yet, wrong_method

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from evaluator import Evaluator
    from handlers._assigning import Answer, Counter, Expose
    from handlers._assignment_request import Asked
    from handlers._assignment_store import Assignment
    from handlers._breaker import Breaker
    from handlers._events import Event, Result
    from handlers._http import Request
    from handlers._ofrep import Standing
    from handlers._scratch import Served

PATHS = ("/assign", "/assignments")
ROUTE = "assign"
_METHODS = "GET, POST, OPTIONS"
_HEALTH_METHODS = "GET, HEAD, OPTIONS"
_MESSAGES = {
    400: "the experiment needs an attribute that the context hasn't",
    500: "Internal server error: the experiment's configuration has errors",
}


def answer(
    request: Request,
    evaluator: Evaluator | None,
    assigner: Assigner,
    now: float | None = None,
    standing: Standing | None = None,
) -> Response:
    """The answer to any request, without the headers that all responses carry.

    ``evaluator`` None: no snapshot has been loaded yet, which is 503. ``now`` is epoch milliseconds for the evaluation.
    ``standing``, for the health check: the version that is served, and its age in milliseconds.
    """
    path = request.path
    if path in PATHS:
        request.account = (ROUTE, None, None, None)
        return _refused(request) or _assign(request, evaluator, assigner, now)
    if path == HEALTH_PATH:
        request.account = ("health", None, None, None)
        if request.method not in ("GET", "HEAD"):
            return wrong_method(request, _HEALTH_METHODS)
        return not_yet(request) if evaluator is None else Response(200, to_json(health(evaluator, assigner, standing)))
    return refusal(request, 404, "there is nothing at this path")


def _refused(request: Request) -> Response | None:
    if request.method not in ("GET", "POST"):
        return wrong_method(request, _METHODS)
    if is_too_large(request.body):
        return refusal(request, 413, f"the request body is larger than {MAX_BODY_BYTES} bytes")
    return None


def _assign(request: Request, evaluator: Evaluator | None, assigner: Assigner, now: float | None) -> Response:
    try:
        asked = read_request(request)
    except BadRequest as mistake:
        return refusal(request, 400, str(mistake))
    if evaluator is None:
        return not_yet(request)
    key = asked.experiment_key
    request.user = asked.user_id
    try:
        found = assigner.assign(evaluator, asked.user_id, key, asked.context, now)
    except Refused as refused:
        if refused.status == 404:
            request.account = (ROUTE, "experiment_not_found", None, None)
            return refusal(request, 404, f"Experiment not found: {key}")
        request.account = (ROUTE, "error", key, {"error_code": refused.code})
        return refusal(request, refused.status, _MESSAGES[refused.status])
    if asked.warning is not None:
        assigner.counter.count("IgnoredInput")
    request.account = (ROUTE, found.reason, key, _fields(found, asked))
    return Response(200, _text(asked, found))


def _text(asked: Asked, found: Answer) -> str:
    """The body of a 200 (requirements ASG-34, ASG-35)."""
    about = f'{{"user_id":{quote_json(asked.user_id)},"experiment_key":{quote_json(asked.experiment_key)}'
    assignment = found.assignment
    if assignment is None:
        text = f'{about},"variant":null,"excluded":true,"reason":"{found.reason}"'
    else:
        identity = f'"{assignment.assignment_id}"' if found.persisted else "null"  # an id that isn't stored is nobody's
        text = (
            f'{about},"experiment_id":{quote_json(assignment.experiment_id)},"variant":{quote_json(assignment.variant)},'
            f'"assignment_id":{identity},"timestamp":"{assignment.timestamp}","excluded":false,"reason":"{found.reason}",'
            f'"persisted":{"true" if found.persisted else "false"}'
        )
        if found.payload is not None:
            text += f',"payload":{to_json(found.payload)}'
    return text + (f',"warning":{quote_json(asked.warning)}}}' if asked.warning else "}")


def _fields(found: Answer, asked: Asked) -> dict[str, object]:
    """What the log line says besides: nothing of the user or the context (requirement SEC-08)."""
    assignment = found.assignment
    fields: dict[str, object] = {"experiment_id": found.experiment_id, "source": found.source, "persisted": found.persisted}
    if assignment is not None:
        fields["variant"] = assignment.variant
    if found.trouble is not None:
        fields["store"] = found.trouble
        if assignment is not None and not found.persisted:
            fields["assignment_id"] = assignment.assignment_id
            fields["queued"] = found.queued
            fields["warning"] = "the assignment is in the outbox" if found.queued else "the assignment is stored nowhere"
    elif asked.warning is not None:
        fields["warning"] = asked.warning
    return fields


def health(evaluator: Evaluator, assigner: Assigner, standing: Standing | None = None) -> dict[str, object]:
    """That the process answers, and how its store does; ``degraded`` while a breaker isn't closed (requirement ASG-14)."""
    store, outbox = assigner.store.breaker, assigner.outbox
    breakers = [store] if outbox is None else [store, outbox.breaker]
    sticky = assigner.sticky
    return {
        "status": "ok" if all(breaker.state == "closed" for breaker in breakers) else "degraded",
        "snapshot_version": evaluator.snapshot_version,
        **({} if standing is None else {"version": standing[0], "age_ms": standing[1]}),
        "store": _state(store),
        "outbox": None if outbox is None else _state(outbox.breaker),
        "sticky_cache": {"entries": len(sticky), "hits": sticky.hits, "misses": sticky.misses},
    }


def _state(breaker: Breaker) -> dict[str, object]:
    return {"breaker": breaker.state, "failures_in_a_row": breaker.failed, "opened": breaker.opened}


# --- the process's own ------------------------------------------------------------------------------------------------

_of_process: dict[str, Assigner] = {}


def assigner_of(environment: Mapping[str, str], expose: Expose | None = None, counter: Counter | None = None) -> Assigner:
    """An assigner on DynamoDB and SQS as these variables say; nothing is asked yet. Raises ValueError, naming the variable."""
    from handlers._assignment_settings import read_settings
    from handlers._assignment_store import AssignmentStore
    from handlers._aws_json import client_of
    from handlers._breaker import Breaker

    settings = read_settings(environment)
    client = client_of("dynamodb", environment)
    store = AssignmentStore(client, settings.table, Breaker(settings.failures, settings.cool_down_ms))
    outbox = None
    if settings.outbox is not None:
        from handlers._outbox import Outbox
        from handlers._sticky import Sticky

        sent = Sticky(settings.sticky_entries, settings.sticky_ttl_ms)
        queue = client_of("sqs", environment)
        outbox = Outbox(queue, settings.outbox, Breaker(settings.failures, settings.cool_down_ms), sent)
    return Assigner(settings, store, outbox, expose, counter)


def assigner_of_process(edge: Edge) -> Assigner:
    """The process's one assigner (requirements ASG-21, SHR-07). Raises ConfigurationError."""
    made = _of_process.get("assigner")
    if made is None:
        tracker = edge.tracker

        def expose(assignment: Assignment, persisted: bool) -> None:
            """An id that isn't stored is nobody's, and neither is its time: another process would tell another one."""
            told, at = (assignment.assignment_id, assignment.timestamp) if persisted else (None, None)
            tracker.exposed(
                assignment.user_id, assignment.experiment_id, assignment.experiment_key, assignment.variant, told, at
            )

        counter: Any = edge.telemetry if hasattr(edge.telemetry, "count") else None
        try:
            made = assigner_of(os.environ, expose, counter)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        _of_process["assigner"] = made
    return made


def reset_assigner() -> None:
    """Forgets it, so that the next event reads the environment again. For tests and tools."""
    _of_process.clear()


def handler(event: Event, context: object) -> Result:
    """Lambda's entry point. Raises nothing."""
    return serve(event, context, _respond)


def _respond(request: Request, served: Served | None, edge: Edge) -> Response:
    assigner = assigner_of_process(edge)
    if served is None:
        return answer(request, None, assigner)
    standing = (served.version, edge.reader.age_ms()) if request.path == HEALTH_PATH else None
    return answer(request, served.evaluator, assigner, None, standing)


def _prepare_in_lambda() -> None:
    """In the init phase, besides what every endpoint does: the clients, and what their first call would import."""
    prepare_in_lambda()
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        try:
            assigner_of_process(prepare()).prepare()
        except Exception as error:  # logged here, and answered by every request
            log_error(error, None)


_prepare_in_lambda()
