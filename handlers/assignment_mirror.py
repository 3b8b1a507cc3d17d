"""The assignment mirror: the assignments table's stream in, rows of PostgreSQL out. docs/assignment-mirror.md describes it.

It runs behind the table's stream and never on a request's path. Whatever is delivered, how often and in which order, the rows
end as if each record had been applied once, in order. boto3, psycopg and Powertools are welcome: nobody waits for it.
"""

import time
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from handlers import _stream
from handlers._mirror_rows import Writing, writing_of
from handlers._mirror_tables import Refused, write
from handlers._postgres import Session, said
from handlers._stream import Deadline, Letter, Poison, Record

NAMESPACE = "Burgee"
SERVICE = "burgee-assignment-mirror"
MARGIN_SECONDS = 3.0  # kept of the invocation for dead letters, metrics and the answer
ANSWER_SECONDS = 0.5  # of these for the answer
MAX_LOGGED = 20  # refused records in one log line; the metric counts them all

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)
session = Session()


class Outcome(NamedTuple):
    """What became of a batch. ``failed``: sequence numbers to report."""

    mirrored: int
    parked: int
    failed: list[str]


@metrics.log_metrics
def handler(event: Any, context: Any) -> dict[str, Any]:
    """AWS Lambda's entry point: a batch of DynamoDB Streams in, ``batchItemFailures`` out.

    Raises ValueError for an event that isn't of a stream with both images: then the mapping or the table must be mended.
    """
    request_id = str(getattr(context, "aws_request_id", ""))
    database, answer = Deadline(context, MARGIN_SECONDS), Deadline(context, ANSWER_SECONDS)
    records = _stream.records_of(event)
    if not records:
        return _stream.failures([])
    try:
        outcome = _mirror(records, request_id, database, answer)
    except ValueError:
        _count(Outcome(0, 0, [_stream.sequence_of(record) for record in records]), records)
        raise
    except Exception as error:
        return _undone(records, error, request_id)
    _count(outcome, records)
    return _stream.failures(outcome.failed)


def _mirror(records: Sequence[Record], request_id: str, database: Deadline, answer: Deadline) -> Outcome:
    """Writes what can be written, then parks the rest: the other way round, every repeated batch would park it again."""
    letters, readable, writings = _read(records)
    refused = _write(writings, database)
    for place, why in refused:
        record = readable[place]
        letters.append(Letter(record, _stream.sequence_of(record), "write", why))
    unsent = _park(letters, request_id, answer)
    # In the stream's order, which a set doesn't keep.
    failed = [sequence for sequence in map(_stream.sequence_of, records) if sequence in unsent]
    return Outcome(len(writings) - len(refused), len(letters) - len(failed), failed)


def _read(records: Sequence[Record]) -> tuple[list[Letter], list[Record], list[Writing]]:
    """Letters for what can't be read, and for each other record what it writes."""
    letters: list[Letter] = []
    readable: list[Record] = []
    writings: list[Writing] = []
    for record in records:
        try:
            writing = writing_of(_stream.decode(record))
        except Poison as poison:
            letters.append(Letter(record, _stream.sequence_of(record), poison.stage, str(poison)))
        else:
            readable.append(record)
            writings.append(writing)
    return letters, readable, writings


def _write(writings: Sequence[Writing], deadline: Deadline) -> list[Refused]:
    if not writings:
        return []
    return session.run(lambda connection: write(connection, writings, _milliseconds(deadline)), deadline.left)


def _milliseconds(deadline: Deadline) -> int:
    """What the server may take, which is less than what we wait for it: its errors say more than a connection that was cut."""
    return max(1, int(deadline.left() * 750))


def _park(letters: Sequence[Letter], request_id: str, deadline: Deadline) -> set[str]:
    """Sends the dead letters; the sequence numbers of those that must be reported, because nobody has taken them."""
    if not letters:
        return set()
    unsent = {letter.sequence for letter in letters}
    try:
        if (queue := _stream.dead_letters()) is not None:
            unsent = queue.send(letters, request_id, deadline)
    except (ClientError, BotoCoreError) as error:
        logger.error("dead letters", extra={"reason": type(error).__name__, "request_id": request_id})
    told = [{"sequence": item.sequence, "stage": item.stage, "error": item.error} for item in letters[:MAX_LOGGED]]
    document = {"refused": told, "count": len(letters), "unsent": len(unsent), "request_id": request_id}
    (logger.error if unsent else logger.warning)("refused records", extra=document)
    return unsent


def _undone(records: Sequence[Record], error: Exception, request_id: str) -> dict[str, Any]:
    """Counts and logs a batch that couldn't be written, and has the stream repeat it from its first record."""
    failed = [_stream.sequence_of(record) for record in records]
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    logger.error(
        "batch not mirrored",
        extra={"reason": said(error), "records": len(records), "first": failed[0], "request_id": request_id, "where": where},
    )
    _count(Outcome(0, 0, failed), records)
    return _stream.failures(failed[:1])


def _count(outcome: Outcome, records: Sequence[Record]) -> None:
    """Every figure every time, also 0: an alarm on any of them has data whenever there are records."""
    lag_ms = (time.time() - min(map(_stream.at_of, records))) * 1_000
    metrics.add_metric("MirroredAssignments", MetricUnit.Count, outcome.mirrored)
    metrics.add_metric("MirrorPoison", MetricUnit.Count, outcome.parked)
    metrics.add_metric("MirrorFailed", MetricUnit.Count, len(outcome.failed))
    metrics.add_metric("MirrorLagMs", MetricUnit.Milliseconds, max(0.0, round(lag_ms, 1)))
