"""What the tests of the event processor share: a world in the embedded AWS, records as Lambda has them, what is there after.

Names are fresh in each world, so tests don't meet. Faults are put between botocore and the service (``World.faults``).
"""

import base64
import gzip
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers import _counters, events
from handlers._counters import Counters, Totals
from tests.aws import Aws
from tests.handlers.streams import Context

NOW = 1_795_842_000.25  # 2026-11-28T05:00:00.25Z: when records arrive, epoch seconds
SHARD = "shardId-000000000000"
HOUR, DAY = "2026-11-28-05", "2026-11-28"
EXPERIMENT = "exp_2041"

Document = dict[str, Any]
Fault = Callable[[str, Mapping[str, Any]], None]  # operation, request; raises to make the call fail unsent


def iso(at: float) -> str:
    """Epoch seconds as a producer writes them."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(number: int, user: str = "user-1", at: float | None = NOW, **fields: Any) -> Document:
    """A purchase in the experiment."""
    made: Document = {"event_id": f"event-{number}", "event_type": "purchase", "user_id": user, "experiment_id": EXPERIMENT}
    return made | ({} if at is None else {"timestamp": iso(at)}) | fields


class World:
    """Tables, a bucket, a queue and a stream of the test's own, and the handler on them."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self._patch = monkeypatch
        self.table, self.assignments, self.stream = aws.name("counters"), aws.name("assignments"), aws.name("events")
        self.bucket = aws.bucket()
        dynamodb = aws.client("dynamodb")
        dynamodb.create_table(TableName=self.table, **_counters.DEFINITION)
        keys = ("user_id", "HASH"), ("experiment_id", "RANGE")
        dynamodb.create_table(
            TableName=self.assignments,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        aws.client("kinesis").create_stream(StreamName=self.stream, ShardCount=1)
        self.queue = aws.client("sqs").create_queue(QueueName=aws.name("poison"))["QueueUrl"]
        self.calls: list[str] = []
        self.log = io.StringIO()
        for handler in events.logger.handlers:
            monkeypatch.setattr(handler, "stream", self.log)
        self.faults: list[Fault] = []
        self.counters = Counters(dynamodb, self.table)
        self.setenv(
            aws.environment
            | {
                "S3_BUCKET": self.bucket,
                "DYNAMODB_TABLE": self.table,
                "ASSIGNMENTS_TABLE": self.assignments,
                "DLQ_URL": self.queue,
                "DLQ_BUCKET": self.bucket,
            }
        )
        for name in ("BURGEE_STORE", "BURGEE_BUNDLE"):
            monkeypatch.delenv(name, raising=False)

    def setenv(self, variables: Mapping[str, str]) -> None:
        """Sets variables, and has the next invocation be a new container's."""
        for name, value in variables.items():
            self._patch.setenv(name, value)
        events.reset()

    # --- what is there before -----------------------------------------------------------------------------------------

    def assign(self, user: str, variant: str, at: float = NOW - 3_600, experiment: str = EXPERIMENT, **more: Any) -> None:
        """Stores an assignment, as the endpoint does."""
        item = {"user_id": user, "experiment_id": experiment, "assignment_id": f"assign_{user}", "variant": variant}
        item |= {"timestamp": iso(at), "experiment_key": "checkout-button"} | more
        stored = {name: {"S": value} for name, value in item.items()}
        self.aws.client("dynamodb").put_item(TableName=self.assignments, Item=stored)

    def record(self, number: int, content: Document | bytes, at: float = NOW, shard: str = SHARD) -> Document:
        """One record as Lambda hands it over."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "key",
                "sequenceNumber": str(number),
                "data": base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": at,
            },
            "eventSource": "aws:kinesis",
            "eventID": f"{shard}:{number}",
            "eventName": "aws:kinesis:record",
            "awsRegion": "us-east-1",
            "eventSourceARN": f"arn:aws:kinesis:us-east-1:123456789012:stream/{self.stream}",
        }

    def records(self, contents: Iterable[Document | bytes], first: int = 1_000) -> list[Document]:
        """Records with sequence numbers from ``first`` on."""
        return [self.record(first + number, content) for number, content in enumerate(contents)]

    # --- what happens -------------------------------------------------------------------------------------------------

    def run(self, records: Sequence[Document], context: Any = None) -> Document:
        """One invocation."""
        self._watch()
        return events.handler({"Records": list(records)}, context or Context())

    def _watch(self) -> None:
        """Counts the calls of the container's clients, and lets faults in."""
        try:
            processor = events.processor()
        except ValueError:
            return
        for client in (processor.s3, processor.committer._client):
            client.meta.events.register("before-call", self._before, unique_id=f"test-{id(self)}")

    def _before(self, model: Any, params: Mapping[str, Any], **_: Any) -> None:
        self.calls.append(model.name)
        for fault in tuple(self.faults):
            fault(model.name, params)

    # --- what is there after ------------------------------------------------------------------------------------------

    def window(self, variant: str, window: str = "hour", start: str = HOUR, experiment: str = EXPERIMENT) -> dict[str, Totals]:
        return self.counters.window(experiment, variant, window, start)

    def count(self, variant: str, window: str = "hour", start: str = HOUR, event_type: str = "purchase") -> int:
        """How many events of the variant the window has."""
        found = self.window(variant, window, start).get(event_type)
        return 0 if found is None else found.events

    def archive(self, prefix: str = "year=") -> dict[str, list[Document]]:
        """By key: the lines."""
        s3 = self.aws.client("s3")
        found = {}
        for item in s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", []):
            body = s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()
            found[item["Key"]] = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        return found

    def archived(self, prefix: str = "year=") -> list[str]:
        """The ids of all archived events, sorted."""
        return sorted(line["event_id"] for lines in self.archive(prefix).values() for line in lines)

    def letters(self) -> list[Document]:
        """What is in the queue of dead letters."""
        answer = self.aws.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def refused(code: str, operation: str, **more: Any) -> ClientError:
    """The service's refusal."""
    return ClientError({"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 400}, **more}, operation)


def failing(operation: str, error: Exception, times: int = 1) -> Fault:
    """A fault: the next calls of an operation fail."""
    left = [times]

    def fault(name: str, _: Mapping[str, Any]) -> None:
        if name == operation and left[0]:
            left[0] -= 1
            raise error

    return fault


def failed(answer: Document) -> list[str]:
    """The sequence numbers that the answer reports."""
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


@pytest.fixture
def world(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = World(aws, monkeypatch)
    yield made
    events.reset()
    assert "S3_BUCKET" in os.environ
