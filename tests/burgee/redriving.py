"""What redrive tests share: records and letters about them, what is in stream and queue, a run."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from burgee import redrive
from burgee.redrive import Redrive, Told
from burgee.up.delivery import Delivery, Settings
from burgee.up.streams import KinesisStream, Record
from handlers._dead_letters import DeadLetters, Letter
from handlers._stream import Deadline
from tests.aws import Aws


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrive, "WAIT_SECONDS", 0)


@pytest.fixture
def queue(aws: Aws) -> str:
    url: str = aws.client("sqs").create_queue(QueueName=aws.name("poison"))["QueueUrl"]
    return url


@pytest.fixture
def stream(aws: Aws) -> KinesisStream:
    name, client = aws.name("events"), aws.client("kinesis")
    client.create_stream(StreamName=name, ShardCount=2)
    return KinesisStream(client, client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"])


def event(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"event_id": f"event-{number}", "event_type": "purchase", "user_id": f"user-{number}", **more}


def send(stream: KinesisStream, aws: Aws, *data: bytes) -> list[dict[str, Any]]:
    """Puts records, each with a key of its own, and gives them as Lambda would have got them."""
    for number, one in enumerate(data):
        aws.client("kinesis").put_record(StreamARN=stream.arn, Data=one, PartitionKey=f"user-{number}")
    return [record.event for record in everything(stream)]


def everything(stream: KinesisStream) -> Iterator[Record]:
    for shard in stream.shards():
        yield from stream.read(stream.position(shard.name, "TRIM_HORIZON"), 10_000).records


def contents(stream: KinesisStream) -> list[tuple[str, bytes]]:
    """Partition key and data of all records."""
    found = [record.event["kinesis"] for record in everything(stream)]
    return sorted((one["partitionKey"], base64.b64decode(one["data"])) for one in found)


def lay(aws: Aws, queue: str, records: list[dict[str, Any]], bucket: str = "") -> None:
    """The processor's letters about records."""
    letters = [Letter(record, "validate", "it was refused then") for record in records]
    queue_of = DeadLetters(aws.client("sqs"), queue, aws.client("s3") if bucket else None, bucket)
    assert queue_of.send(letters, "request", Deadline(None, 0)) == set()


def waiting(aws: Aws, queue: str) -> int:
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def run(aws: Aws, queue: str, limit: int | None = None, **more: Any) -> Told:
    clients = {"sqs": aws.client("sqs"), "kinesis": aws.client("kinesis"), "s3": aws.client("s3"), "sleep": lambda _: None}
    return Redrive(**{**clients, "url": queue, **more}).run(limit)


def texts(*events: dict[str, Any]) -> list[bytes]:
    return [json.dumps(one).encode() for one in events]


def given_up(aws: Aws, queue: str, stream: KinesisStream, records: list[Record], **more: Any) -> None:
    """What the mapping says of a batch that it gives up; ``more``: what it should say otherwise."""
    shard = records[0].event["eventID"].split(":")[0]

    class Nobody:
        name = "events"

    delivery = Delivery(Nobody(), Settings(), stream.arn, stream.kind, shard, None)  # type: ignore[arg-type]
    failure = delivery._failure(records, "RetryAttemptsExhausted", 3, None)
    failure[stream.kind] |= more
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(failure))


def by_shard(stream: KinesisStream) -> list[list[Record]]:
    found = [stream.read(stream.position(shard.name, "TRIM_HORIZON"), 10_000).records for shard in stream.shards()]
    return [records for records in found if records]
