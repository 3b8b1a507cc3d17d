"""What a Lambda behind a Function URL does around its endpoint: reader, CORS, version headers, and what to say when all fails.

For the handlers with an endpoint of their own. On the cold path: the reader is imported when a function is prepared, so that
importing a handler elsewhere (``burgee serve``, tests) reads no environment and touches no disk.
"""

from __future__ import annotations

import os

from evaluator.errors import BurgeeError
from handlers._function_url import read_event, result_of
from handlers._http import SAME_ORIGIN, Cors, Request, finish, problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from handlers._function_url import Event, Result
    from handlers._http import Response
    from handlers._scratch import Served

    class Source(Protocol):
        """A ``_snapshots.Reader``, as far as this module knows it."""

        def served(self) -> Served | None: ...
        def age_ms(self) -> int | None: ...

    # request, what is served, its age, CORS, and who hears of unforeseen errors
    Respond = Callable[[Request, Served | None, int | None, Cors, Callable[[BaseException], object]], Response]

ORIGINS = "BURGEE_ALLOW_ORIGINS"
_NO_REQUEST = Request("GET", "/")
_INTERNAL = "an internal error kept the request from being answered"


class ConfigurationError(BurgeeError, ValueError):
    """A setting in the environment is wrong. The message names the variable and is fit for logs, not for clients."""


class Edge:
    """One function's surroundings, made once per process by ``prepare``."""

    __slots__ = ("_cors", "_source")

    def __init__(self, source: Source, cors: Cors) -> None:
        self._source = source
        self._cors = cors

    def answer(self, event: Event, respond: Respond, report: Callable[[BaseException], object]) -> Result:
        """The result for one event."""
        request = read_event(event)
        if isinstance(request, str):
            return result_of(finish(problem(400, request), _NO_REQUEST, self._cors))
        served = self._source.served()
        age_ms = self._source.age_ms()
        response = respond(request, served, age_ms, self._cors, report)
        if served is not None:
            headers = response.headers
            headers["X-Burgee-Version"] = str(served.version)
            headers["X-Burgee-Snapshot"] = served.snapshot_version
            if age_ms is not None:
                headers["X-Burgee-Age-Ms"] = str(age_ms)
        return result_of(response)


_of_process: dict[str, Edge] = {}


def prepare() -> Edge:
    """The process's surroundings, from the environment. Raises ConfigurationError."""
    made = _of_process.get("edge")
    if made is None:
        from handlers._snapshots import reader

        try:
            cors = Cors(_origins(os.environ.get(ORIGINS, "")))
            made = _of_process["edge"] = Edge(reader(), cors)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
    return made


def prepare_in_lambda() -> None:
    """``prepare`` during Lambda's init phase, where loading a bundle costs no request anything; nothing anywhere else.

    A mistake in the configuration is logged here and answered by every request: a function that failed to start would
    only be started again and again, and its callers would get no answer of ours.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        try:
            prepare()
        except Exception as error:
            log_error(error, None)


def reset_edge() -> None:
    """Forgets the surroundings, so that the next event reads the environment again. For tests and tools."""
    _of_process.clear()


def serve(event: Event, context: object, respond: Respond) -> Result:
    """The result for any event. Raises nothing; what is unforeseen is logged and answered by a bare 500."""

    def report(error: BaseException) -> None:
        log_error(error, context)

    try:
        return (_of_process.get("edge") or prepare()).answer(event, respond, report)
    except Exception as error:
        report(error)
        return result_of(finish(problem(500, _INTERNAL), _NO_REQUEST, SAME_ORIGIN))


def _origins(text: str) -> tuple[str, ...]:
    """The allow-list. Raises ValueError unless each is ``*`` or a scheme and a host, as browsers send them."""
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        scheme, separator, host = origin.partition("://")
        if origin != "*" and not (scheme and separator and host and "/" not in host):
            raise ValueError(f"{ORIGINS} holds {origin!r:.80}; it must be origins such as https://app.example, or *")
    return origins


def log_error(error: BaseException, context: object) -> None:
    """One line of JSON on standard output, where Lambda collects logs. Raises nothing.

    Of an unforeseen error it has the type and the place only: its text may hold what a user sent (requirement SEC-08).
    """
    from json import dumps

    document = {
        "level": "ERROR",
        "message": str(error) if isinstance(error, ConfigurationError) else "an unforeseen error",
        "error": type(error).__name__,
        "where": _where(error),
        "function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        "request_id": getattr(context, "aws_request_id", None),
    }
    try:
        print(dumps(document, default=str), flush=True)
    except (OSError, ValueError, AttributeError):  # there is nowhere to write to
        return


def _where(error: BaseException) -> list[str]:
    """The calls that led to it, outermost first: module, line and function."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        found.append(f"{frame.f_globals.get('__name__')}:{trace.tb_lineno} {frame.f_code.co_name}")
        trace = trace.tb_next
    return found
