"""The queue of records that nothing can help, as a stream's consumer meets them. For the handlers that read streams.

A letter has the whole record, so that it can be put back (``burgee redrive``); a large one is put into a bucket, and the letter
says where. What couldn't be sent is told, and must be reported to Lambda: a record is never only dropped.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from handlers._stream import Deadline, Record, sequence_of, shard_of

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MAX_BODY_BYTES = 256 * 1024  # of an SQS message, and of a batch of them
MAX_ENTRIES = 10  # of a batch
HEAD_CHARACTERS = 64 * 1024  # what is kept of a record that fits nowhere
LEAST_SEND_SECONDS = 0.5  # a call isn't begun with less
MAX_LOGGED = 20  # letters in one log line


class Letter(NamedTuple):
    """A record for the dead letters: ``stage`` couldn't take it, ``error`` says why and quotes nothing of it."""

    record: Record
    stage: str
    error: str

    @property
    def sequence(self) -> str:
        return sequence_of(self.record)


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
    """ASCII, so its length is its bytes, and SQS takes every character."""
    return json.dumps(
        {
            "sequenceNumber": letter.sequence,
            "shardId": shard_of(letter.record),
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


def park(letters: Sequence[Letter], request_id: str, deadline: Deadline, logger: "Logger") -> set[str]:
    """Sends letters to ``dead_letters()`` and logs them; the sequence numbers of those that must be reported, because nobody
    has taken them: all of them without a queue, or when there can be no client. Raises nothing for a service that fails."""
    if not letters:
        return set()
    unsent = {letter.sequence for letter in letters}
    try:
        if (queue := dead_letters()) is not None:
            unsent = queue.send(letters, request_id, deadline)
    except (ClientError, BotoCoreError) as error:
        logger.error("dead letters", extra={"reason": type(error).__name__, "request_id": request_id})
    told = [{"sequence": item.sequence, "stage": item.stage, "error": item.error} for item in letters[:MAX_LOGGED]]
    document = {"refused": told, "count": len(letters), "unsent": len(unsent), "request_id": request_id}
    (logger.error if unsent else logger.warning)("refused records", extra=document)
    return unsent
