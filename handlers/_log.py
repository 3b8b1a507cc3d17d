"""Log lines without a logging framework: one JSON object a line, with the keys of Powertools for AWS Lambda. For ``handlers``.

Lambda hands what a function writes to standard output to CloudWatch Logs, line by line. A line leaves in one write; one that
can't be written is counted and costs no request anything. What the keys mean: docs/telemetry.md. On the cold path: imports
``json`` only, and of that what a Lambda's runtime client has imported already.
"""

from __future__ import annotations

import os
import sys
from json.encoder import JSONEncoder
from time import gmtime, strftime, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Loser(Protocol):
        """Who hears of the loss of its lines."""

        def drop(self, reason: str, number: int) -> object: ...

    Held = tuple[str, int, Loser]  # lines, how many, and whose they are

STANDARD_OUTPUT = 1
LEVELS: dict[str, int] = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "WARN": 30, "ERROR": 40, "CRITICAL": 50, "FATAL": 50}
INFO, WARNING, ERROR = 20, 30, 40

# Powertools looks at these in this order; the last one is Lambda's own setting ("advanced logging controls").
LEVEL_VARIABLES = ("POWERTOOLS_LOG_LEVEL", "LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL")
MAX_TEXT = 512  # characters of one text field; a line is never as long as what a client sent

THOUSANDTHS = tuple([f"{number:03d}" for number in range(1000)])  # the milliseconds of a timestamp

# ASCII only: half a surrogate pair is escaped too, so that a line can always be encoded, and no terminal obeys it.
to_ascii_json = JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=str).encode


class Output:
    """Whole lines to a file descriptor. ``lost`` counts those that couldn't be written.

    ``held``: texts that leave with the next line, in the same write: a request's events and its log line cost one call of the
    system, not two. Whoever puts a text there sees to ``let_go`` at the end of the request.
    """

    __slots__ = ("_fd", "_rest", "held", "lost")

    def __init__(self, fd: int = STANDARD_OUTPUT) -> None:
        # A process that was started without a standard output may get number 1 for a socket of its own.
        self._fd = fd if fd != STANDARD_OUTPUT or sys.__stdout__ is not None else -1
        self._rest = b""
        self.held: list[Held] = []
        self.lost = 0

    def let_go(self) -> None:
        """Writes what is held, where no line took it along. Raises nothing."""
        if self.held:
            self.say("")

    def say(self, line: str) -> bool:
        """``write`` for a line of text, with what is held before it. False: all of it is lost. Raises nothing."""
        held = self.held
        if not held:
            return self.write(line.encode())
        taken = held[:]
        del held[: len(taken)]  # whoever adds meanwhile adds to the same list, whose rest stays
        text = f"{taken[0][0]}{line}" if len(taken) == 1 else "".join([*[text for text, _, _ in taken], line])
        if self.write(text.encode()):
            return True
        for _, number, loser in taken:
            loser.drop("log", number)
        return False

    def write(self, line: bytes) -> bool:
        """Writes lines that end in a newline. False: they are lost. Raises nothing.

        What a full pipe took only half of is finished before the next line, so that no two run into each other.
        """
        left = self._rest + line if self._rest else line
        try:
            while True:
                written = os.write(self._fd, left)
                if written == len(left):  # nearly always, at once
                    if self._rest:
                        self._rest = b""
                    return True
                left = left[written:]
        except OSError:
            owed = len(left) - len(line)
            if owed < 0:  # cut within this line: it will be finished
                self._rest = left
                return True
            self._rest = left[:owed]
            self.lost += 1
            return False


output = Output()
"""The process's standard output."""


def level_of(environment: Mapping[str, str]) -> int:
    """The lowest level that is written (requirement SHR-02): 20 (INFO) unless said otherwise. Raises ValueError."""
    for variable in LEVEL_VARIABLES:
        name = environment.get(variable, "").strip().upper()
        if name:
            if name == "TRACE":  # Lambda's word for the lowest
                return LEVELS["DEBUG"]
            if name not in LEVELS:
                raise ValueError(f"{variable} is {name!r:.40}; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
            return LEVELS[name]
    return INFO


def service_of(environment: Mapping[str, str]) -> str:
    """What the function is called in logs and metrics: Powertools' setting, or its own name."""
    return environment.get("POWERTOOLS_SERVICE_NAME") or environment.get("AWS_LAMBDA_FUNCTION_NAME") or "burgee"


def timestamp(epoch_ns: int) -> str:
    """ISO 8601 in UTC with milliseconds, as Powertools' ``use_rfc3339`` writes it."""
    seconds, rest = divmod(epoch_ns, 1_000_000_000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{rest // 1_000_000:03d}+00:00"


def trace_id(header: str) -> str:
    """The ``Root`` of an X-Ray header (``Root=1-…;Parent=…;Sampled=1``)."""
    return header.partition(";")[0].replace("Root=", "")


def log(
    level: str,
    message: str,
    context: object = None,
    error: BaseException | None = None,
    extra: Mapping[str, object] | None = None,
    depth: int = 1,
) -> None:
    """Writes one line (requirement SHR-01). Raises nothing.

    ``level`` is one of ``LEVELS``; ``message`` ours; ``context`` Lambda's, where there is one. Of ``error`` it has type and
    place only: its text may quote what a user sent (requirement SEC-08). All of ``extra`` is kept, and replaces no key of ours.
    ``depth``: how many calls above this one the line is about.
    """
    try:
        if LEVELS[level] >= _lowest():
            caller = sys._getframe(depth)
            document = _document(level, message, context, error, caller.f_code.co_name, caller.f_lineno)
            for name, value in (extra or {}).items():
                document.setdefault(name, _shortened(value))
            output.write(to_ascii_json(document).encode() + b"\n")
    except Exception:  # whatever it is, a log line isn't worth a request
        output.lost += 1


def _lowest() -> int:
    try:
        return level_of(os.environ)
    except ValueError:  # reported where settings are read
        return INFO


def _document(
    level: str, message: str, context: object, error: BaseException | None, function: str, line: int
) -> dict[str, object]:
    environment = os.environ
    service = service_of(environment)
    document: dict[str, object] = {
        "level": level,
        "location": f"{function}:{line}",
        "message": message,
        "timestamp": timestamp(time_ns()),
        "service": service,
        "logger": service,
        "function": function,
        "line": line,
    }
    if context is not None:
        document["function_name"] = getattr(context, "function_name", None)
        document["function_memory_size"] = getattr(context, "memory_limit_in_mb", None)
        document["function_arn"] = getattr(context, "invoked_function_arn", None)
        document["function_request_id"] = getattr(context, "aws_request_id", None)
    if traced := environment.get("_X_AMZN_TRACE_ID"):
        document["xray_trace_id"] = trace_id(traced)
    if error is not None:
        name = type(error).__name__
        document["exception_name"] = name
        document["exception"] = "\n".join([*calls_to(error), name])
    return document


def _shortened(value: object) -> object:
    return value[:MAX_TEXT] if isinstance(value, str) else value


def calls_to(error: BaseException) -> list[str]:
    """The calls that led to an error, outermost first: module, line and function."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        found.append(f"{frame.f_globals.get('__name__')}:{trace.tb_lineno} {frame.f_code.co_name}")
        trace = trace.tb_next
    return found
