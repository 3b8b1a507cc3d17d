"""``burgee redrive``: puts events that lie in a dead letter queue back into their stream. For ``burgee.cli``.

A message is a letter of the processor's (a record that nothing could help) or of Lambda's (a batch that was given up: where
its records are). A letter's record goes back if the processor, as it is now, would count it; a batch's records all go back, the
processor tells them apart. A message is deleted when the stream has its records. Whoever dies in between, or runs this twice,
puts records back twice: by their event ids, what has been counted isn't counted again. boto3 is imported when it runs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from burgee.trouble import Trouble, UsageError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

QUEUE, BUCKET, STREAM, MAX_AGE = "DLQ_URL", "DLQ_BUCKET", "KINESIS_STREAM_NAME", "BURGEE_EVENT_MAX_AGE_HOURS"
MAX_AGE_HOURS = 168.0
BATCH = 10  # messages in one answer of SQS
WAIT_SECONDS = 2  # for a message, before the queue counts as empty
HIDDEN_SECONDS = 600  # what stays mustn't come again before the rest has come; at the end it is shown again
PUT_RECORDS, PUT_BYTES = 500, 5 * 1024 * 1024  # of one call
PUT_ATTEMPTS = 6
PUT_PAUSE_SECONDS = 0.1  # doubles
MAX_PAGES = 10_000  # of one batch's records
LETTER_KEYS = "dead-letters/"  # where the processor puts large records
QUARANTINE = {
    "too_old": f"quarantine: its time is too long ago to be counted ({MAX_AGE})",
    "future": "quarantine: its time is still to come",
}
_Commands = argparse._SubParsersAction  # the type of what add_subparsers returns has no public name


def add_command(add: _Commands[argparse.ArgumentParser]) -> None:
    """Tells argparse about it."""
    made = add.add_parser("redrive", help="put the events of a dead letter queue back into their stream")
    made.add_argument("--queue", metavar="URL", help=f"the queue (default: {QUEUE})")
    made.add_argument("--stream", metavar="NAME", help=f"the stream (default: {STREAM}, or the one that each came from)")
    made.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    made.add_argument(
        "--limit", metavar="N", type=_count, help="stop after so many messages (default: when the queue is empty)"
    )
    made.set_defaults(run=redrive)


def redrive(options: argparse.Namespace) -> int:
    """Empties the queue into the stream and says what became of it; 1 if messages are still in the queue."""
    url = options.queue or os.environ.get(QUEUE)
    if not url:
        raise UsageError(f"redrive needs --queue, or {QUEUE} in the environment")
    max_age_ms = _max_age_ms()
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError as error:
        raise Trouble(f"redrive needs the package {error.name}: pip install 'burgee[events]'") from error
    stream = options.stream or os.environ.get(STREAM) or None
    try:
        told = Redrive(*_clients(), url, stream, max_age_ms, options.dry_run).run(options.limit)
    except (BotoCoreError, ClientError) as error:
        raise Trouble(f"the queue can't be read or a message not be deleted: {error}") from error
    would = "would put" if options.dry_run else "put"
    print(f"{would} {_plural(told.events, 'event')} of {_plural(told.done, 'message')} back into the stream")
    for reason, count in sorted(told.reasons.items()):
        print(f"{count} × {reason}", file=sys.stderr)
    if told.stayed:
        print(f"{_plural(told.stayed, 'message')} stayed in the queue", file=sys.stderr)
    return 1 if told.stayed else 0


class Put(NamedTuple):
    """A record to put. ``stream``: its name or ARN."""

    stream: str
    key: str
    data: bytes


@dataclass
class Told:
    """What has happened. ``reasons``: what is said of events and messages, and of how many; they quote nothing of them."""

    done: int = 0  # messages
    events: int = 0
    stayed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class Stays(Exception):
    """A message that can't be put back; the text says why."""


@dataclass
class Redrive:
    """One run over the queue at ``url``. ``stream``: where to, if not where each came from.

    ``max_age_ms``: how old an event may be and still be counted.
    """

    sqs: SQSClient
    kinesis: KinesisClient
    s3: S3Client
    url: str
    stream: str | None = None
    max_age_ms: int = int(MAX_AGE_HOURS * 3_600_000)
    dry_run: bool = False
    sleep: Callable[[float], object] = time.sleep
    told: Told = field(default_factory=Told)

    def run(self, limit: int | None = None) -> Told:
        """Until the queue gives nothing new, or ``limit`` messages. Raises botocore's errors about the queue."""
        seen: set[str] = set()
        stayed: list[str] = []
        try:
            while limit is None or len(seen) < limit:
                most = BATCH if limit is None else min(BATCH, limit - len(seen))
                found = self.sqs.receive_message(
                    QueueUrl=self.url, MaxNumberOfMessages=most, WaitTimeSeconds=WAIT_SECONDS, VisibilityTimeout=HIDDEN_SECONDS
                )
                new = [one for one in found.get("Messages", []) if one["MessageId"] not in seen]
                if not new:  # none, or only such as have stayed
                    break
                seen |= {one["MessageId"] for one in new}
                stayed += self._some(new)
        finally:
            for handle in stayed:
                self._show_again(handle)
        return self.told

    def _some(self, messages: Sequence[MessageTypeDef]) -> list[str]:
        """Puts back what some messages hold; the receipt handles of those that are still in the queue."""
        read: list[tuple[str, list[Put]]] = []
        stays: list[str] = []
        for message in messages:
            try:
                read.append((message["ReceiptHandle"], self._read(message["Body"])))
            except Stays as why:
                self.told.reasons[str(why)] += 1
                stays.append(message["ReceiptHandle"])
        refused = set() if self.dry_run else self._put([put for _, puts in read for put in puts])
        for handle, puts in read:
            if not refused.isdisjoint(map(id, puts)):
                self.told.reasons["the stream didn't take all of its records"] += 1
                stays.append(handle)
                continue
            self.told.done += 1
            self.told.events += len(puts)
            if not self.dry_run:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=handle)
        self.told.stayed += len(stays)
        return [handle for handle, _ in read] + stays if self.dry_run else stays

    def _show_again(self, handle: str) -> None:
        """What stays needn't stay hidden for as long as the queue says."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)
        except (BotoCoreError, ClientError):
            return

    # --- what a message holds -----------------------------------------------------------------------------------------

    def _read(self, body: str) -> list[Put]:
        """Raises Stays."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict) and isinstance(document.get("KinesisBatchInfo"), dict):
            return self._batch(document["KinesisBatchInfo"])
        if isinstance(document, dict) and isinstance(document.get("data"), dict):
            return [self._letter(document["data"])]
        raise Stays("it is no letter of the event processor's and none of Lambda's about a Kinesis stream")

    def _letter(self, data: dict[str, Any]) -> Put:
        record = self._whole(data)
        if (why := why_not(record, self.max_age_ms)) is not None:
            raise Stays(why)
        stream = self.stream or record.get("eventSourceARN")
        if not isinstance(stream, str) or not stream:
            raise Stays("the letter doesn't say its stream: --stream")
        return Put(stream, str(record["kinesis"].get("partitionKey") or "-"), b64decode(record["kinesis"]["data"]))

    def _whole(self, data: dict[str, Any]) -> dict[str, Any]:
        """The record itself, from the bucket if it is there."""
        place = data.get("s3")
        if place is None:
            if "truncated" in data:
                raise Stays("only the beginning of the record is left: it was too large and there was no bucket (DLQ_BUCKET)")
            return data
        bucket, _, key = str(place).removeprefix("s3://").partition("/")
        if not key.startswith(LETTER_KEYS) or bucket != (os.environ.get(BUCKET) or bucket):
            raise Stays("the letter points at something that is no letter")
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            text = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise Stays(f"the letter's object can't be read ({_code(error)})") from None
        if hashlib.sha256(text).hexdigest() != data.get("sha256"):
            raise Stays("the letter's object isn't what was put there")
        found: dict[str, Any] = json.loads(text)
        return found

    def _batch(self, info: dict[str, Any]) -> list[Put]:
        """All records of a batch that Lambda gave up, from the stream itself."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            arn, shard = str(info["streamArn"]), str(info["shardId"])
            first, last, size = str(info["startSequenceNumber"]), int(info["endSequenceNumber"]), int(info["batchSize"])
            found = list(self._records(arn, shard, first, last))
        except (LookupError, TypeError, ValueError):
            raise Stays("Lambda's letter doesn't say where the records are") from None
        except (BotoCoreError, ClientError) as error:
            raise Stays(f"the batch's records can't be read from the stream ({_code(error)})") from None
        if len(found) < size:
            raise Stays(f"{size - len(found)} of the batch's {size} records have left the stream")
        for raw in found:
            if (why := why_not(_as_lambda_has_it(raw), self.max_age_ms)) is not None:
                self.told.reasons[f"back in the stream all the same: {why}"] += 1
        return [Put(self.stream or arn, raw["PartitionKey"], raw["Data"]) for raw in found]

    def _records(self, arn: str, shard: str, first: str, last: int) -> Iterator[Any]:
        place: str | None = self.kinesis.get_shard_iterator(
            StreamARN=arn, ShardId=shard, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=first
        )["ShardIterator"]
        for _ in range(MAX_PAGES):  # pages may be empty before the end
            if not place:
                return
            page = self.kinesis.get_records(StreamARN=arn, ShardIterator=place, Limit=PUT_RECORDS)
            for record in page["Records"]:
                if int(record["SequenceNumber"]) > last:
                    return
                yield record
                if int(record["SequenceNumber"]) == last:
                    return
            if not page["Records"] and not page.get("MillisBehindLatest"):
                return
            place = page.get("NextShardIterator")

    # --- putting back -------------------------------------------------------------------------------------------------

    def _put(self, puts: list[Put]) -> set[int]:
        """Puts them into their streams; only what is refused is tried again. The ``id`` of those that never were taken."""
        refused: set[int] = set()
        for stream in {put.stream for put in puts}:
            left = [put for put in puts if put.stream == stream]
            for attempt in range(PUT_ATTEMPTS):
                left = [put for call in _calls(left) for put in self._call(stream, call)]
                if not left:
                    break
                self.sleep(PUT_PAUSE_SECONDS * 2**attempt)
            refused |= set(map(id, left))
        return refused

    def _call(self, stream: str, puts: list[Put]) -> list[Put]:
        """Those that the stream refused."""
        from botocore.exceptions import BotoCoreError, ClientError

        where: Any = {"StreamARN": stream} if stream.startswith("arn:") else {"StreamName": stream}
        try:
            results = self.kinesis.put_records(
                Records=[{"Data": put.data, "PartitionKey": put.key} for put in puts], **where
            )["Records"]  # fmt: skip
        except (BotoCoreError, ClientError) as error:
            self.told.reasons[f"a call to the stream failed ({_code(error)})"] += 1
            return puts
        return [put for put, result in zip(puts, results, strict=True) if result.get("ErrorCode")]


def why_not(record: dict[str, Any], max_age_ms: int) -> str | None:
    """What keeps the processor from counting a record that comes now, by its own first stages; None if nothing does."""
    from handlers.events.parse import parse
    from handlers.events.validate import validate

    kinesis = record.get("kinesis")
    fresh = (
        {**record, "kinesis": {**kinesis, "approximateArrivalTimestamp": time.time()}} if isinstance(kinesis, dict) else record
    )
    entries, letters = parse([fresh])
    if not letters:
        found = validate(entries, [fresh], max_age_ms)
        letters = found.letters
        if found.quarantined:
            return QUARANTINE[found.quarantined[0].why]
    return f"{letters[0].stage}: {letters[0].error}" if letters else None


def _as_lambda_has_it(raw: Any) -> dict[str, Any]:
    """What ``why_not`` needs of it."""
    data = {"data": b64encode(raw["Data"]).decode(), "sequenceNumber": raw["SequenceNumber"]}
    return {"kinesis": data, "eventID": f"shardId-0:{raw['SequenceNumber']}"}


def _calls(puts: list[Put]) -> Iterator[list[Put]]:
    """In calls that Kinesis takes."""
    call: list[Put] = []
    size = 0
    for put in puts:
        bytes_ = len(put.data) + len(put.key.encode())
        if call and (len(call) == PUT_RECORDS or size + bytes_ > PUT_BYTES):
            yield call
            call, size = [], 0
        call.append(put)
        size += bytes_
    if call:
        yield call


def _code(error: Any) -> str:
    """The service's word for it, which quotes nothing."""
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if response else type(error).__name__


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _max_age_ms() -> int:
    text = os.environ.get(MAX_AGE) or str(MAX_AGE_HOURS)
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24 * 3_650:
        raise UsageError(f"{MAX_AGE} is {text!r:.40}; it must be a number of hours")
    return int(hours * 3_600_000)


def _clients() -> tuple[SQSClient, KinesisClient, S3Client]:
    import boto3
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": 5}
    config = Config(connect_timeout=5, read_timeout=30, retries=retries)
    session = boto3.session.Session()
    return session.client("sqs", config=config), session.client("kinesis", config=config), session.client("s3", config=config)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
