"""The Lambda function of feature flags: one flag, a batch of flags, OFREP and the health check (docs/flags.md).

``handler`` takes events of Function URLs, API Gateway and load balancers. ``single`` and ``batch`` are the endpoints as
functions from a request and an evaluator to a response. On the cold path: imports neither boto3 nor yaml, msgspec or
config_sync.
"""

from __future__ import annotations

from evaluator.reasons import MESSAGES
from handlers._context import NotJson, check, parse
from handlers._contract import is_text
from handlers._edge import INTERNAL, Edge, prepare, prepare_in_lambda, reset_edge, serve
from handlers._http import MAX_BODY_BYTES, Request, Response, is_too_large, most_bytes, quote_json, refusal
from handlers._ids import ABSENT, MAX_ID, BadRequest, wrong_id
from handlers._ofrep import HEALTH_PATH, answer, not_yet, wrong_method
from handlers._outcome import FAILURES, Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from evaluator import Evaluator
    from handlers._context import Context
    from handlers._events import Event, Result
    from handlers._scratch import Served

EVALUATE_PATH = "/feature-flags/evaluate"
BATCH_PATH = "/feature-flags/evaluate/batch"

_SINGLE_METHODS = "GET, POST, OPTIONS"
_BATCH_METHODS = "POST, OPTIONS"
_NOTHING: dict[str, Any] = {}
_IGNORED = "the request's context is not JSON and was ignored"
_CLIENTS_ERRORS = ("INVALID_CONTEXT", "TARGETING_KEY_MISSING")  # what another context would mend


def handler(event: Event, context: object) -> Result:
    """Lambda's entry point. Raises nothing."""
    return serve(event, context, _respond)


def get_evaluator() -> Evaluator | None:
    """The evaluator of this process, one for all requests and threads, of the newest snapshot. None: nothing is loaded yet.

    Raises ConfigurationError, a ValueError that names the setting.
    """
    served, _ = prepare().reader.standing()
    return None if served is None else served.evaluator


def reset_evaluator() -> None:
    """Forgets it and everything around it: the next event reads the environment again. For tests and tools."""
    from handlers._snapshots import reset_reader

    reset_edge()
    reset_reader()


def _respond(request: Request, served: Served | None, edge: Edge) -> Response:
    evaluator = None if served is None else served.evaluator
    path = request.path
    if path == EVALUATE_PATH:
        return single(request, evaluator)
    if path == BATCH_PATH:
        return batch(request, evaluator, edge.max_batch)
    standing = None if served is None or path != HEALTH_PATH else (served.version, edge.reader.age_ms())
    return answer(request, evaluator, None, standing)


# --- one flag ---------------------------------------------------------------------------------------------------------


def single(request: Request, evaluator: Evaluator | None, now: float | None = None) -> Response:
    """Whether one flag is on for one user: 200, or 400, 404, 405, 413, 500, 503. ``now`` is epoch milliseconds."""
    request.account = ("flag", None, None, None)
    if request.method not in ("GET", "POST"):
        return wrong_method(request, _SINGLE_METHODS)
    try:
        user_id, key, context, warning = _question(request)
    except BadRequest as error:
        return _refused(request, error)
    if evaluator is None:
        return not_yet(request)
    told = evaluator.recall(key, context, Told, now)
    code = told.error_code
    if code is not None:
        request.account = ("flag", told.detail, None if code == "FLAG_NOT_FOUND" else key, {"error_code": code})
        return _failed(request, key, code)
    request.evaluated = (user_id, context, [told.row])
    if warning is None:
        request.account = ("flag", told.detail, key, None)
        return Response(200, f'{{"user_id":{quote_json(user_id)}{told.rest}}}')
    request.account = ("flag", told.detail, key, {"warning": warning})
    return Response(200, f'{{"user_id":{quote_json(user_id)}{told.rest},"warning":{quote_json(warning)}}}')


def _failed(request: Request, key: str, code: str) -> Response:
    if code == "FLAG_NOT_FOUND":
        return refusal(request, 404, f"Feature flag not found: {key}")
    if code in _CLIENTS_ERRORS:
        return refusal(request, 400, MESSAGES[code])
    return refusal(request, 500, INTERNAL)  # the flag's configuration is at fault, and nothing for a client to read


def _refused(request: Request, error: BadRequest) -> Response:
    return refusal(request, 413 if isinstance(error, _TooLarge) else 400, str(error))


class _TooLarge(BadRequest):
    pass


def _question(request: Request) -> tuple[str, str, Context, str | None]:
    """User, flag, context, and a warning about the context. Raises BadRequest."""
    document, warning = _document(request.body) if request.body else (_NOTHING, None)
    named = document if request.method == "POST" else _NOTHING
    user_id: Any = named["user_id"] if "user_id" in named else request.parameters.get("user_id", ABSENT)
    key: Any = named["flag_key"] if "flag_key" in named else request.parameters.get("flag_key", ABSENT)
    if type(user_id) is not str or type(key) is not str or not is_text(user_id, MAX_ID) or not is_text(key, MAX_ID):
        if not request.parameters and not named:
            raise BadRequest("Missing query parameters. Required: user_id, flag_key")
        raise BadRequest(wrong_id("user_id", user_id) or wrong_id("flag_key", key))
    context = document.get("context")
    if context is not None:
        return user_id, key, _of_user(user_id, context, request.body), warning
    text = request.parameters.get("context")
    if text:
        try:
            context = parse(text)
        except NotJson:
            warning = _IGNORED
        except ValueError as error:
            raise BadRequest("the context holds what no context may") from error
        if context is not None:
            return user_id, key, _of_user(user_id, context, text), warning
    return user_id, key, {"targetingKey": user_id}, warning


def _document(body: bytes | str) -> tuple[dict[str, Any], str | None]:
    """The body's members and a warning: what isn't JSON, or no object, has none (FLH-11). Raises BadRequest."""
    if is_too_large(body):
        raise _TooLarge(f"the request body is larger than {MAX_BODY_BYTES} bytes")
    try:
        found = parse(body)
    except NotJson:
        return _NOTHING, _IGNORED
    except ValueError as error:
        raise BadRequest("the request body holds what no context may") from error
    return (found, None) if type(found) is dict else (_NOTHING, _IGNORED)


def _of_user(user_id: str, context: Any, source: str | bytes) -> Context:
    """The context, about this user whoever it says it is about. Raises BadRequest."""
    if type(context) is not dict:
        raise BadRequest("context must be an object")
    if problem := check(context, most_bytes(source)):
        raise BadRequest(problem)
    context["targetingKey"] = user_id
    if "user_id" in context:
        context["user_id"] = user_id
    return context


# --- many flags ---------------------------------------------------------------------------------------------------------


def batch(request: Request, evaluator: Evaluator | None, most: int, now: float | None = None) -> Response:
    """Whether each of some flags is on for one user: 200, or 400, 405, 413, 503. ``most``: flags in one request."""
    request.account = ("batch", None, None, None)
    if request.method != "POST":
        return wrong_method(request, _BATCH_METHODS)
    try:
        user_id, keys, context = _questions(request, most)
    except BadRequest as error:
        return _refused(request, error)
    if evaluator is None:
        return not_yet(request)
    told = evaluator.recall_all(keys, context, Told, now)
    details, rows = [one.detail for one in told], [one.row for one in told]
    reasons = {detail: details.count(detail) for detail in sorted(set(details))}
    if not FAILURES.isdisjoint(reasons):
        if problem := _wrong_key(keys):
            return refusal(request, 400, problem)
        rows = [one.row for one in told if one.detail not in FAILURES]
    request.account = ("batch", reasons, None, None)
    request.evaluated = (user_id, context, rows)
    return Response(200, f'{{"user_id":{quote_json(user_id)},"flags":{{{",".join([one.member for one in told])}}}}}')


def _wrong_key(keys: Iterable[str]) -> str:
    """What is wrong with one of these; empty if nothing is. A flag's own key is right, so it takes an unknown one to ask."""
    return next(filter(None, (wrong_id("a flag_key", key) for key in keys)), "")


def _are_strings(keys: list[Any]) -> bool:
    try:
        "".join(keys)  # the quickest that looks at all of them
    except TypeError:
        return False
    return True


def _questions(request: Request, most: int) -> tuple[str, list[str], Context]:
    """User, flags and context. Raises BadRequest."""
    document, warning = _document(request.body)
    if warning is not None:
        raise BadRequest("the request body must be a JSON object")
    user_id = document.get("user_id")
    if user_id is None or (type(user_id) is str and (not user_id or user_id.isspace())):
        raise BadRequest("user_id cannot be None or empty")
    if problem := wrong_id("user_id", user_id):
        raise BadRequest(problem)
    keys = document.get("flag_keys")
    if keys is None:
        raise BadRequest("Missing required parameter: flag_keys")
    if type(keys) is not list or not _are_strings(keys):
        raise BadRequest("flag_keys must be a list of strings")
    if len(keys) > most:
        raise BadRequest(f"flag_keys cannot hold more than {most} keys")
    context = document.get("context")
    if context is None:
        return user_id, keys, {"targetingKey": user_id}
    return user_id, keys, _of_user(user_id, context, request.body)


prepare_in_lambda()
