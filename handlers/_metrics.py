"""Metrics as lines of CloudWatch's embedded metric format, and the counters that wait for the next line. For ``handlers``.

``emit`` and ``report`` write metrics that belong to no request; ``Metrics`` collects what ``_telemetry`` puts on requests'
lines. The format is AWS's "Embedded metric format specification". What each metric means: docs/telemetry.md.
"""

from __future__ import annotations

from time import time_ns

from handlers._log import output, service_of, to_ascii_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Metric = tuple[str, float, str]  # name, value, CloudWatch's unit
    Counted = str | tuple[tuple[str, int], ...] | None  # one evaluation's reason; how many had each; there was none
    Kind = tuple[str, int, Counted, bool | None]  # route, status, reasons, whether the store was looked at

NAMESPACE = "Burgee"
FLAG_EVALUATION, ASSIGNMENT_COUNT = "FlagEvaluation", "AssignmentCount"
BULK_EVALUATION = "BulkEvaluation"
FLAG_DETAIL, ASSIGNMENT_DETAIL = "FlagEvaluationByFlag", "AssignmentByVariant"
CACHE_HIT, CACHE_MISS = "CacheHit", "CacheMiss"
STICKY_CACHE_HIT, STICKY_CACHE_MISS = "StickyCacheHit", "StickyCacheMiss"
TRACKING_DROPPED, TRACKING_PENDING = "TrackingDropped", "TrackingPending"
PERSIST_FAILED, BREAKER_OPEN = "PersistFailed", "BreakerOpen"
ERRORS, CLIENT_ERRORS, THROTTLED, UNAUTHORIZED = "Errors", "ClientErrors", "Throttled", "Unauthorized"
LATENCY, COLD_START, LOG_DROPPED = "Latency", "ColdStart", "LogDropped"
SLOW_EVALUATION = "SlowEvaluation"

ASSIGN, BULK = "assign", "ofrep-bulk"  # routes that are counted by themselves
MOST_HELD = 100  # the numbers that one metric may have in one line, so the requests that may wait for it
MOST_KINDS = 256  # texts of each sort that are kept
MOST_REASONS = 64  # names that reasons may add; a line may have 100 metrics in all

_LATENCY_DEFINITION = '{"Name":"Latency","Unit":"Microseconds"}'


class Metrics:
    """Counters and durations that wait for a line. For one thread at a time."""

    __slots__ = ("_counted", "_definitions", "_gauges", "_held", "_kinds", "_known", "_names")

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}
        self._gauges: dict[str, int] = {}
        self._held: list[int] = []
        self._kinds: dict[Kind, int] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._known: dict[Kind, tuple[tuple[str, int], ...]] = {}
        self._definitions: dict[tuple[str, ...], str] = {}

    def count(self, name: str, number: int = 1) -> None:
        """Adds to a counter."""
        self._counted[name] = self._counted.get(name, 0) + number

    def gauge(self, name: str, value: int) -> None:
        """Sets a reading; the last one before a line counts."""
        self._gauges[name] = value

    def hold(self, duration_us: int, kind: Kind) -> None:
        """Counts one request. While no line can be written, durations beyond what a line may have are dropped."""
        if len(self._held) < MOST_HELD:
            self._held.append(duration_us)
        self._kinds[kind] = self._kinds.get(kind, 0) + 1

    def _effects(self, kind: Kind) -> tuple[tuple[str, int], ...]:
        """What one request of a kind adds, by metric."""
        route, status, reasons, missed = kind
        found: dict[str, int] = {}
        if reasons is not None:
            family = ASSIGNMENT_COUNT if route == ASSIGN else FLAG_EVALUATION
            for reason, times in ((reasons, 1),) if isinstance(reasons, str) else reasons:
                for name in (family, self.name_of(family, reason)):
                    found[name] = found.get(name, 0) + times
        elif route == BULK and status < 400:
            found[BULK_EVALUATION] = 1
        if missed is not None:
            found[CACHE_MISS if missed else CACHE_HIT] = 1
        if status >= 400:
            found[ERRORS if status >= 500 else CLIENT_ERRORS] = 1
            if status == 429:
                found[THROTTLED] = 1
            elif status in (401, 403):
                found[UNAUTHORIZED] = 1
        effects = tuple(found.items())
        if len(self._known) < MOST_KINDS:
            self._known[kind] = effects
        return effects

    def name_of(self, family: str, reason: str) -> str:
        """The metric of a reason: a name and not a dimension, because one line may have several reasons."""
        name = self._names.get((family, reason))
        if name is None:
            if len(self._names) >= MOST_REASONS:
                return f"{family}_other"
            name = self._names[family, reason] = f"{family}_{reason}"
        return name

    def texts(self, lost: int = 0) -> tuple[str, str, str]:
        """All that waits: the definitions, the durations, the other metrics as members. ``lost``: lines not written."""
        for kind, number in self._kinds.items():
            for name, times in self._known.get(kind) or self._effects(kind):
                self.count(name, times * number)
        self._kinds = {}
        figures = self._counted | self._gauges
        if lost:
            figures[LOG_DROPPED] = lost
        held = self._held
        names = tuple(figures)
        definitions = self._definitions.get(names) or self._defined(names)
        latency = str(held[0]) if len(held) == 1 else f"[{','.join(map(str, held))}]"
        return definitions, latency, "".join([f',"{name}":{value}' for name, value in figures.items()])

    def forget(self) -> None:
        """What waited has been written."""
        self._counted, self._gauges, self._held = {}, {}, []

    def _defined(self, names: tuple[str, ...]) -> str:
        text = ",".join([_LATENCY_DEFINITION, *[f'{{"Name":"{name}","Unit":"Count"}}' for name in names]])
        if len(self._definitions) < MOST_KINDS:
            self._definitions[names] = text
        return text


# --- metrics that belong to no request --------------------------------------------------------------------------------


def emit(
    namespace: str,
    metrics: tuple[Metric, ...],
    dimensions: Mapping[str, str] | None = None,
    properties: Mapping[str, object] | None = None,
) -> None:
    """Writes one line. ``dimensions`` select the metric, so they must have few values; ``properties`` are only logged.

    Raises nothing: a metric that can't be written (standard output is closed) must not cost a request.
    """
    try:
        text = line(namespace, metrics, dimensions or {}, properties or {}, time_ns() // 1_000_000)
        output.write(text.encode() + b"\n")
    except Exception:
        output.lost += 1


def line(
    namespace: str,
    metrics: tuple[Metric, ...],
    dimensions: Mapping[str, str],
    properties: Mapping[str, object],
    timestamp_ms: int,
) -> str:
    """The text that ``emit`` writes. Raises ValueError for a value that JSON doesn't have."""
    definition = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, _, unit in metrics],
    }
    document: dict[str, object] = {"_aws": {"Timestamp": timestamp_ms, "CloudWatchMetrics": [definition]}}
    document |= properties
    document |= dimensions
    document |= {name: value for name, value, _ in metrics}
    return to_ascii_json(document)


def report(name: str, value: float, unit: str, properties: Mapping[str, object]) -> None:
    """One metric of the reader's, with the dimension of all others. This is a ``Reader``'s default ``report``."""
    from os import environ

    emit(NAMESPACE, ((name, value, unit),), {"service": service_of(environ)}, properties)
