"""What every consumer of a stream shares, Kinesis' or DynamoDB's: its records, the time that is left, the answer.

A record ends in one of three ways: it is processed; nothing can help it, and it goes to the dead letters (``Poison``, see
``handlers._dead_letters``); or it is reported, and Lambda sends it and all that follow again. What a record holds is for
others: ``handlers._stream_dynamodb`` decodes images, ``handlers.events`` what producers sent. For handlers that read streams.
"""

import re
import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from evaluator.errors import BurgeeError

Record = dict[str, Any]  # as Lambda hands it over

MAX_ARRIVAL_SECONDS = 1e11  # a time of arrival is before the year 5138
MAX_DIGITS = 128  # Kinesis' numbers have 56
_SHARD = re.compile(r"shardId-[A-Za-z0-9_-]{1,120}")
_STREAM = re.compile(r"arn:[a-z0-9-]+:kinesis:[a-z0-9-]*:[0-9]*:stream/([A-Za-z0-9_.-]{1,128})(?:/consumer/.*)?")


class Poison(BurgeeError):
    """A record that no repetition can help. The message is safe for logs: it quotes nothing of the record."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


class Source(NamedTuple):
    """A kind of stream. ``part``: the member of its records that has ``number``, what Lambda calls a record by."""

    name: str
    part: str
    number: str


DYNAMODB = Source("DynamoDB Streams", "dynamodb", "SequenceNumber")
KINESIS = Source("Kinesis", "kinesis", "sequenceNumber")


# --- records ----------------------------------------------------------------------------------------------------------


def records_of(event: Any, source: Source = DYNAMODB) -> list[Record]:
    """The event's records; an empty object has none.

    Raises ValueError when it isn't of this source: then the mapping is wrong, not a record. So of a record that is returned
    ``sequence_of`` is known, and of one of Kinesis also ``shard_of``, ``lane_of`` and ``arrived_ms``.
    """
    records = event.get("Records", None if event else []) if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise ValueError("the event has no Records: it isn't a stream's")
    part, name = source.part, source.number
    for record in records:
        try:
            number = record[part][name]
        except (LookupError, TypeError):
            number = None
        if not isinstance(number, str) or not number:
            raise ValueError(f"a record of the event isn't one of {source.name}: it has no {name}")
    if source is KINESIS and records:
        _check_kinesis(records)
    return records


def _check_kinesis(records: Sequence[Record]) -> None:
    """Lambda writes these members itself and never mixes shards in a batch: only a wrong mapping has others."""
    arn, shard = records[0].get("eventSourceARN"), str(records[0].get("eventID")).partition(":")[0]
    if not isinstance(arn, str) or not _STREAM.fullmatch(arn) or not _SHARD.fullmatch(shard):
        raise ValueError("a record of the event isn't one of Kinesis: it doesn't say its stream and shard")
    for record in records:
        part = record["kinesis"]
        number, at = part["sequenceNumber"], part.get("approximateArrivalTimestamp")
        if not (number.isdigit() and number.isascii() and len(number) <= MAX_DIGITS):
            raise ValueError("a record of the event isn't one of Kinesis: its sequenceNumber is no number")
        if record.get("eventID") != f"{shard}:{number}" or record.get("eventSourceARN") != arn:
            raise ValueError("the event's records aren't of one shard, as a batch of Kinesis is")
        if type(at) not in (float, int) or not 0 <= at < MAX_ARRIVAL_SECONDS:
            raise ValueError("a record of the event isn't one of Kinesis: it has no approximateArrivalTimestamp")


def sequence_of(record: Record) -> str:
    """What Lambda calls a record of ``records_of`` by. Those of a shard are ordered as numbers, not as texts."""
    source = KINESIS if KINESIS.part in record else DYNAMODB
    return str(record[source.part][source.number])


def shard_of(record: Record) -> str | None:
    """The shard that a record was read from. Only Kinesis' records tell; None for DynamoDB's."""
    return str(record["eventID"]).partition(":")[0] if KINESIS.part in record else None


def lane_of(record: Record) -> str:
    """``{stream name}/{shard id}`` of a record of Kinesis: what has one reader at a time, and its records an order."""
    stream = _STREAM.fullmatch(record["eventSourceARN"])
    assert stream is not None, "records_of has looked"
    return f"{stream[1]}/{shard_of(record)}"


def arrived_ms(record: Record) -> int:
    """When Kinesis took the record, epoch milliseconds: the same each time that the record is delivered."""
    at: float = record["kinesis"]["approximateArrivalTimestamp"]
    return round(at * 1_000)


# --- time -------------------------------------------------------------------------------------------------------------


class Deadline:
    """The end of an invocation, less a margin in which the answer is given. Without a context there is ``default`` time."""

    def __init__(self, context: Any, margin: float, default: float = 60.0) -> None:
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        self._end = time.monotonic() + (default if remaining is None else remaining() / 1_000) - margin

    def left(self) -> float:
        """Seconds; negative when it is over."""
        return self._end - time.monotonic()


# --- answers ----------------------------------------------------------------------------------------------------------


def failures(records: Sequence[Record], failed: Collection[str] = ()) -> dict[str, Any]:
    """The answer to a batch: these sequence numbers, and by Lambda's rule all after the lowest of them, are sent again.

    They are told in the batch's order. What Lambda makes of a number that wasn't in the batch isn't documented; such a failure
    is told as the first record's, so that all is sent again.
    """
    if not failed:
        return {"batchItemFailures": []}
    numbers = [sequence_of(record) for record in records]
    known = set(failed)
    told = numbers[:1] if known - set(numbers) else [number for number in numbers if number in known]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in told]}


def nothing(reason: str, event: Any = None) -> dict[str, Any]:
    """The answer to what isn't a batch. Where its first record has a number of Kinesis', all is sent again: records that
    nobody has looked at mustn't count as done. Otherwise there is nothing that could be sent again.
    """
    try:
        number = event["Records"][0][KINESIS.part][KINESIS.number]
    except (LookupError, TypeError):
        number = None
    told = [{"itemIdentifier": number}] if isinstance(number, str) and number else []
    return {"batchItemFailures": told, "error": reason}
