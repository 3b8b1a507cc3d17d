"""The assignment mirror: the assignments table's stream in, rows of PostgreSQL out. docs/assignment-mirror.md describes it.

It runs behind the table's stream and never on a request's path. Whatever is delivered, how often and in which order, the rows
end as if each record had been applied once, in order. boto3, psycopg and Powertools are welcome: nobody waits for it.
"""

import time
import traceback
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from handlers import _stream
from handlers._dead_letters import Letter, park
from handlers._mirror_rows import Writing, writing_of
from handlers._mirror_tables import Refused, write
from handlers._postgres import Session, said
from handlers._stream import Deadline, Poison, Record
from handlers._stream_dynamodb import at_of, decode

NAMESPACE = "Burgee"
SERVICE = "burgee-assignment-mirror"
MARGIN_SECONDS = 3.0  # kept of the invocation for dead letters, metrics and the answer
ANSWER_SECONDS = 0.5  # of these for the answer

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)
session = Session()


class Outcome(NamedTuple):
    """What became of a batch. ``failed``: sequence numbers to report."""

    mirrored: int
    parked: int
    failed: Collection[str]


@metrics.log_metrics
def handler(event: Any, context: Any) -> dict[str, Any]:
    """AWS Lambda's entry point: a batch of DynamoDB Streams in, ``batchItemFailures`` out.

    Raises ValueError for an event that isn't of a stream with both images: then the mapping or the table must be mended.
    """
    request_id = str(getattr(context, "aws_request_id", ""))
    database, answer = Deadline(context, MARGIN_SECONDS), Deadline(context, ANSWER_SECONDS)
    records = _stream.records_of(event)
    if not records:
        return _stream.failures(records)
    try:
        outcome = _mirror(records, request_id, database, answer)
    except ValueError:
        _count(Outcome(0, 0, [_stream.sequence_of(record) for record in records]), records)
        raise
    except Exception as error:
        return _undone(records, error, request_id)
    _count(outcome, records)
    return _stream.failures(records, outcome.failed)


def _mirror(records: Sequence[Record], request_id: str, database: Deadline, answer: Deadline) -> Outcome:
    """Writes what can be written, then parks the rest: the other way round, every repeated batch would park it again."""
    letters, readable, writings = _read(records)
    refused = _write(writings, database)
    letters += [Letter(readable[place], "write", why) for place, why in refused]
    unsent = park(letters, request_id, answer, logger)
    return Outcome(len(writings) - len(refused), len(letters) - len(unsent), unsent)


def _read(records: Sequence[Record]) -> tuple[list[Letter], list[Record], list[Writing]]:
    """Letters for what can't be read, and for each other record what it writes."""
    letters: list[Letter] = []
    readable: list[Record] = []
    writings: list[Writing] = []
    for record in records:
        try:
            writing = writing_of(decode(record))
        except Poison as poison:
            letters.append(Letter(record, poison.stage, str(poison)))
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
    return _stream.failures(records, failed[:1])


def _count(outcome: Outcome, records: Sequence[Record]) -> None:
    """Every figure every time, also 0: an alarm on any of them has data whenever there are records."""
    lag_ms = (time.time() - min(map(at_of, records))) * 1_000
    metrics.add_metric("MirroredAssignments", MetricUnit.Count, outcome.mirrored)
    metrics.add_metric("MirrorPoison", MetricUnit.Count, outcome.parked)
    metrics.add_metric("MirrorFailed", MetricUnit.Count, len(outcome.failed))
    metrics.add_metric("MirrorLagMs", MetricUnit.Milliseconds, max(0.0, round(lag_ms, 1)))
