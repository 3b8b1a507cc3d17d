"""What a request leaves behind: one line that is a log entry and, at the same time, CloudWatch metrics. For ``handlers``.

Powertools' keys for logs and AWS's embedded metric format for metrics, so that their dashboards and queries work. Fields,
metrics and queries: docs/telemetry.md. On the cold path, and part of every request's time: what stays the same is made once.
"""

from __future__ import annotations

import os
from json.encoder import encode_basestring_ascii
from time import gmtime, monotonic_ns, strftime, time_ns

from evaluator import IMPLEMENTATION
from handlers._log import ERROR, INFO, THOUSANDTHS, WARNING, Output, level_of, output, service_of, to_ascii_json, trace_id
from handlers._metrics import (
    ASSIGN,
    ASSIGNMENT_DETAIL,
    COLD_START,
    FLAG_DETAIL,
    MOST_HELD,
    NAMESPACE,
    SLOW_EVALUATION,
    Metrics,
    emit,
    report,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from handlers._http import Request
    from handlers._metrics import Counted, Kind

    Fields = Mapping[str, object]

    class Standing(Protocol):
        """A ``_scratch.Served``, as far as this module knows it."""

        @property
        def version(self) -> int: ...
        @property
        def snapshot_version(self) -> str: ...

    class Source(Protocol):
        """A ``_snapshots.Reader``, as far as this module knows it."""

        checks: int


__all__ = ["Telemetry", "emit", "report"]

RATE, SALT, SOURCE_IP, DETAIL = "BURGEE_LOG_RATE", "BURGEE_LOG_SALT", "BURGEE_LOG_SOURCE_IP", "BURGEE_METRIC_DETAIL"
MAX_FIELD = 256  # characters of one text on a request's line
LONGEST_HELD_NS = 10_000_000_000
SLOW_NS = 5_000_000  # what an answer from memory may take

_LEVEL_NAMES = {INFO: "INFO", WARNING: "WARNING", ERROR: "ERROR"}
_ALL = 2**32  # what no 32-bit number reaches
_EMPTY, _NULL = '""', "null"
_CONSTANTS: dict[object, str] = {None: "null", True: "true", False: "false"}
_MOST_KEPT = 1024  # texts of each kind
_quote = encode_basestring_ascii


class Telemetry(Metrics):
    """One function's request lines and counters, made once per process. For one thread at a time."""

    __slots__ = (
        "_arn", "_checks", "_clock", "_cold", "_detail", "_flags", "_identity", "_level", "_middle", "_output", "_salt",
        "_second", "_second_ns", "_service", "_show_ip", "_snapshot", "_source", "_standing", "_start", "_state", "_tails",
        "_threshold", "_traced", "_wall", "_written", "begin",
    )  # fmt: skip

    def __init__(
        self,
        service: str,
        *,
        level: int = INFO,
        rate: float = 1.0,
        salt: str = "",
        show_ip: bool = True,
        detail: bool = False,
        cold: bool = True,
        output: Output = output,
        clock: Callable[[], int] = monotonic_ns,
        wall: Callable[[], int] = time_ns,
    ) -> None:
        """``rate``: the share of INFO lines that is written, 0 to 1; ``salt``: users are logged as a hash with it, empty: not
        at all; ``detail``: metrics by flag and by variant as well; ``cold``: the first request is a cold start.

        ``clock`` and ``wall``: monotonic and epoch nanoseconds.
        """
        super().__init__()
        self.begin = clock  # the moment a request came, for `end`
        self._clock = clock
        self._wall = wall
        self._output = output
        self._service = _quote(service)
        self._level = level
        self._threshold = int(rate * _ALL) if level <= INFO else 0
        self._state = int.from_bytes(os.urandom(4))
        self._salt = salt
        self._show_ip = show_ip
        self._detail = detail
        self._cold = cold
        self._written = wall()
        self._source: Source | None = None
        self._checks = 0
        self._arn: object = self  # nobody's
        self._identity = ""
        self._middle = ""
        self._second = self._start = ""
        self._second_ns = -_ALL
        self._standing: Standing | None = None
        self._snapshot = _BACKEND
        self._tails: dict[Kind, str] = {}
        self._flags: dict[str | None, str] = {}
        # The runtime sets the trace id before every request. `os.environ.get` would cost 0.2 µs of each.
        self._traced: Mapping[object, bytes] = getattr(os.environ, "_data", {})

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Telemetry:
        """As these variables say. Raises ValueError, naming the variable and what it may be."""
        return cls(
            service_of(environment),
            level=level_of(environment),
            rate=_rate(environment.get(RATE, "")),
            salt=environment.get(SALT, ""),
            show_ip=_yes_or_no(environment, SOURCE_IP, "1"),
            detail=_yes_or_no(environment, DETAIL, "0"),
            # Nobody waits for a provisioned sandbox to start; Powertools counts alike.
            cold=environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "provisioned-concurrency",
        )

    def watch(self, source: Source) -> None:
        """Counts a request that had to look at the store as ``CacheMiss``, any other as ``CacheHit``."""
        self._source = source
        self._checks = source.checks

    def user_hash(self, user_id: str) -> str | None:
        """What stands for a user in a log line: 16 hex digits; None where no salt is set (requirement SEC-08)."""
        if not self._salt:
            return None
        from hashlib import blake2b

        key = blake2b(self._salt.encode("utf-8", "surrogatepass")).digest()  # a salt of any length
        return blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8, key=key).hexdigest()

    # --- a request ----------------------------------------------------------------------------------------------------

    def evaluated(self, started: int) -> None:
        """Flags have been answered. Counts an answer that was slow though nobody had to start or to look at the store.

        Call it before anything that isn't evaluation, such as tracking. ``started``: what ``begin`` gave.
        """
        if self._clock() - started > SLOW_NS and not self._cold:
            source = self._source
            if source is None or source.checks == self._checks:
                self.count(SLOW_EVALUATION)

    def end(
        self,
        started: int,
        context: Any,
        request: Request,
        status: int,
        served: Standing | None = None,
        age_ms: int | None = None,
    ) -> None:
        """Writes the request's line, or keeps its figures for a later one. Call it once per request. Raises nothing.

        ``started``: what ``begin`` gave; ``context``: Lambda's, or None; ``served``: what answered it, and ``age_ms`` how old
        that was. What the endpoint says of the request is its ``account`` (``_http.Request``); of its fields ``warning`` makes
        the line a warning.
        """
        try:
            duration_us = (self._clock() - started) // 1_000
            now = self._wall()
            route, reasons, flag, fields = request.account
            counted: Counted = None
            if reasons is not None:
                counted = reasons if isinstance(reasons, str) else tuple(reasons.items()) or None
            source = self._source
            missed: bool | None = None
            if source is not None and (missed := source.checks != self._checks):
                self._checks = source.checks
            kind = (route, status, counted, missed)
            level = INFO if status < 500 and (fields is None or "warning" not in fields) else _level_of(status)
            if (level < self._level or (level == INFO and self._threshold < _ALL)) and self._may_wait(level, now, flag, fields):
                self.hold(duration_us, kind)
                return
            if served is not self._standing or not 0 <= now - self._second_ns < 1_000_000_000:
                self._renew(now, served)
            function_request_id = self._invocation(context)
            duration = latency = str(duration_us)
            lost = self._output.lost
            alone = not (self._held or self._counted or self._gauges or self._cold or self._detail or lost)
            if not alone:
                self.hold(duration_us, kind)
                tail, latency = self._whole_tail(kind, context, flag, fields)
            else:
                tail = self._tails.get(kind) or self._kept_tail(kind)
            digits = THOUSANDTHS[(now - self._second_ns) // 1_000_000]
            if level >= self._level:
                traced = self._traced.get(b"_X_AMZN_TRACE_ID")
                request_id, source_ip, caller = request.request_id, request.source_ip, request.caller
                text = (
                    f"{self._start if level == INFO else self._start.replace('INFO', _LEVEL_NAMES[level], 1)}{digits}"
                    f"{self._middle}{function_request_id}"
                    f"{'' if traced is None else _trace(traced)}"
                    f',"request_id":{_quote(request_id[:MAX_FIELD]) if request_id else _EMPTY}'
                    f',"source_ip":{_quote(source_ip[:MAX_FIELD]) if source_ip and self._show_ip else _EMPTY}'
                    f"{_caller(caller) if caller else ''}{self._user(request) if self._salt else ''}"
                    f'{self._snapshot},"age_ms":{_NULL if age_ms is None else age_ms}'
                    f"{(fields is None and self._flags.get(flag)) or self._more(route, flag, fields)}"
                    f',"duration_us":{duration},"Latency":{latency}{tail}{self._second}{digits}}}}}\n'
                )
            else:  # metrics only
                about = self._more(route, flag, fields) if self._detail else ""
                text = (
                    f'{{"service":{self._service}{self._identity}{about},"Latency":{latency}{tail}{self._second}{digits}}}}}\n'
                )
            self._written = now
            if not self._output.say(text):
                if alone:
                    self.hold(duration_us, kind)
            elif not alone:
                self.forget()
                self._output.lost -= lost
                if self._cold:
                    self._cold = False
                    self._arn = self  # so that the next line says so
        except Exception:  # whatever it is, telemetry isn't worth a request
            self._output.lost += 1

    def _user(self, request: Request) -> str:
        user = request.user if request.evaluated is None else request.evaluated[0]
        return f',"user_hash":"{self.user_hash(user)}"' if isinstance(user, str) else ""

    def _may_wait(self, level: int, now: int, flag: str | None, fields: Fields | None) -> bool:
        """Whether a request needs no line of its own: it isn't drawn, and what waits may wait on."""
        if self._cold or len(self._held) >= MOST_HELD - 1 or not 0 <= now - self._written < LONGEST_HELD_NS:
            return False
        if self._detail and (flag is not None or fields is not None):
            return False
        if level < self._level:
            return True
        # A step of a linear congruential generator: `random` would have to be imported, and pulls in hashlib.
        self._state = state = (self._state * 1_664_525 + 1_013_904_223) % _ALL
        return state >= self._threshold

    # --- texts --------------------------------------------------------------------------------------------------------

    def _kept_tail(self, kind: Kind) -> str:
        """What is the same at the end of all such requests' lines; made when the first of them comes."""
        alone = Metrics()
        alone.hold(0, kind)
        definitions, _, values = alone.texts()
        tail = _words(kind) + values + _AWS % (_OF_SERVICE % definitions)
        if len(self._tails) < _MOST_KEPT:
            self._tails[kind] = tail
        return tail

    def _whole_tail(self, kind: Kind, context: Any, flag: str | None, fields: Fields | None) -> tuple[str, str]:
        """The end of a line that takes all that waits, and the durations in it."""
        definitions, latency, values = self.texts(self._output.lost)
        directives = _OF_SERVICE % definitions
        if self._cold and context is not None:
            directives += _directive(("function_name", "service"), COLD_START)
            values += f',"{COLD_START}":1'
        if self._detail and flag is not None and isinstance(kind[2], str):
            if kind[0] != ASSIGN:
                directives += _directive(("service", "flag", "reason"), FLAG_DETAIL)
                values += f',"{FLAG_DETAIL}":1'
            elif fields is not None and "variant" in fields:
                directives += _directive(("service", "experiment", "variant", "reason"), ASSIGNMENT_DETAIL)
                values += f',"{ASSIGNMENT_DETAIL}":1'
        return _words(kind) + values + _AWS % directives, latency

    def _renew(self, now: int, served: Standing | None) -> None:
        """Renews the kept texts where second or snapshot are others than at the last line."""
        second, rest = divmod(now, 1_000_000_000)
        self._second_ns = now - rest
        self._second = str(second)
        time = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        self._start = f'{{"level":"INFO",{_LOCATION},"message":"request","timestamp":"{time}.'
        self._standing = served
        self._snapshot = _BACKEND
        if served is not None:
            self._snapshot += f',"version":{served.version},"snapshot_version":{_quote(served.snapshot_version)}'

    def _invocation(self, context: Any) -> str:
        """Lambda's id of the request, quoted; renews the kept texts where the function is another than at the last line."""
        arn, quoted_id = None, ""
        if context is not None:
            try:
                arn = context.invoked_function_arn
                quoted_id = _quote(context.aws_request_id)
            except AttributeError:  # some other host's
                arn, quoted_id = getattr(context, "invoked_function_arn", ""), _quote(getattr(context, "aws_request_id", ""))
        if arn != self._arn:
            self._meet(context, arn)
        return quoted_id

    def _meet(self, context: Any, arn: object) -> None:
        """Keeps what the function is called: nearly always the same for all requests of a sandbox."""
        self._arn = arn
        self._identity = key = ""
        if context is not None:
            members = {
                "function_name": getattr(context, "function_name", ""),
                "function_memory_size": getattr(context, "memory_limit_in_mb", ""),
                "function_arn": arn,
            }
            self._identity = "," + to_ascii_json(members)[1:-1]
            key = ',"function_request_id":'
        cold = "true" if self._cold else "false"
        self._middle = f'+00:00","service":{self._service},"cold_start":{cold}{self._identity}{key}'

    def _more(self, route: str, flag: str | None, fields: Fields | None) -> str:
        """The flag (or experiment) and the fields as members. The text of the flag alone is kept."""
        text = self._flags.get(flag)
        if text is None:
            name = "experiment" if route == ASSIGN else "flag"
            text = "" if flag is None else f',"{name}":{_quote(flag[:MAX_FIELD])}'
            if len(self._flags) < _MOST_KEPT:
                self._flags[flag] = text
        if not fields:
            return text
        for name, value in fields.items():
            if isinstance(value, str):
                text += f',"{name}":{_quote(value[:MAX_FIELD])}'
            else:
                plain = value is None or value is True or value is False
                text += f',"{name}":{_CONSTANTS[value] if plain else to_ascii_json(value)}'
        return text


_LOCATION = f'"location":"end:{Telemetry.end.__code__.co_firstlineno}"'
_AWS = ',"_aws":{"CloudWatchMetrics":[%s],"Timestamp":'
_OF_SERVICE = f'{{"Namespace":"{NAMESPACE}","Dimensions":[["service"]],"Metrics":[%s]}}'
_BACKEND = f',"backend":"{IMPLEMENTATION}"'


def _directive(dimensions: tuple[str, ...], metric: str) -> str:
    """One more set of dimensions, for a metric of its own."""
    definition = f'{{"Name":"{metric}","Unit":"Count"}}'
    return f',{{"Namespace":"{NAMESPACE}","Dimensions":[{to_ascii_json(dimensions)}],"Metrics":[{definition}]}}'


def _level_of(status: int) -> int:
    return ERROR if status >= 500 else WARNING


def _words(kind: Kind) -> str:
    route, status, reasons, _ = kind
    text = f',"route":"{route}","status":{status}'
    if reasons is None:
        return text
    return (
        f'{text},"reason":{_quote(reasons)}' if isinstance(reasons, str) else f'{text},"reasons":{to_ascii_json(dict(reasons))}'
    )


def _caller(caller: str) -> str:
    return f',"caller":{_quote(caller[:MAX_FIELD])}'


def _trace(raw: bytes) -> str:
    """The member for ``Root=1-…;Parent=…;Sampled=1``, which a client may have made up."""
    if raw[:7] == b"Root=1-" and raw[40:41] == b";":  # nearly always
        return f',"xray_trace_id":{_quote(str(raw[5:40], "latin-1"))}'
    return f',"xray_trace_id":{_quote(trace_id(str(raw[:MAX_FIELD], "latin-1")))}'


# --- settings -------------------------------------------------------------------------------------------------------------


def _rate(text: str) -> float:
    """A share from 0 to 1; nothing said: 1. Raises ValueError."""
    try:
        rate = float(text) if text else 1.0
    except ValueError:
        rate = -1.0
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"{RATE} is {text!r:.40}; it must be a share from 0 (no line) to 1 (every request's)")
    return rate


def _yes_or_no(environment: Mapping[str, str], name: str, default: str) -> bool:
    text = environment.get(name) or default
    if text not in ("0", "1"):
        raise ValueError(f"{name} is {text!r:.40}; it must be 0 or 1")
    return text == "1"
