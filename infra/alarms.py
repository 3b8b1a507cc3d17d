"""The one table of alarms. Each watches something that is really emitted, and has an entry in docs/runbook.md. No CDK here.

A test holds every metric of ours against the sources of the function that should emit it, and every ``runbook`` against the
page's headings. What a metric means: docs/telemetry.md and the functions' own pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from infra import functions as names
from infra.functions import FUNCTIONS, Function
from infra.stores import OUTBOX_DEAD, QUEUES

LAMBDA, SQS, KINESIS, API, OURS = "AWS/Lambda", "AWS/SQS", "AWS/Kinesis", "AWS/ApiGateway", "Burgee"
MINUTE = 60
ERROR_PERCENT = 0.1
AGE_MS = 300_000
SYNC_AGE_MS = 60_000
MIRROR_AGE_MS = 6 * 3_600_000  # at 24 hours the table's stream forgets
CACHE_PERCENT = 90
STALE_MS = 60_000
WARM_MS, WARM_PERCENT = 5, 1  # p99 of an answer from memory
LONG_RUN_MS = 30_000
LAG_MS = 60_000
API_MS = 100  # twice the slowest target of a function (assignments'): half of it is the function's
HTTP_API = "api"
"""What the alarms of the HTTP API are on; they are there where it is."""
QUARTER = 15  # minutes: what passes by itself needs nobody


@dataclass(frozen=True, slots=True)
class Metric:
    """``of``: the function, queue, stream or API that it is measured on; the namespace says which."""

    namespace: str
    name: str
    of: str
    statistic: str = "Sum"


@dataclass(frozen=True, slots=True)
class Alarm:
    """``metrics`` by the letter that ``expression`` calls them; without an expression there is one.

    It is in alarm when ``needed`` of the last ``periods`` of ``period_s`` seconds were beyond the ``limit``. ``missing``: what
    a period without data is taken for. ``guards``: a canary deployment of that function is taken back.
    """

    name: str
    what: str
    runbook: str
    metrics: tuple[tuple[str, Metric], ...]
    limit: float
    beyond: Literal["above", "below"] = "above"
    expression: str = ""
    period_s: int = MINUTE
    periods: int = 5
    needed: int = 3
    missing: Literal["notBreaching", "breaching"] = "notBreaching"
    guards: str = ""
    optional: bool = False

    @property
    def of_api(self) -> bool:
        """Whether it is about the HTTP API, which a deployment may have."""
        return any(metric.namespace == API for _, metric in self.metrics)


def _one(metric: Metric) -> tuple[tuple[str, Metric], ...]:
    return (("m", metric),)


# --- every function ------------------------------------------------------------------------------------------------------


def _of_every(row: Function) -> Iterator[Alarm]:
    name, optional = row.name, row.optional
    asked = ("asked", Metric(LAMBDA, "Invocations", name))
    failed = ("failed", Metric(LAMBDA, "Errors", name))
    answered = ("answered", Metric(OURS, "Errors", name))  # a 500 is an invocation that went well
    yield Alarm(
        f"{name}-errors",
        f"more than {ERROR_PERCENT} % of the invocations of {name} fail" + (" or are answered with 5xx" if row.url else ""),
        "Error rate",
        (asked, failed, answered) if row.url else (asked, failed),
        ERROR_PERCENT,
        expression=f"100 * (failed{' + FILL(answered, 0)' if row.url else ''}) / asked",
        guards=name,
        optional=optional,
    )
    yield Alarm(
        f"{name}-throttles",
        f"invocations of {name} are throttled: its concurrency is used up",
        "Throttles",
        _one(Metric(LAMBDA, "Throttles", name)),
        1,
        optional=optional,
    )
    if row.p99_ms is not None:
        # Of a batch our own figure counts: Lambda's has the sending of the answer in it.
        watched = Metric(LAMBDA, "Duration", name, "p99") if row.url else Metric(OURS, "ProcessingTime", name, "p99")
        yield Alarm(
            f"{name}-latency",
            f"p99 of {name} is above {row.p99_ms} ms",
            "Latency" if row.url else "Slow batches",
            _one(watched),
            row.p99_ms,
            periods=5 if row.url else QUARTER,
            needed=3 if row.url else QUARTER,
            guards=name if row.url else "",
        )


def _of_followers(row: Function) -> Iterator[Alarm]:
    """Those that answer from a snapshot."""
    yield Alarm(
        f"{row.name}-snapshot-age",
        f"a sandbox of {row.name} hasn't been able to confirm its snapshot for {STALE_MS // 1000} s",
        "Snapshot age",
        _one(Metric(OURS, "SnapshotStale", row.name, "Maximum")),
        STALE_MS,
    )
    yield Alarm(
        f"{row.name}-quarantined",
        f"{row.name} refuses a version that was published",
        "Version refused by readers",
        _one(Metric(OURS, "SnapshotQuarantined", row.name)),
        0,
        needed=1,
    )
    hit, miss = (("hit", Metric(OURS, "CacheHit", row.name)), ("miss", Metric(OURS, "CacheMiss", row.name)))
    yield Alarm(
        f"{row.name}-cache",
        f"fewer than {CACHE_PERCENT} % of the requests to {row.name} are answered without a look at the store",
        "Cache hit rate",
        (hit, miss),
        CACHE_PERCENT,
        "below",
        # A handful of requests an hour are all misses, and no reason to wake anybody. A minute of misses alone has no hits.
        expression="IF(FILL(hit, 0) + FILL(miss, 0) > 100, 100 * FILL(hit, 0) / (FILL(hit, 0) + FILL(miss, 0)), 100)",
        periods=15,
        needed=10,
    )


def _of_evaluators(row: Function) -> Iterator[Alarm]:
    """A percentile of ``Latency`` would have looks at the store and tracking in it; the function counts what is slow itself."""
    yield Alarm(
        f"{row.name}-evaluation",
        f"p99 of an answer of {row.name} from memory is above {WARM_MS} ms",
        "Slow evaluation",
        (("slow", Metric(OURS, "SlowEvaluation", row.name)), ("hit", Metric(OURS, "CacheHit", row.name))),
        WARM_PERCENT,
        expression="IF(FILL(hit, 0) > 100, 100 * FILL(slow, 0) / hit, 0)",
    )


def _of_trackers(row: Function) -> Iterator[Alarm]:
    yield Alarm(
        f"{row.name}-tracking-dropped",
        f"events of {row.name} will never arrive in the stream",
        "Tracking drops events",
        _one(Metric(OURS, "TrackingDropped", row.name)),
        0,
    )


def _of_the_edge(row: Function) -> Iterator[Alarm]:
    yield Alarm(
        f"{row.name}-silence",
        f"nobody has asked {row.name} for 15 minutes",
        "No data",
        _one(Metric(LAMBDA, "Invocations", row.name)),
        1,
        "below",
        period_s=5 * MINUTE,
        periods=3,
        needed=3,
        missing="breaching",
    )
    yield Alarm(
        f"{row.name}-lines-lost",
        f"lines of {row.name}'s log, and the metrics in them, couldn't be written",
        "Log lines lost",
        _one(Metric(OURS, "LogDropped", row.name)),
        0,
    )


# --- one function each ---------------------------------------------------------------------------------------------------


def _counted(
    name: str, of: str, metric: str, what: str, runbook: str, needed: int = 1, periods: int = 5, optional: bool = False
) -> Alarm:
    """In alarm when something that should never be counted is."""
    return Alarm(name, what, runbook, _one(Metric(OURS, metric, of)), 0, needed=needed, periods=periods, optional=optional)


def _share(name: str, metric: str, percent: float, what: str, runbook: str) -> Alarm:
    """In alarm when for a quarter of an hour more than ``percent`` of the events were so."""
    return Alarm(
        name,
        f"more than {percent} % of the {what}",
        runbook,
        (("some", Metric(OURS, metric, "events")), ("all", Metric(OURS, "RecordsPerBatch", "events"))),
        percent,
        expression="100 * some / all",
        periods=QUARTER,
        needed=QUARTER,
    )


_SINGLE = (
    _counted(
        "assignments-not-stored", "assignments", "PersistFailed", "assignments can't be stored", "Assignments not stored", 3
    ),
    _counted(
        "assignments-lost",
        "assignments",
        "AssignmentUnqueued",
        "assignments are neither stored nor queued",
        "Assignments not stored",
    ),
    _counted(
        "ingest-unavailable",
        "ingest",
        "EventsUnavailable",
        "events are handed back to their senders: the stream doesn't take them",
        "Events handed back",
        3,
    ),
    _counted(
        "events-failed",
        "events",
        "FailedRecords",
        "batches of events fail and come again",
        "The processor can't finish a batch",
        3,
    ),
    _share(
        "events-quarantined", "QuarantinedEvents", 1, "events have times that can't be believed", "Times that can't be believed"
    ),
    _share("events-repeated", "DuplicateEvents", 5, "events are sent more than once", "Many repetitions"),
    Alarm(
        "events-lag",
        f"events are counted more than {LAG_MS // 1000} s after their arrival",
        "Slow batches",
        _one(Metric(OURS, "EventLagMs", "events", "p90")),
        LAG_MS,
        periods=QUARTER,
        needed=QUARTER,
    ),
    _counted(
        "events-not-a-batch",
        "events",
        "ProcessingErrors",
        "the processor is invoked with what is no batch of the stream",
        "The processor can't finish a batch",
    ),
    _counted(
        "events-numbers", "events", "NumbersLeftOut", "numbers of events find no room in their counter", "Numbers left out"
    ),
    _counted(
        "sample-ratio",
        "results",
        "SampleRatioMismatch",
        "an experiment's variants have the wrong shares",
        "Sample ratio mismatch",
    ),
    _counted("results-failed", "results", "ResultsFailed", "experiments can't be looked at", "Results can't be read", 3),
    _counted("results-left", "results", "ResultsLeft", "experiments are left for want of time", "Results can't be read", 3),
    Alarm(
        "results-silence",
        "nobody has looked at results for an hour",
        "Results can't be read",
        _one(Metric(OURS, "ResultsComputed", "results", "SampleCount")),
        1,
        "below",
        period_s=5 * MINUTE,
        periods=12,
        needed=12,
        missing="breaching",
    ),
    _counted("sync-failed", "sync", "SyncFailed", "runs of the sync fail", "Sync fails", 3),
    _counted("sync-refused", "sync", "SyncRefused", "the gate has stopped a publish", "Publish refused"),
    _counted("sync-held", "sync", "SyncHeld", "a rollback has held the store for an hour", "Store held", 60, 60),
    _counted("flag-errors", "sync", "FlagErrors", "items of the tables have errors, and answer so", "Items with errors"),
    Alarm(
        "sync-silence",
        "nothing has been synced for five minutes",
        "Nothing is synced",
        (("new", Metric(OURS, "SyncPublished", "sync")), ("same", Metric(OURS, "SyncUnchanged", "sync"))),
        1,
        "below",
        expression="new + same",
        needed=5,
        missing="breaching",
    ),
    Alarm(
        "sync-slow",
        "p99 of the sync is above half of its timeout",
        "Sync is slow",
        _one(Metric(OURS, "SyncDurationMs", "sync", "p99")),
        LONG_RUN_MS,
    ),
    Alarm(
        "stream-full",
        "the stream of events refuses records: it has no room",
        "Stream is full",
        _one(Metric(KINESIS, "WriteProvisionedThroughputExceeded", names.STREAM)),
        0,
    ),
    _counted(
        "mirror-failed", "mirror", "MirrorFailed", "changes of assignments aren't mirrored", "Mirror fails", 3, optional=True
    ),
    _counted(
        "mirror-poison", "mirror", "MirrorPoison", "changes of assignments can't be mirrored", "Mirror fails", optional=True
    ),
)


_OF_THE_API = (
    Alarm(
        "api-errors",
        f"more than {ERROR_PERCENT} % of the requests to the API are answered with 5xx",
        "The API answers with 5xx",
        (("asked", Metric(API, "Count", HTTP_API, "SampleCount")), ("failed", Metric(API, "5xx", HTTP_API))),
        ERROR_PERCENT,
        expression="100 * FILL(failed, 0) / asked",
    ),
    Alarm(
        "api-latency",
        f"p99 of the API is above {API_MS} ms",
        "The API is slow",
        _one(Metric(API, "Latency", HTTP_API, "p99")),
        API_MS,
    ),
)


def _of_streams() -> Iterator[Alarm]:
    limits = {"events": AGE_MS, "sync": SYNC_AGE_MS, "mirror": MIRROR_AGE_MS}
    for row in FUNCTIONS:
        if row.sources:
            yield Alarm(
                f"{row.name}-iterator-age",
                f"{row.name} is more than {limits[row.name] // 1000} s behind its stream",
                "Iterator age",
                _one(Metric(LAMBDA, "IteratorAge", row.name, "Maximum")),
                limits[row.name],
                optional=row.optional,
            )


_DEPTH_RUNBOOK = {
    names.SYNC_FAILURES: "Dead letters: what the next minute does again",
    names.RESULTS_FAILURES: "Dead letters: what the next minute does again",
    names.MIRROR_FAILURES: "Mirror fails",
    names.POISON: "Dead letters: poison",
    names.OUTBOX: "Assignments not stored",
    OUTBOX_DEAD: "Assignments not stored",
    names.MIRROR_POISON: "Mirror fails",
}


def _of_queues() -> Iterator[Alarm]:
    for queue in QUEUES:
        yield Alarm(
            f"{queue.name}-depth",
            f"there are messages in {queue.name}: {queue.what}",
            _DEPTH_RUNBOOK.get(queue.name, "Dead letters: given up by Lambda"),
            _one(Metric(SQS, "ApproximateNumberOfMessagesVisible", queue.name, "Maximum")),
            0,
            periods=1,
            needed=1,
            optional=queue.optional,
        )


def _all() -> Iterator[Alarm]:
    for row in FUNCTIONS:
        yield from _of_every(row)
        if row.url == "api-key":
            yield from _of_the_edge(row)
        if "BURGEE_STORE" in row.environment and row.hot:
            yield from _of_followers(row)
            yield from _of_trackers(row)
        if row.name == "flags":
            yield from _of_evaluators(row)
    yield from _of_streams()
    yield from _of_queues()
    yield from _SINGLE
    yield from _OF_THE_API


ALARMS: tuple[Alarm, ...] = tuple(_all())
