"""DynamoDB Streams and Kinesis behind one face: shards, positions, and records in the shape a Lambda function gets them.

The calls block; ``burgee.up.mappings`` makes them beside its loop. For ``burgee.up``.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_kinesis import KinesisClient

ROLE_ARN = "arn:aws:iam::123456789012:role/burgee-local"  # what a Kinesis record says it was read by
_GONE = ("ExpiredIteratorException", "TrimmedDataAccessException", "InvalidArgumentException")


class IteratorGone(Exception):
    """The position isn't valid any longer: it expired, or what it points at has left the stream."""


class Shard(NamedTuple):
    """``parents`` are the shards it continues; ``closed`` says that nothing will be added to it."""

    name: str
    parents: tuple[str, ...] = ()
    closed: bool = False


class Record(NamedTuple):
    """One record. ``arrived`` is in epoch seconds; ``event`` is what goes into an event's ``Records``."""

    sequence: str
    arrived: float
    event: dict[str, Any]


class Page(NamedTuple):
    """What one read gives; ``following`` is the next position, None at the end of a closed shard."""

    records: list[Record]
    following: str | None


class Stream(Protocol):
    """A stream that a mapping reads."""

    arn: str
    kind: str  # the name of the batch in a failure's record
    page_size: int  # the most records of one read

    def shards(self) -> list[Shard]:
        """All shards that are known to the stream, in no particular order."""
        ...

    def position(self, shard: str, start: str, after: str | None = None) -> str:
        """Where to read: right after the sequence number ``after``, else ``start`` (TRIM_HORIZON or LATEST).

        Raises IteratorGone when ``after`` has left the stream.
        """
        ...

    def read(self, position: str, limit: int) -> Page:
        """Up to ``limit`` records from the position. Raises IteratorGone."""
        ...


class DynamoDBStream:
    """A table's stream."""

    kind = "DDBStreamBatchInfo"
    page_size = 1_000

    def __init__(self, client: "DynamoDBStreamsClient", arn: str) -> None:
        self.arn = arn
        self._client = client

    def shards(self) -> list[Shard]:
        return list(self._shards())

    def _shards(self) -> Iterator[Shard]:
        more: dict[str, Any] = {}
        while True:
            found = self._client.describe_stream(StreamArn=self.arn, **more)["StreamDescription"]
            for shard in found.get("Shards", []):
                yield _shard(shard)
            last = found.get("LastEvaluatedShardId")
            if not last:
                return
            more = {"ExclusiveStartShardId": last}

    def position(self, shard: str, start: str, after: str | None = None) -> str:
        where: dict[str, Any] = {"ShardIteratorType": start}
        if after is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        with _Gone():
            found = self._client.get_shard_iterator(StreamArn=self.arn, ShardId=shard, **where)
        return str(found["ShardIterator"])

    def read(self, position: str, limit: int) -> Page:
        with _Gone():
            found = self._client.get_records(ShardIterator=position, Limit=limit)
        return Page([self._record(record) for record in found["Records"]], found.get("NextShardIterator"))

    def _record(self, raw: Any) -> Record:
        event = {**_plain(raw), "eventSourceARN": self.arn}
        arrived = raw["dynamodb"]["ApproximateCreationDateTime"].timestamp()
        return Record(raw["dynamodb"]["SequenceNumber"], arrived, event)


class KinesisStream:
    """A Kinesis data stream."""

    kind = "KinesisBatchInfo"
    page_size = 10_000

    def __init__(self, client: "KinesisClient", arn: str) -> None:
        self.arn = arn
        self._client = client
        self._region = arn.split(":")[3]

    def shards(self) -> list[Shard]:
        found = self._client.list_shards(StreamARN=self.arn)
        shards = [*found["Shards"]]
        while found.get("NextToken"):
            found = self._client.list_shards(NextToken=found["NextToken"])
            shards += found["Shards"]
        return [_shard(shard) for shard in shards]

    def position(self, shard: str, start: str, after: str | None = None) -> str:
        where: dict[str, Any] = {"ShardIteratorType": start}
        if after is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        with _Gone():
            # A read's position says the shard, which the records themselves don't.
            found = self._client.get_shard_iterator(StreamARN=self.arn, ShardId=shard, **where)
        return f"{shard} {found['ShardIterator']}"

    def read(self, position: str, limit: int) -> Page:
        shard, iterator = position.split(" ", 1)
        with _Gone():
            found = self._client.get_records(ShardIterator=iterator, Limit=limit, StreamARN=self.arn)
        following = found.get("NextShardIterator")
        return Page([self._record(shard, raw) for raw in found["Records"]], f"{shard} {following}" if following else None)

    def _record(self, shard: str, raw: Any) -> Record:
        arrived = raw["ApproximateArrivalTimestamp"].timestamp()
        event = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": raw["PartitionKey"],
                "sequenceNumber": raw["SequenceNumber"],
                "data": base64.b64encode(raw["Data"]).decode(),
                "approximateArrivalTimestamp": round(arrived, 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{raw['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": ROLE_ARN,
            "awsRegion": self._region,
            "eventSourceARN": self.arn,
        }
        return Record(raw["SequenceNumber"], arrived, event)


class _Gone:
    """Turns the services' ways of saying so into IteratorGone."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: object) -> None:
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _GONE:
            raise IteratorGone(str(error)) from error


def _shard(raw: Any) -> Shard:
    parents = tuple(raw[name] for name in ("ParentShardId", "AdjacentParentShardId") if raw.get(name))
    return Shard(raw["ShardId"], parents, "EndingSequenceNumber" in raw["SequenceNumberRange"])


def _plain(value: Any) -> Any:
    """As Lambda puts a record into JSON: times in whole epoch seconds, bytes in base64."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return int(value.timestamp()) if isinstance(value, datetime) else value


def iso(seconds: float) -> str:
    """Epoch seconds as AWS writes times: ``2026-11-14T00:13:49.717Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
