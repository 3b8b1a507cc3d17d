"""The Lambda function that says how experiments do (docs/results.md): results as JSON, the lift over time as a picture.

GET ``/experiments/{key}/results``, ``/experiments/{key}/results.svg`` and ``/health``; a schedule's event looks at every active
experiment, keeps the looks, and counts sample ratios that are wrong. Nobody waits for this function's cold start.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from evaluator.errors import BurgeeError
from handlers._edge import ConfigurationError, log_error, prepare_in_lambda, serve
from handlers._experiments import experiments_of
from handlers._http import Response, refusal, to_json, unquote
from handlers._lift_picture import draw
from handlers._log import log, service_of
from handlers._metrics import NAMESPACE, emit
from handlers._ofrep import HEALTH_PATH, health, not_yet, wrong_method
from handlers._results_store import NoSuchPhase, Results, look_at
from handlers._sequential import HORIZON
from handlers._settings import number
from handlers._snapshots import reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from evaluator import Evaluator
    from handlers._edge import Edge
    from handlers._events import Event, Result
    from handlers._experiments import Experiment
    from handlers._http import Request
    from handlers._ofrep import Standing
    from handlers._scratch import Served

PREFIX = "/experiments/"
RESULTS, PICTURE = "/results", "/results.svg"
ROUTE = "results"
TABLE_VARIABLE, HORIZON_VARIABLE, LOOK_DAYS_VARIABLE = "DYNAMODB_TABLE", "BURGEE_RESULTS_HORIZON", "BURGEE_LOOK_TTL_DAYS"
LOOK_DAYS = 400
ACTIVE = "active"
MARGIN_MS = 3_000  # before the deadline no experiment is begun
MAX_PHASE = 1_000_000
_METHODS = "GET, OPTIONS"
_HEALTH_METHODS = "GET, HEAD, OPTIONS"
_RETRY_SECONDS = "2"
_SVG = {"Content-Type": "image/svg+xml", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


class LooksFailed(BurgeeError):
    """No experiment could be looked at. Safe to log."""


def results_of(environment: Mapping[str, str], client: Any = None) -> Results:
    """The results of the table that these variables name; ``client``: DynamoDB's. Raises ValueError, naming the variable."""
    table = environment.get(TABLE_VARIABLE)
    if not table:
        raise ValueError(f"{TABLE_VARIABLE} isn't set: the table of counters")
    horizon = number(environment, HORIZON_VARIABLE, HORIZON, "a number of users", 1_000_000_000)
    days = number(environment, LOOK_DAYS_VARIABLE, LOOK_DAYS, "a number of days", 36_500)
    return Results(client or _client(), table, horizon, days)


def _client() -> Any:
    retries: Any = {"mode": "standard", "total_max_attempts": 4}
    return boto3.client("dynamodb", config=Config(connect_timeout=2, read_timeout=5, retries=retries, max_pool_connections=20))


@cache
def _results() -> Results:
    """Those of this process. Raises ConfigurationError."""
    try:
        return results_of(os.environ)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def reset_results() -> None:
    """Forgets the process's client, so that the next event reads the environment again. For tests and tools."""
    _results.cache_clear()


def handler(event: Event, context: object) -> Result:
    """Lambda's entry point. Raises nothing for a request; LooksFailed for a schedule that could look at nothing."""
    if isinstance(event, dict) and "detail-type" in event:
        return look_at_all(context)
    return serve(event, context, _respond)


def _respond(request: Request, served: Served | None, edge: Edge) -> Response:
    standing = None if served is None else (served.version, edge.reader.age_ms())
    return answer(request, None if served is None else served.evaluator, _results, standing)


# --- requests -----------------------------------------------------------------------------------------------------------


def answer(
    request: Request, evaluator: Evaluator | None, results: Callable[[], Results], standing: Standing | None = None
) -> Response:
    """The answer to any request, without the headers that all responses carry.

    ``evaluator`` None: no snapshot has been loaded yet, which is 503. ``results`` is called when they are needed.
    """
    path = request.path
    if path == HEALTH_PATH:
        request.account = ("health", None, None, None)
        if request.method not in ("GET", "HEAD"):
            return wrong_method(request, _HEALTH_METHODS)
        return not_yet(request) if evaluator is None else health(evaluator, standing)
    key, view = _asked(path)
    if not key:
        return refusal(request, 404, "there is nothing at this path")
    request.account = (ROUTE, None, None, None)
    if request.method != "GET":
        return wrong_method(request, _METHODS)
    if evaluator is None:
        return not_yet(request)
    experiment = experiments_of(evaluator).get(key)
    if experiment is None:
        return refusal(request, 404, "there is no experiment with this key")
    request.account = (ROUTE, None, None, {"experiment": key})
    return _shown(request, view, experiment, results())


def _asked(path: str) -> tuple[str, str]:
    """The experiment's key and which view of its results; empty for any other path."""
    for view in (RESULTS, PICTURE):
        if path.startswith(PREFIX) and path.endswith(view):
            segment = path[len(PREFIX) : -len(view)]
            return ("" if "/" in segment else unquote(segment)), view
    return "", ""


def _shown(request: Request, view: str, experiment: Experiment, results: Results) -> Response:
    text, phase = request.query_value("phase"), None
    if text is not None:
        phase = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
        if not 1 <= phase <= MAX_PHASE:
            return refusal(request, 400, f"phase must be a whole number from 1 to {MAX_PHASE}")
    history = request.query_value("history") or "0"
    if history not in ("0", "1"):
        return refusal(request, 400, "history must be 0 or 1")
    now_ms = time.time_ns() // 1_000_000
    try:
        found = results.read(experiment, now_ms, phase)
        with_looks = (view == PICTURE or history == "1") and found["phase"] is not None
        looks = results.looks(experiment, found["phase"]["number"]) if with_looks else []
    except NoSuchPhase:
        return refusal(request, 404, "the experiment has no such phase")
    except (ClientError, BotoCoreError) as error:
        log("ERROR", "the counters can't be read", None, error, {"reason": reason_of(error), "experiment": experiment.key})
        return refusal(request, 503, "the counters can't be read now: try again", {"Retry-After": _RETRY_SECONDS})
    looks.append(look_at(found, now_ms))
    if view == RESULTS:
        if history == "1":
            found["history"] = [look._asdict() for look in looks]
        return Response(200, to_json(found))
    metric = request.query_value("metric")
    known = [each["metric"] for each in found["metrics"]]
    if metric is not None and metric not in known:
        return refusal(request, 404, "the experiment has no such metric in this phase")
    return Response(200, draw(found, looks, metric or next(iter(known), None)), dict(_SVG))


def reason_of(error: ClientError | BotoCoreError) -> str:
    """What a log may say of an error of AWS's."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


# --- the schedule -------------------------------------------------------------------------------------------------------


def look_at_all(context: Any) -> dict[str, Any]:
    """Looks at every active experiment: keeps the look, counts and logs a sample ratio that is wrong.

    One that fails is logged and counted, and the others go on; which comes first changes from minute to minute, so that with
    too little time all of them have their turn. Raises LooksFailed when none could be looked at.
    """
    now_ms = time.time_ns() // 1_000_000
    tally = {"looked_at": 0, "kept": 0, "in_alarm": 0, "failed": 0, "left": 0}
    remaining = getattr(context, "get_remaining_time_in_millis", lambda: float("inf"))
    try:
        results, waiting = _results(), _active(now_ms)
    except Exception as error:
        _count(tally | {"failed": 1})
        log_error(error, context)
        raise LooksFailed(str(error) if isinstance(error, BurgeeError) else f"an unexpected {type(error).__name__}") from None
    while waiting and remaining() >= MARGIN_MS:
        _look(results, waiting.pop(0), now_ms, tally, context)
    tally["left"] = len(waiting)
    _count(tally)
    log("WARNING" if tally["failed"] or tally["left"] or tally["in_alarm"] else "INFO", "looks", context, None, tally)
    if tally["failed"] and not tally["looked_at"]:
        raise LooksFailed("no experiment could be looked at")
    return dict(tally)


def _active(now_ms: int) -> list[Experiment]:
    served = reader().served()
    if served is None:
        raise LooksFailed("no snapshot of the flags has been loaded yet")
    found = [each for _, each in sorted(experiments_of(served.evaluator).items()) if each.status == ACTIVE]
    first = now_ms // 60_000 % len(found) if found else 0
    return found[first:] + found[:first]


def _look(results: Results, experiment: Experiment, now_ms: int, tally: dict[str, int], context: object) -> None:
    try:
        found = results.read(experiment, now_ms)
        ratio = found["sample_ratio"]
        if ratio["mismatch"]:
            tally["in_alarm"] += 1
            about = {"experiment": experiment.key, "phase": found["phase"]["number"], **ratio}
            log("ERROR", "sample ratio mismatch", context, None, about)
        if found["phase"] is not None:
            tally["kept"] += results.keep(experiment, found, now_ms)
        tally["looked_at"] += 1
    except (ClientError, BotoCoreError) as error:
        tally["failed"] += 1
        about = {"experiment": experiment.key, "reason": reason_of(error)}
        log("ERROR", "an experiment can't be looked at", context, error, about)
    except Exception as error:  # whatever is wrong with one experiment, the others have their turn
        tally["failed"] += 1
        log("ERROR", "an experiment can't be looked at", context, error, {"experiment": experiment.key})


def _count(tally: Mapping[str, int]) -> None:
    """Every figure every time, also 0: an alarm on any of them has data. No experiment is a dimension (requirement MON-05)."""
    metrics = (
        ("SampleRatioMismatch", int(tally["in_alarm"] > 0), "Count"),
        ("ResultsComputed", tally["looked_at"], "Count"),
        ("ResultsFailed", tally["failed"], "Count"),
        ("ResultsLeft", tally["left"], "Count"),
    )
    emit(NAMESPACE, metrics, {"service": service_of(os.environ)})


prepare_in_lambda()
