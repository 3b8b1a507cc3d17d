"""What every consumer of a DynamoDB stream shares: decoded records, the time that is left, and the queue of dead letters.

A record ends in one of three ways: it is processed; nothing can help it, and it goes to the dead letters (``Poison``); or it is
reported, and Lambda sends it and all that follow again. For the handlers that read streams; not for the hot path.
"""

import json
import os
import time
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from boto3.dynamodb.types import DYNAMODB_CONTEXT, TypeDeserializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from evaluator.errors import BurgeeError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

INSERT, MODIFY, REMOVE = NAMES = ("INSERT", "MODIFY", "REMOVE")
BOTH_IMAGES = "NEW_AND_OLD_IMAGES"
TTL_PRINCIPAL = "dynamodb.amazonaws.com"
MAX_SEQUENCE_DIGITS = 100  # documented are up to 40
MAX_BODY_BYTES = 256 * 1024  # of an SQS message, and of a batch of them
MAX_ENTRIES = 10  # of a batch
HEAD_CHARACTERS = 64 * 1024  # what is kept of a record that fits nowhere
LEAST_SEND_SECONDS = 0.5  # a call isn't begun with less

Record = dict[str, Any]  # as Lambda hands it over
Item = dict[str, Any]  # attribute -> plain value; numbers are Decimal


class Poison(BurgeeError):
    """A record that no repetition can help. The message is safe for logs: it quotes nothing of the record."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


class Change(NamedTuple):
    """One decoded record. ``expired``: DynamoDB removed the item because its time to live was over, nobody else did.

    ``at``: epoch seconds of the write, as exact as the stream tells them.
    """

    sequence: str
    name: str
    keys: Item
    new: Item | None
    old: Item | None
    expired: bool
    at: float


class Letter(NamedTuple):
    """A record for the dead letters. ``error`` quotes nothing of it."""

    record: Record
    sequence: str
    stage: str
    error: str


# --- records ----------------------------------------------------------------------------------------------------------


def records_of(event: Any) -> list[Record]:
    """The event's records. Raises ValueError when it isn't a DynamoDB stream's: then the mapping is wrong, not a record."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        raise ValueError("the event has no Records: it isn't a stream's")
    for record in records:
        change = record.get("dynamodb") if isinstance(record, dict) else None
        number = change.get("SequenceNumber") if isinstance(change, dict) else None
        if not isinstance(number, str) or not number:
            raise ValueError("a record of the event isn't one of DynamoDB Streams: it has no SequenceNumber")
    return records


def sequence_of(record: Record) -> str:
    """What Lambda calls a record of ``records_of`` by."""
    return str(record["dynamodb"]["SequenceNumber"])


def decode(record: Record) -> Change:
    """Raises Poison, and ValueError when the stream's view type isn't NEW_AND_OLD_IMAGES."""
    change = record["dynamodb"]
    view = change.get("StreamViewType", BOTH_IMAGES)
    if view != BOTH_IMAGES:
        raise ValueError(f"the stream's view type is {view!r:.40}; it must be {BOTH_IMAGES}")
    sequence, name = sequence_of(record), record.get("eventName")
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= MAX_SEQUENCE_DIGITS):
        raise Poison("decode", "the sequence number is no number")
    if name not in NAMES:
        raise Poison("decode", "the event's name is unknown")
    keys, new, old = (_image(change, part) for part in ("Keys", "NewImage", "OldImage"))
    if not keys:
        raise Poison("decode", "Keys is missing")
    if (new is None) != (name == REMOVE):
        raise Poison("decode", f"NewImage doesn't fit {name}")
    if (old is None) != (name == INSERT):
        raise Poison("decode", f"OldImage doesn't fit {name}")
    return Change(sequence, name, keys, new, old, name == REMOVE and _by_ttl(record), at_of(record))


def at_of(record: Record) -> float:
    """When the record's change was written, in epoch seconds; now, if it doesn't say."""
    at = record["dynamodb"].get("ApproximateCreationDateTime")
    is_time = isinstance(at, (int, float)) and not isinstance(at, bool) and 0 <= at < 1e11
    return float(at) if is_time else time.time()


def _image(change: dict[str, Any], part: str) -> Item | None:
    image = change.get(part)
    if image is None:
        return None
    try:
        return {name: _DESERIALIZER.deserialize(value) for name, value in image.items()}
    except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError, RecursionError) as error:
        raise Poison("decode", f"{part} can't be decoded ({type(error).__name__})") from None


class _Deserializer(TypeDeserializer):
    """boto3's, but binary values are base64, as an event has them; and what is no number isn't NaN, but an error."""

    def _deserialize_n(self, value: str) -> Decimal:
        number = DYNAMODB_CONTEXT.create_decimal(value)
        if not number.is_finite():
            raise ValueError
        return number

    def _deserialize_b(self, value: str) -> bytes:
        return b64decode(value, validate=True)


_DESERIALIZER = _Deserializer()


def _by_ttl(record: Record) -> bool:
    """In an event the names begin with small letters; GetRecords writes them large, and so do those who read it."""
    who = record.get("userIdentity")
    return isinstance(who, dict) and TTL_PRINCIPAL in (who.get("principalId"), who.get("PrincipalId"))


# --- time -------------------------------------------------------------------------------------------------------------


class Deadline:
    """The end of an invocation, less a margin in which the answer is given. Without a context there is ``default`` time."""

    def __init__(self, context: Any, margin: float, default: float = 60.0) -> None:
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        self._end = time.monotonic() + (default if remaining is None else remaining() / 1_000) - margin

    def left(self) -> float:
        """Seconds; negative when it is over."""
        return self._end - time.monotonic()


# --- answers and dead letters -----------------------------------------------------------------------------------------


def failures(sequences: Iterable[str]) -> dict[str, Any]:
    """The answer of a batch: these records, and by Lambda's rule all after the first of them, are sent again."""
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in sequences]}


class DeadLetters:
    """The queue of records that nothing can help; what is too large for a message is put into a bucket, if there is one."""

    def __init__(self, sqs: "SQSClient", url: str, s3: "S3Client | None" = None, bucket: str = "") -> None:
        self._sqs = sqs
        self._url = url
        self._s3 = s3
        self._bucket = bucket

    def send(self, letters: Sequence[Letter], request_id: str, deadline: Deadline) -> set[str]:
        """Gives the sequence numbers of those that couldn't be sent, or weren't in time: these must be reported."""
        unsent = {letter.sequence for letter in letters}
        for batch in _batches(self._bodies(letters, request_id, deadline)):
            if deadline.left() < LEAST_SEND_SECONDS:
                break
            unsent -= self._send(batch)
        return unsent

    def _send(self, batch: Sequence[tuple[str, str]]) -> set[str]:
        """The sequence numbers that the queue has taken."""
        entries: list[SendMessageBatchRequestEntryTypeDef]
        entries = [{"Id": str(place), "MessageBody": body} for place, (_, body) in enumerate(batch)]
        try:
            done = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (ClientError, BotoCoreError):
            return set()
        return {batch[int(entry["Id"])][0] for entry in done.get("Successful", [])}

    def _bodies(self, letters: Sequence[Letter], request_id: str, deadline: Deadline) -> Iterator[tuple[str, str]]:
        for letter in letters:
            body = _body(letter, request_id, letter.record)
            if len(body) > MAX_BODY_BYTES:
                if deadline.left() < LEAST_SEND_SECONDS or (where := self._elsewhere(letter)) is None:
                    continue
                body = _body(letter, request_id, where)
            yield letter.sequence, body

    def _elsewhere(self, letter: Letter) -> dict[str, Any] | None:
        """What a message says instead of a large record; None when it couldn't be put away."""
        text = json.dumps(letter.record)
        told = {"sha256": sha256(text.encode()).hexdigest(), "bytes": len(text)}
        if self._s3 is None:
            return {**told, "truncated": text[:HEAD_CHARACTERS]}
        key = f"dead-letters/{told['sha256']}.json"
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), ContentType="application/json")
        except (ClientError, BotoCoreError):
            return None
        return {**told, "s3": f"s3://{self._bucket}/{key}"}


def _body(letter: Letter, request_id: str, data: dict[str, Any]) -> str:
    """ASCII, so its length is its bytes, and SQS takes every character. DynamoDB's records don't say their shard."""
    return json.dumps(
        {
            "sequenceNumber": letter.sequence,
            "shardId": None,
            "data": data,
            "error": letter.error,
            "stage": letter.stage,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestId": request_id,
        }
    )


def _batches(bodies: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    size = 0
    for sequence, body in bodies:
        if batch and (len(batch) == MAX_ENTRIES or size + len(body) > MAX_BODY_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((sequence, body))
        size += len(body)
    if batch:
        yield batch


@cache
def dead_letters() -> DeadLetters | None:
    """Those of ``DLQ_URL`` and ``DLQ_BUCKET``, once per container; None without a queue. Raises botocore's errors."""
    url, bucket = os.environ.get("DLQ_URL"), os.environ.get("DLQ_BUCKET") or ""
    if not url:
        return None
    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=2, read_timeout=5, retries=retries)
    s3 = boto3.client("s3", config=config) if bucket else None
    return DeadLetters(boto3.client("sqs", config=config), url, s3, bucket)
