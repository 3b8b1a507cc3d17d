"""What stands around every endpoint, where a request begins and ends: reader, CORS, access, tracking, telemetry, the last 500.

A handler has ``respond(request, served, edge)`` and hands its events to ``serve``. One that answers from no snapshot says so
(``follows`` False), and gets neither a reader nor a tracker. For the handlers with an endpoint. On the cold path: what reads
the environment is imported when a function is prepared, so that importing a handler elsewhere (``burgee serve``, tests) reads
no environment and touches no disk.
"""

from __future__ import annotations

import gc
import os

from evaluator.errors import BurgeeError
from handlers._events import read_event, result_of
from handlers._http import SAME_ORIGIN, Cors, Request, finish, problem, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sized
    from typing import Any, Protocol

    from handlers._events import Event, Result
    from handlers._http import Response, Row
    from handlers._scratch import Served

    class Source(Protocol):
        """A ``_snapshots.Reader``, as far as this module knows it."""

        def standing(self) -> tuple[Served | None, int | None]: ...
        def age_ms(self) -> int | None: ...

    class Access(Protocol):
        """Who may ask, and how often."""

        def check(self, request: Request, event: Event) -> Response | None:
            """The refusal (401, 403, 429), or None. Asked before anything is read of a body, also for OPTIONS and health."""

    class Tracker(Protocol):
        """Where events of what was evaluated go. Nothing here raises."""

        @property
        def pending(self) -> bool:
            """Whether ``flush`` has anything to send."""

        @property
        def held(self) -> Sized:
            """What leaves with the request's log line, or by ``flush`` where there is none."""

        def exposed(
            self,
            user_id: str,
            experiment_id: str,
            experiment_key: str,
            variant: str,
            assignment_id: str | None = None,
            timestamp: str | None = None,
        ) -> None:
            """Takes a first assignment."""

        def track_flags(self, request: Request, user_id: object, context: Mapping[str, object], rows: list[Row]) -> None:
            """Takes the evaluations of one request. What of the context may leave the process is the tracker's to know."""

        def flush(self) -> None:
            """Sends what it holds, within a budget of its own; keeps or counts the rest."""

    class Telemetry(Protocol):
        """The log line and the metrics of a request (``_telemetry.Telemetry``). Nothing here raises."""

        def begin(self) -> int:
            """A request has come: the moment, for ``end``."""

        def evaluated(self, started: int) -> None:
            """Flags have been answered, and nothing else done yet."""

        def end(
            self,
            started: int,
            context: Any,
            request: Request,
            status: int,
            served: Served | None = None,
            age_ms: int | None = None,
        ) -> None:
            """Its answer is complete."""

    # request, what is served, and the surroundings
    Respond = Callable[[Request, Served | None, "Edge"], Response]

ORIGINS = "BURGEE_ALLOW_ORIGINS"
MAX_BATCH = "BURGEE_MAX_BATCH"
DEFAULT_MAX_BATCH = 100
MOST_BATCH = 10_000
INTERNAL = "Internal server error: the request could not be answered"


class ConfigurationError(BurgeeError, ValueError):
    """A setting in the environment is wrong. The message names the variable and is fit for logs, not for clients."""


class NoReader:
    """There is no snapshot, and none is needed."""

    def standing(self) -> tuple[None, None]:
        return None, None

    def age_ms(self) -> None:
        return None


class NoTracker:
    """Nothing is tracked."""

    pending = False
    held = ()

    def exposed(self, *_: object) -> None:
        return

    def track_flags(self, request: Request, user_id: object, context: Mapping[str, object], rows: list[Row]) -> None:
        return

    def flush(self) -> None:
        return


class NoTelemetry:
    """Nothing is said."""

    def begin(self) -> int:
        return 0

    def evaluated(self, started: int) -> None:
        return

    def end(self, *_: object) -> None:
        return


class Edge:
    """One function's surroundings, made once per process by ``prepare``. ``max_batch``: flags in one request.

    ``access`` None: everybody may ask, as often as they like.
    """

    __slots__ = ("_stamp", "access", "cors", "max_batch", "reader", "telemetry", "tracker")

    def __init__(
        self,
        reader: Source,
        cors: Cors = SAME_ORIGIN,
        access: Access | None = None,
        tracker: Tracker | None = None,
        telemetry: Telemetry | None = None,
        max_batch: int = DEFAULT_MAX_BATCH,
    ) -> None:
        self.reader = reader
        self.cors = cors
        self.access = access
        self.tracker: Tracker = tracker or NoTracker()
        self.telemetry: Telemetry = telemetry or NoTelemetry()
        self.max_batch = max_batch
        self._stamp: tuple[Served | None, Cors] = (None, cors)

    def answer(self, event: Event, context: object, respond: Respond) -> Result:
        """The result for one event."""
        started = self.telemetry.begin()
        served = age_ms = None
        request = read_event(event)
        if isinstance(request, str):
            response, request = problem(400, request), Request("GET", "/")
        else:
            try:
                refused = None if self.access is None else self.access.check(request, event)
                if refused is None:
                    served, age_ms = self.reader.standing()
                    response = respond(request, served, self)
                else:
                    response = refused
            except Exception as error:  # the last line of defence: whatever it is, it isn't the client's to read
                log_error(error, context, request.request_id)
                response = refusal(request, 500, INTERNAL)
        if not request.request_id:
            request.request_id = getattr(context, "aws_request_id", None) or ""
        finish(response, request, self.cors if served is None else self._stamped(served))
        if age_ms is not None and served is not None:
            response.headers["X-Burgee-Age-Ms"] = str(age_ms)
        result = result_of(response, event)
        try:
            tracker = self.tracker
            if request.evaluated is not None:
                self.telemetry.evaluated(started)
                tracker.track_flags(request, *request.evaluated)
            if tracker.pending:
                tracker.flush()
            self.telemetry.end(started, context, request, response.status, served, age_ms)
            if tracker.held:  # no line took the events along
                tracker.flush()
        except Exception as error:  # no failure of tracking or telemetry is worth an answer
            log_error(error, context, request.request_id)
        return result

    def _stamped(self, served: Served) -> Cors:
        """The headers that every response from this snapshot carries."""
        stamp = self._stamp
        if stamp[0] is not served:
            standing = {"X-Burgee-Version": str(served.version), "X-Burgee-Snapshot": served.snapshot_version}
            stamp = self._stamp = (served, self.cors.also(standing))
        return stamp[1]


# --- the process's own --------------------------------------------------------------------------------------------------

_of_process: dict[bool, Edge] = {}  # of functions that follow a snapshot, and of those that don't


def prepare(follows: bool = True) -> Edge:
    """The process's surroundings, from the environment. Raises ConfigurationError."""
    made = _of_process.get(follows)
    if made is None:
        try:
            made = _of_process[follows] = _from_environment(os.environ) if follows else _alone(os.environ)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
    return made


def _from_environment(environment: Mapping[str, str]) -> Edge:
    """Raises ValueError, naming the variable."""
    from handlers._access import access_of_environment
    from handlers._settings import number
    from handlers._snapshots import reader
    from handlers._telemetry import Telemetry
    from handlers._tracking_settings import tracker_of

    telemetry = Telemetry.of_environment(environment)
    telemetry.watch(reader())
    return Edge(
        reader(),
        Cors(_origins(environment.get(ORIGINS, ""))),
        access_of_environment(environment, telemetry),
        tracker_of(environment, telemetry),
        telemetry,
        number(environment, MAX_BATCH, DEFAULT_MAX_BATCH, "a number of flags", MOST_BATCH),
    )


def _alone(environment: Mapping[str, str]) -> Edge:
    """The same where no snapshot is followed and nothing evaluated. Raises ValueError, naming the variable."""
    from handlers._access import access_of_environment
    from handlers._telemetry import Telemetry

    telemetry = Telemetry.of_environment(environment)
    cors = Cors(_origins(environment.get(ORIGINS, "")))
    return Edge(NoReader(), cors, access_of_environment(environment, telemetry), None, telemetry)


def prepare_in_lambda(follows: bool = True) -> None:
    """``prepare`` during Lambda's init phase, where loading a bundle costs no request anything; nothing anywhere else.

    A mistake in the configuration is logged here and answered by every request: a function that failed to start would
    only be started again and again, and its callers would get no answer of ours.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        try:
            prepare(follows)
        except Exception as error:
            log_error(error, None)
        gc.freeze()  # what is here now stays: no collection during a request needs to walk it


def reset_edge() -> None:
    """Forgets the surroundings, so that the next event reads the environment again. For tests and tools."""
    _of_process.clear()


def serve(event: Event, context: object, respond: Respond, follows: bool = True) -> Result:
    """The result for any event. Raises nothing; what is unforeseen is logged and answered by a bare 500."""
    try:
        return (_of_process.get(follows) or prepare(follows)).answer(event, context, respond)
    except Exception as error:
        log_error(error, context)
        return _internal(event, context)


def _internal(event: Event, context: object) -> Result:
    """A well-formed 500 where there are no surroundings (requirement FLH-10)."""
    request = Request("GET", "/")
    try:
        found = read_event(event)
        if not isinstance(found, str):
            request = Request(found.method, found.path, request_id=found.request_id)
    except Exception as error:
        log_error(error, context)
    request.request_id = request.request_id or getattr(context, "aws_request_id", None) or ""
    return result_of(finish(refusal(request, 500, INTERNAL), request, SAME_ORIGIN), event)


def _origins(text: str) -> tuple[str, ...]:
    """The allow-list. Raises ValueError unless each is ``*`` or a scheme and a host, as browsers send them."""
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        scheme, separator, host = origin.partition("://")
        if origin != "*" and not (scheme and separator and host and "/" not in host):
            raise ValueError(f"{ORIGINS} holds {origin!r:.80}; it must be origins such as https://app.example, or *")
    return origins


def log_error(error: BaseException, context: object, request_id: str = "") -> None:
    """One line of JSON on standard output, where Lambda collects logs. Raises nothing.

    Of an unforeseen error it has the type and the place only: its text may hold what a user sent (requirement SEC-08).
    """
    from handlers._log import calls_to, log

    log(
        "ERROR",
        str(error) if isinstance(error, ConfigurationError) else "an unforeseen error",
        context,
        error,
        {
            "error": type(error).__name__,
            "where": calls_to(error),
            "request_id": request_id or getattr(context, "aws_request_id", None),
        },
        depth=2,
    )
