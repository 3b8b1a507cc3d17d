"""The Lambda function that takes events and puts them into the stream that the event processor reads (docs/ingest.md).

POST ``/events`` and ``/events/batch``, and ``/health``. ``answer`` is the endpoint itself, for hosts of their own: a function
of a request and a stream. How events are read is in ``_ingest_events``, how they are sent in ``_ingest_stream``.
"""

from __future__ import annotations

import os
from time import time_ns

from handlers._edge import ConfigurationError, Edge, log_error, prepare_in_lambda, serve
from handlers._http import MAX_BODY_BYTES, Response, is_too_large, quote_json, refusal
from handlers._ids import BadRequest
from handlers._ingest_events import read_batch, read_one
from handlers._ingest_stream import THROTTLED, Stream
from handlers._ofrep import HEALTH_PATH, wrong_method

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from handlers._events import Event, Result
    from handlers._http import Request
    from handlers._ingest_events import One
    from handlers._scratch import Served

    class Counter(Protocol):
        """A ``_telemetry.Telemetry``, as far as this module knows it."""

        def count(self, name: str, number: int = 1) -> None: ...


EVENT_PATH = "/events"
BATCH_PATH = "/events/batch"
ACCEPTED, REJECTED, UNAVAILABLE = "accepted", "rejected", "unavailable"
METRICS = {ACCEPTED: "EventsAccepted", REJECTED: "EventsRejected", UNAVAILABLE: "EventsUnavailable"}
EVENTS_THROTTLED, EVENTS_REPEATED = "EventsThrottled", "EventsRepeated"  # of the unavailable; of the accepted
THROTTLED_SECONDS, FAILED_SECONDS = 1, 5  # Retry-After

_METHODS = "POST, OPTIONS"
_HEALTH_METHODS = "GET, HEAD, OPTIONS"
_NO_ROOM = "the stream has no room for it now: send it again"
_NO_STREAM = "the stream could not be reached: send it again"


def answer(request: Request, stream: Stream, counter: Counter | None = None, wall: Callable[[], int] = time_ns) -> Response:
    """The answer to any request, without the headers that all responses carry. ``wall``: epoch nanoseconds."""
    path = request.path
    if path in (EVENT_PATH, BATCH_PATH):
        request.account = ("event" if path == EVENT_PATH else "event-batch", None, None, None)
        if request.method != "POST":
            return wrong_method(request, _METHODS)
        if is_too_large(request.body):
            return refusal(request, 413, f"the request body is larger than {MAX_BODY_BYTES} bytes")
        try:
            events = (read_one if path == EVENT_PATH else read_batch)(request.body, wall())
        except BadRequest as mistake:
            return refusal(request, 400, str(mistake))
        return _put(request, events, stream, counter)
    if path == HEALTH_PATH:
        request.account = ("health", None, None, None)
        return _health(stream) if request.method in ("GET", "HEAD") else wrong_method(request, _HEALTH_METHODS)
    return refusal(request, 404, "there is nothing at this path")


def _put(request: Request, events: list[One], stream: Stream, counter: Counter | None) -> Response:
    records = [one.record for one in events if one.record is not None]
    why = stream.put(records) if records else ""
    left = {id(record) for record in records}  # the stream has taken the others out
    apology = "" if not left else _NO_ROOM if why == THROTTLED else _NO_STREAM
    results = []
    counts = {ACCEPTED: 0, REJECTED: 0, UNAVAILABLE: 0}
    for one in events:
        status = REJECTED if one.error is not None else UNAVAILABLE if id((one.first or one).record) in left else ACCEPTED
        counts[status] += 1
        results.append(_result(one, status, apology))
    _account(request, events, counts, why, counter)
    numbers = ",".join([f'"{status}":{number}' for status, number in counts.items()])
    body = f'{numbers},"results":[{",".join(results)}]}}'
    if counts[ACCEPTED]:
        return Response(202, "{" + body)
    if not counts[UNAVAILABLE]:
        said = events[0].error if len(events) == 1 else "there is no event in the request that can be taken"
        return Response(400, f'{{"error":{quote_json(said or "")},{body}')
    seconds = THROTTLED_SECONDS if why == THROTTLED else FAILED_SECONDS
    return Response(429 if why == THROTTLED else 503, f'{{"error":{quote_json(apology)},{body}', {"Retry-After": str(seconds)})


def _result(one: One, status: str, apology: str) -> str:
    """One member of ``results``. With an id that was assigned here goes the timestamp that was: to be sent again with it."""
    text = f'{{"event_id":"{one.event_id}"' if one.event_id is not None else '{"event_id":null'
    if one.timestamp is not None:
        text += f',"timestamp":"{one.timestamp}"'
    text += f',"status":"{status}"'
    if one.error is not None:
        text += f',"error":{quote_json(one.error)}'
    elif status == UNAVAILABLE:
        text += f',"error":{quote_json(apology)}'
    return text + (',"duplicate":true}' if one.first is not None else "}")


def _account(request: Request, events: list[One], counts: dict[str, int], why: str, counter: Counter | None) -> None:
    """What the log line says, and the metrics: numbers and our own words, nothing of an event (requirement SEC-08)."""
    fields: dict[str, object] = {"events": len(events), **counts}
    if counts[REJECTED]:
        fields["refusal"] = next(one.error for one in events if one.error is not None)
    if why:
        fields["stream"] = why
        fields["warning"] = "events were handed back: the stream didn't take them"
    request.account = (request.account[0], None, None, fields)
    if counter is not None:
        for status, number in counts.items():
            if number:
                counter.count(METRICS[status], number)
        if why == THROTTLED:
            counter.count(EVENTS_THROTTLED, counts[UNAVAILABLE])
        if repeated := sum(1 for one in events if one.first is not None):
            counter.count(EVENTS_REPEATED, repeated)


def _health(stream: Stream) -> Response:
    """That the process answers, and how its stream does; ``degraded`` while the breaker isn't closed."""
    breaker = stream.breaker
    status = "ok" if breaker.state == "closed" else "degraded"
    return Response(
        200,
        f'{{"status":"{status}","stream":{{"breaker":"{breaker.state}","failures_in_a_row":{breaker.failed},'
        f'"opened":{breaker.opened}}}}}',
    )


# --- the process's own ------------------------------------------------------------------------------------------------

_of_process: dict[str, Stream] = {}


def stream_of(environment: Mapping[str, str]) -> Stream:
    """The stream that these variables say; nothing is asked yet. Raises ValueError, naming the variable."""
    from handlers._aws_json import client_of
    from handlers._breaker import Breaker
    from handlers._ingest_settings import read_settings

    settings = read_settings(environment)
    client = client_of("kinesis", environment)
    return Stream(settings.stream, client, Breaker(settings.failures, settings.cool_down_ms), settings.budget_ms)


def stream_of_process() -> Stream:
    """The process's one stream (requirement SHR-07). Raises ConfigurationError."""
    made = _of_process.get("stream")
    if made is None:
        try:
            made = _of_process["stream"] = stream_of(os.environ)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
    return made


def reset_ingest() -> None:
    """Forgets it, so that the next event reads the environment again. For tests and tools."""
    _of_process.clear()


def handler(event: Event, context: object) -> Result:
    """Lambda's entry point. Raises nothing."""
    return serve(event, context, _respond, follows=False)


def _respond(request: Request, served: Served | None, edge: Edge) -> Response:
    counter: Any = edge.telemetry if hasattr(edge.telemetry, "count") else None
    return answer(request, stream_of_process(), counter)


def _prepare_in_lambda() -> None:
    """In the init phase, besides what every endpoint does: the client, and what its first call would import."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        try:
            stream_of_process().prepare()
        except Exception as error:  # logged here, and answered by every request
            log_error(error, None)
    prepare_in_lambda(follows=False)


_prepare_in_lambda()
