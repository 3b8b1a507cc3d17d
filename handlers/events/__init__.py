"""The event processor: a Kinesis stream of events in, counters and an archive out. docs/event-processor.md describes it.

It runs behind the stream and never on a request's path. Whatever is delivered, how often and however it is cut, each event is
counted once and archived once. boto3 and Powertools are welcome: nobody waits for it.
"""

import gc
import json
import os
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from handlers import _dead_letters, _stream
from handlers._experiments import experiments_of
from handlers._scratch import Served
from handlers._snapshots import reader
from handlers._stream import KINESIS, Deadline, Record
from handlers.events.batch import Outcome, Processor, Snapshot
from handlers.events.commit import Committer
from handlers.events.enrich import Assignments
from handlers.events.lanes import Lanes, lineage_of
from handlers.events.phases import PhaseBook
from handlers.events.settings import read_settings
from handlers.events.window import Window

NAMESPACE = "Burgee"
SERVICE = "burgee-events"
MARGIN_SECONDS = 3.0  # kept of the invocation for the answer; and a call that has begun may still take its time
RUNTIME = "AWS_LAMBDA_RUNTIME_API"  # Lambda sets it, and so does the local platform
NO_EXPERIMENTS = Snapshot({}, 0, 0)
STAGES = ("parse", "validate", "enrich", "aggregate", "archive")

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


@metrics.log_metrics
def handler(event: Any, context: Any) -> dict[str, Any]:
    """AWS Lambda's entry point: a batch of one shard's records in, ``batchItemFailures`` and what was done out.

    Raises nothing: what isn't a batch of Kinesis' has nothing to be sent again, and whatever else fails is reported.
    """
    started = time.monotonic()
    try:
        records = _stream.records_of(event, KINESIS)
    except ValueError as error:
        logger.error("not a batch", extra={"reason": str(error)})
        metrics.add_metric("ProcessingErrors", MetricUnit.Count, 1)
        return _stream.nothing(str(error), event)
    if not records:
        metrics.add_metric("RecordsPerBatch", MetricUnit.Count, 0)
        return _answer(records, Outcome(records), started)
    request_id = str(getattr(context, "aws_request_id", ""))
    try:
        outcome = _process(records, context, request_id)
    except Exception as error:
        outcome = _unforeseen(records, error, request_id)
    _tell(records, outcome, request_id, started)
    return _answer(records, outcome, started)


def _process(records: Sequence[Record], context: Any, request_id: str) -> Outcome:
    deadline = Deadline(context, MARGIN_SECONDS)

    def park(letters: Sequence[_dead_letters.Letter]) -> set[str]:
        return _dead_letters.park(letters, request_id, deadline, logger)

    owner = f"{request_id}/{uuid4().hex}"  # a record that comes again may come with the same request id
    return processor().process(records, snapshot(), owner, _account(context), park, deadline)


# --- once per container -----------------------------------------------------------------------------------------------
# Made at the first invocation and kept. What raised isn't kept: the batch is reported, and the next one tries again.


@cache
def processor() -> Processor:
    """The process's one processor. Raises ValueError, naming the variable, and botocore's errors (requirement EVH-01)."""
    settings = read_settings(os.environ)
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    checks: Any = {"parameter_validation": False}  # the service's suffice; botocore's cost more than signing
    config = Config(connect_timeout=1, read_timeout=5, retries=retries, tcp_keepalive=True, **checks)
    once: Any = {"mode": "standard", "total_max_attempts": 1}  # the archive and the commit count their attempts themselves
    dynamodb = boto3.client("dynamodb", config=config)
    made = Processor(
        settings,
        Lanes(dynamodb, settings.table, lineage_of(boto3.client("kinesis", config=config))),
        Window(dynamodb, settings.table),
        Assignments(dynamodb, settings.assignments, settings.table),
        PhaseBook(dynamodb, settings.table),
        Committer(dynamodb, settings.table),
        boto3.client("s3", config=config.merge(Config(retries=once))),
    )
    if RUNTIME in os.environ:
        # What is there by now stays. Now and then a batch would wait 30 ms for a collection that walks its 90,000 objects.
        gc.collect()
        gc.freeze()
    return made


def snapshot() -> Snapshot:
    """What the snapshot of now says of experiments; nothing where the function follows no store."""
    if not (os.environ.get("BURGEE_STORE") or os.environ.get("BURGEE_BUNDLE")):
        return NO_EXPERIMENTS
    served = reader().served()
    return NO_EXPERIMENTS if served is None else _read(served)


_last: tuple[Served | None, Snapshot] = (None, NO_EXPERIMENTS)


def _read(served: Served) -> Snapshot:
    """The snapshot's experiments by id, read once."""
    global _last  # noqa: PLW0603  one snapshot is served at a time
    if _last[0] is not served:
        experiments = {experiment.id: experiment for experiment in experiments_of(served.evaluator).values()}
        published_ms = int(json.loads(served.payload)["published_at"]) if served.payload else 0
        _last = (served, Snapshot(experiments, served.version, published_ms))
    return _last[1]


def reset() -> None:
    """Forgets everything, as a new container would. For tests and tools."""
    global _last  # noqa: PLW0603
    _last = (None, NO_EXPERIMENTS)
    processor.cache_clear()
    _dead_letters.dead_letters.cache_clear()


def _account(context: Any) -> str | None:
    """The account that the function runs in, which the archive's bucket must belong to (requirement ARC-09)."""
    parts = str(getattr(context, "invoked_function_arn", "")).split(":")
    return parts[4] if len(parts) > 4 and parts[4].isdigit() and len(parts[4]) == 12 else None


# --- what is told -----------------------------------------------------------------------------------------------------


def _answer(records: Sequence[Record], outcome: Outcome, started: float) -> dict[str, Any]:
    """Lambda reads ``batchItemFailures``; people and tests the rest (requirement EVB-02)."""
    answer = _stream.failures(records, () if outcome.failed is None else (outcome.failed,))
    figures = {"total_processed": len(records)} | {f"{_NOUNS[stage]}_errors": _errors(outcome, stage) for stage in STAGES}
    return answer | {
        "success_count": outcome.done,
        "failure_count": len(records) - outcome.done,
        "processing_time_ms": round((time.monotonic() - started) * 1_000, 3),
        "metrics": figures,
    }


_NOUNS = dict(zip(STAGES, ("parse", "validation", "enrichment", "aggregation", "archive"), strict=True))


def _errors(outcome: Outcome, stage: str) -> int:
    return outcome.errors.get(stage, 0) + outcome.letters.get(stage, 0)


def _unforeseen(records: Sequence[Record], error: Exception, request_id: str) -> Outcome:
    """All records come again (requirement EVH-02). Of the error, its type and place: its text may hold what somebody sent."""
    outcome = Outcome(records)
    outcome.fail(records[0], "unforeseen", type(error).__name__)
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    said = str(error) if isinstance(error, ValueError) and not isinstance(error, UnicodeError) else ""
    logger.error("batch not processed", extra={"error": type(error).__name__, "where": where, "request_id": request_id})
    if said.startswith(("S3_BUCKET", "DYNAMODB_TABLE", "BURGEE_")):  # a setting's: no event is in it
        logger.error("wrong setting", extra={"reason": said, "request_id": request_id})
    return outcome


def _tell(records: Sequence[Record], outcome: Outcome, request_id: str, started: float) -> None:
    """One line and the metrics, every figure every time: an alarm on any of them has data whenever there are records."""
    lag_ms = max(0.0, time.time() * 1_000 - _stream.arrived_ms(records[0]))
    figures: Mapping[str, float] = {
        "RecordsPerBatch": len(records),
        "EventsCounted": outcome.counted,
        "UnassignedEvents": outcome.unassigned,
        "DuplicateEvents": outcome.duplicates,
        "QuarantinedEvents": outcome.quarantined,
        "ReplayedRecords": outcome.replayed,
        "DeadLetters": sum(outcome.letters.values()),
        "NumbersLeftOut": outcome.left_out,
        "FailedRecords": len(records) - outcome.done,
    } | {f"{_NOUNS[stage].capitalize()}Errors": _errors(outcome, stage) for stage in STAGES}
    for name, value in figures.items():
        metrics.add_metric(name, MetricUnit.Count, value)
    took_ms = (time.monotonic() - started) * 1_000
    metrics.add_metric("ProcessingTime", MetricUnit.Milliseconds, round(took_ms, 3))
    metrics.add_metric("EventLagMs", MetricUnit.Milliseconds, round(lag_ms, 1))
    document = {
        "request_id": request_id,
        "lane": _stream.lane_of(records[0]),
        "records": len(records),
        "first": _stream.sequence_of(records[0]),
        "last": _stream.sequence_of(records[-1]),
        "done": outcome.done,
        "failed_at": outcome.failed,
        "reason": outcome.why,
        "stages_ms": {name: round(took, 3) for name, took in outcome.stages_ms.items()},
    }
    (logger.info if outcome.failed is None else logger.error)("batch", extra=document)
