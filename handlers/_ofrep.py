"""OFREP, the OpenFeature Remote Evaluation Protocol: pure functions from a request and an evaluator to a response.

``respond`` is the whole endpoint for a host without surroundings of its own (``burgee serve``), ``answer`` the part that a
Lambda function puts its own around. What they answer, and why: ``docs/ofrep.md``. On the cold path: imports neither boto3 nor
yaml, msgspec or config_sync.
"""

from __future__ import annotations

import mmh3

from evaluator.reasons import MESSAGES
from handlers._context import Context, read_context
from handlers._http import (
    MAX_BODY_BYTES,
    SAME_ORIGIN,
    Cors,
    Request,
    Response,
    finish,
    is_json,
    is_too_large,
    preflight,
    problem,
    quote_json,
    refusal,
    unquote,
)
from handlers._outcome import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from evaluator import Evaluator

    Report = Callable[[BaseException], object]
    Standing = tuple[int, int | None]  # the version that is served, and how many milliseconds ago the store confirmed it

FLAGS_PATH = "/ofrep/v1/evaluate/flags"
HEALTH_PATH = "/health"

_POST = "POST, OPTIONS"
_GET = "GET, HEAD, OPTIONS"
_RETRY_SECONDS = "1"


def respond(
    request: Request,
    evaluator: Evaluator | None,
    cors: Cors = SAME_ORIGIN,
    now: float | None = None,
    report: Report | None = None,
    standing: Standing | None = None,
) -> Response:
    """Answers any request. Raises nothing: an unforeseen error is handed to ``report``, and the client gets a bare 500.

    ``evaluator`` None: no snapshot has been loaded yet, which is 503. ``now`` is epoch milliseconds; left out, the evaluator
    reads the clock if some flag depends on it. ``standing`` is for the health check.
    """
    try:
        response = answer(request, evaluator, now, standing)
    except Exception as error:  # the last line of defence: whatever it is, it isn't the client's to read
        if report is not None:
            report(error)
        response = problem(500, "an internal error kept the request from being answered")
    return finish(response, request, cors)


def answer(
    request: Request, evaluator: Evaluator | None, now: float | None = None, standing: Standing | None = None
) -> Response:
    """The same without the headers that all responses carry, and without the last line of defence."""
    path = request.path
    if path.startswith(FLAGS_PATH):
        rest = path[len(FLAGS_PATH) :]
        if not rest:
            return _refusal(request) or (not_yet(request) if evaluator is None else bulk(request, evaluator, now))
        if rest[0] == "/":
            key = unquote(rest[1:])
            return _refusal(request) or (not_yet(request) if evaluator is None else single(request, evaluator, key, now))
    elif path == HEALTH_PATH:
        request.account = ("health", None, None, None)
        if request.method not in ("GET", "HEAD"):
            return wrong_method(request, _GET)
        return not_yet(request) if evaluator is None else health(evaluator, standing)
    return refusal(request, 404, "there is nothing at this path")


def not_yet(request: Request) -> Response:
    """No snapshot, which is nobody's definite answer: never a 404 (requirements FLG-10 and ASG-22)."""
    message = "no snapshot of the flags has been loaded yet: try again"
    return refusal(request, 503, message, {"Retry-After": _RETRY_SECONDS})


def _refusal(request: Request) -> Response | None:
    """What a request that can't be an evaluation gets, before its body is looked at."""
    if request.method != "POST":
        return wrong_method(request, _POST)
    if is_too_large(request.body):
        return problem(413, f"the request body is larger than {MAX_BODY_BYTES} bytes")
    content_type = request.headers.get("content-type")
    if content_type != "application/json" and not is_json(content_type):
        return problem(415, "the request body must be application/json")
    return None


def wrong_method(request: Request, methods: str) -> Response:
    """The answer to OPTIONS, and to a method that isn't among ``methods``."""
    if request.method == "OPTIONS":
        return preflight(methods)
    return refusal(request, 405, "this path does not answer this method", {"Allow": methods})


# --- one flag ---------------------------------------------------------------------------------------------------------


def single(request: Request, evaluator: Evaluator, key: str, now: float | None = None) -> Response:
    """Evaluates the flag ``key`` (decoded) in the request's context: 200, 400 or 404."""
    request.account = ("ofrep", None, None, None)
    context = read_context(request.body)
    if isinstance(context, str):
        return Response(400, _failure(key, "INVALID_CONTEXT", context))
    told = evaluator.recall(key, context, Told, now)
    code = told.error_code
    if code is None:
        request.account = ("ofrep", told.detail, key, None)
        request.evaluated = (context.get("targetingKey"), context, [told.row])
        return Response(200, told.ofrep)
    request.account = ("ofrep", told.detail, None if code == "FLAG_NOT_FOUND" else key, {"error_code": code})
    status = 404 if code == "FLAG_NOT_FOUND" else 400
    return Response(status, _failure(key, code, MESSAGES[code], told.ofrep))


def _failure(key: str, code: str, details: str, end: str = "}") -> str:
    return f'{{"key":{quote_json(key)},"errorCode":"{code}","errorDetails":{quote_json(details)}{end}'


# --- all flags --------------------------------------------------------------------------------------------------------


def bulk(request: Request, evaluator: Evaluator, now: float | None = None) -> Response:
    """Evaluates every flag in the request's context: 200 with an ETag, 304 without a body, or 400."""
    request.account = ("ofrep-bulk", None, None, None)
    context = read_context(request.body)
    if isinstance(context, str):
        return Response(400, f'{{"errorCode":"INVALID_CONTEXT","errorDetails":{quote_json(context)}}}')
    version = evaluator.snapshot_version
    body = evaluator.evaluate_all_json(context, now)
    tag = entity_tag(version, context, body)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(304, headers={"ETag": tag})
    return Response(200, body, {"ETag": tag})


def entity_tag(version: str, context: Context, body: bytes) -> str:
    """A quoted tag over the snapshot, the context and the results: a new user or a passing date changes it, not only a publish.

    MurmurHash3_x64_128, because it is at hand and quick (25 kB in 4 µs); a caller who forges a collision fools itself only.
    """
    seen = f"{version}\n{sorted(context.items())!a}\n".encode()
    return f'"{mmh3.hash_bytes(seen + body, x64arch=True).hex()}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-None-Match names ``tag``: leniently: clients echo tags in every form (``W/``, lists, unquoted, ``*``)."""
    if header is None:
        return False
    bare = tag.strip('"')
    return any(_bare(candidate) in (bare, "*") for candidate in header.split(","))


def _bare(candidate: str) -> str:
    return candidate.strip().removeprefix("W/").strip('"')


# --- health -----------------------------------------------------------------------------------------------------------


def health(evaluator: Evaluator, standing: Standing | None = None) -> Response:
    """That this process answers, from which snapshot and, where there is a store, from which version of how long ago."""
    text = f'{{"status":"ok","snapshot_version":{quote_json(evaluator.snapshot_version)}'
    if standing is not None:
        version, age_ms = standing
        text += f',"version":{version},"age_ms":{"null" if age_ms is None else age_ms}'
    return Response(200, text + "}")
