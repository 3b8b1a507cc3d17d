"""What the embedded AWS does otherwise than moto: transactions that cost what they touch, shards that end."""

import sys
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.kinesis.models import Shard

from burgee.up import corrections
from burgee.up.streams import KinesisStream
from tests.aws import Aws

MIDDLE = str(2**127)
QUARTER = str(2**126)


def put(table: str, key: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": table, "Item": {"key": {"S": key}, "n": {"N": "1"}}, **more}}


def add(table: str, key: str, **more: Any) -> dict[str, Any]:
    update = {"TableName": table, "Key": {"key": {"S": key}}, "UpdateExpression": "ADD n :n"}
    return {"Update": {**update, "ExpressionAttributeValues": {":n": {"N": "1"}}, **more}}


def delete(table: str, key: str) -> dict[str, Any]:
    return {"Delete": {"TableName": table, "Key": {"key": {"S": key}}}}


FORBIDDEN = {"ConditionExpression": "attribute_exists(nothing)"}


def items(aws: Aws, table: str) -> dict[str, int]:
    found = aws.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["key"]["S"]: int(item["n"]["N"]) for item in found}


def records(aws: Aws, table: str) -> list[str]:
    streams = aws.client("dynamodbstreams")
    arn = aws.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    position = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    return [
        f"{one['eventName']} {one['dynamodb']['Keys']['key']['S']}"
        for one in streams.get_records(ShardIterator=position)["Records"]
    ]


def test_agg_10_a_transaction_is_all_or_nothing(aws: Aws) -> None:
    """A put, a change and a deletion before an operation that fails: neither tables nor streams know of them."""
    client, one, two = aws.client("dynamodb"), aws.table("one", stream=True), aws.table("two", stream=True)
    client.transact_write_items(TransactItems=[put(one, "kept"), put(one, "old"), add(two, "count")])
    before = items(aws, one), items(aws, two), records(aws, one), records(aws, two)
    assert before[:2] == ({"kept": 1, "old": 1}, {"count": 1})
    wanted = [add(one, "kept"), delete(one, "old"), put(one, "new"), add(two, "count"), add(two, "other", **FORBIDDEN)]
    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=wanted)
    codes = [reason["Code"] for reason in caught.value.response["CancellationReasons"]]
    assert codes == ["None"] * 4 + ["ConditionalCheckFailed"]
    assert (items(aws, one), items(aws, two), records(aws, one), records(aws, two)) == before
    client.transact_write_items(TransactItems=wanted[:4])
    assert (items(aws, one), items(aws, two)) == ({"kept": 2, "new": 1}, {"count": 2})
    assert records(aws, one)[len(before[2]) :] == ["MODIFY kept", "REMOVE old", "INSERT new"]


def test_a_transaction_with_a_sort_key_and_one_that_is_refused_leave_nothing(aws: Aws) -> None:
    client, table = aws.client("dynamodb"), aws.name("sorted")
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "ps"],
        BillingMode="PAY_PER_REQUEST",
    )

    def operation(p: str, s: str, **more: Any) -> dict[str, Any]:
        update = {"TableName": table, "Key": {"p": {"S": p}, "s": {"S": s}}, "UpdateExpression": "ADD n :n"}
        return {"Update": {**update, "ExpressionAttributeValues": {":n": {"N": "1"}}, **more}}

    client.transact_write_items(TransactItems=[operation("a", "1")])
    before = client.scan(TableName=table)["Items"]
    for last in (operation("c", "1", **FORBIDDEN), operation("b", "1"), operation("d", "1", UpdateExpression="ADD n :m")):
        with pytest.raises(ClientError):  # a condition; one item twice; a value that isn't given
            client.transact_write_items(TransactItems=[operation("a", "1"), operation("b", "1"), last])
        assert client.scan(TableName=table)["Items"] == before


def test_a_transaction_costs_the_same_in_a_large_table(aws: Aws) -> None:
    """With a copy of the table it takes half a second with 8,000 items."""
    client, small, large = aws.client("dynamodb"), aws.table("small", stream=True), aws.table("large", stream=True)
    aws.put(large, ({"key": {"S": f"item-{number}"}, "n": {"N": "0"}} for number in range(8_000)))

    def seconds(table: str) -> float:
        started = time.perf_counter()
        client.transact_write_items(TransactItems=[add(table, "a"), add(table, "b")])
        return time.perf_counter() - started

    taken = [(seconds(small), seconds(large)) for _ in range(40)]  # in turns, so that they share what else the machine does
    assert min(each for _, each in taken) < 5 * min(each for each, _ in taken) + 0.02


def test_old_positions_of_a_tables_stream_expire(aws: Aws) -> None:
    """As on AWS, and a mapping goes on after the last record. moto kept each of them for ever."""
    from burgee.up.streams import DynamoDBStream, IteratorGone

    table, client = aws.table("watched", stream=True), aws.client("dynamodbstreams")
    stream = DynamoDBStream(client, aws.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"])
    shard = stream.shards()[0].name
    first = position = stream.position(shard, "TRIM_HORIZON")
    for _ in range(20):
        position = stream.read(position, 10).following or ""
    assert stream.read(first, 10).records == []
    for _ in range(corrections.MAX_POSITIONS):
        position = stream.read(position, 10).following or ""
    with pytest.raises(IteratorGone):
        stream.read(first, 10)
    aws.put(table, [{"key": {"S": "new"}}])
    assert len(stream.read(position, 10).records) == 1


# --- Kinesis ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def stream(aws: Aws) -> KinesisStream:
    name, client = aws.name("stream"), aws.client("kinesis")
    client.create_stream(StreamName=name, ShardCount=1)
    return KinesisStream(client, client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"])


def send(aws: Aws, stream: KinesisStream, *texts: str) -> set[str]:
    """Puts records whose partition key is their text; the shards they went to."""
    wanted = [{"Data": text.encode(), "PartitionKey": text} for text in texts]
    found = aws.client("kinesis").put_records(StreamARN=stream.arn, Records=wanted)
    assert found["FailedRecordCount"] == 0
    return {record["ShardId"] for record in found["Records"]}


def read(stream: KinesisStream, shard: str, limit: int = 10_000) -> tuple[list[str], bool]:
    """The partition keys of all records, page by page, and whether the shard came to its end."""
    position: str | None = stream.position(shard, "TRIM_HORIZON")
    found: list[str] = []
    while position is not None:
        page = stream.read(position, limit)
        if not page.records and page.following is not None:
            return found, False
        found += [record.event["kinesis"]["partitionKey"] for record in page.records]
        position = page.following
    return found, True


def test_a_split_shard_keeps_its_records_and_ends(aws: Aws, stream: KinesisStream) -> None:
    before, after = [f"before-{n}" for n in range(20)], [f"after-{n}" for n in range(20)]
    (parent,) = send(aws, stream, *before)
    aws.client("kinesis").split_shard(StreamARN=stream.arn, ShardToSplit=parent, NewStartingHashKey=MIDDLE)
    shards = {shard.name: shard for shard in stream.shards()}
    children = send(aws, stream, *after)
    assert len(children) == 2 and parent not in children
    assert shards[parent].closed and all(shards[child].parents == (parent,) and not shards[child].closed for child in children)
    assert read(stream, parent, 7) == (before, True)
    told = [read(stream, child) for child in children]
    assert sorted(key for keys, _ in told for key in keys) == sorted(after)
    assert [ended for _, ended in told] == [False, False]


def test_merged_shards_keep_their_records_and_end(aws: Aws, stream: KinesisStream) -> None:
    client = aws.client("kinesis")
    client.split_shard(StreamARN=stream.arn, ShardToSplit="shardId-000000000000", NewStartingHashKey=MIDDLE)
    keys = [f"key-{n}" for n in range(20)]
    first, second = sorted(send(aws, stream, *keys))
    client.merge_shards(StreamARN=stream.arn, ShardToMerge=second, AdjacentShardToMerge=first)
    (merged,) = send(aws, stream, "later")
    assert next(shard for shard in stream.shards() if shard.name == merged).parents == (second, first)
    assert sorted(read(stream, first)[0] + read(stream, second)[0]) == sorted(keys)
    assert read(stream, first)[1] and read(stream, second)[1]
    assert read(stream, merged) == (["later"], False)
    with pytest.raises(ClientError):
        client.merge_shards(StreamARN=stream.arn, ShardToMerge=second, AdjacentShardToMerge=first)
    with pytest.raises(ClientError):
        client.split_shard(StreamARN=stream.arn, ShardToSplit=first, NewStartingHashKey=QUARTER)


def test_a_mapping_reads_a_split_stream_without_losing_or_repeating(aws: Aws, stream: KinesisStream) -> None:
    """Against moto's own shards: the parent to its end, then the children from their beginning."""
    import asyncio

    from burgee.up.delivery import Settings
    from burgee.up.mappings import Mapping

    seen: list[str] = []

    class Told:
        error, throttled = None, False

        def result(self) -> None: ...

    class Reader:
        name = "reader"

        async def invoke(self, event: Any) -> Told:
            seen.extend(record["kinesis"]["partitionKey"] for record in event["Records"])
            return Told()

    keys = [f"key-{n}" for n in range(60)]
    (parent,) = send(aws, stream, *keys[:30])

    async def run() -> None:
        mapping = Mapping(stream, Reader(), Settings(batch_size=10, poll_seconds=0.05))
        running = asyncio.create_task(mapping.run())
        while len(seen) < 30:
            await asyncio.sleep(0.02)
        split = {"StreamARN": stream.arn, "ShardToSplit": parent, "NewStartingHashKey": MIDDLE}
        await asyncio.to_thread(aws.client("kinesis").split_shard, **split)
        await asyncio.to_thread(send, aws, stream, *keys[30:])
        while len(seen) < 60:
            await asyncio.sleep(0.02)
        running.cancel()

    asyncio.run(asyncio.wait_for(run(), 120))
    assert sorted(seen) == sorted(keys)


class Unwalked(dict[int, Any]):
    """A shard's records, which nobody may walk through."""

    def __iter__(self) -> Any:
        if sys._getframe(1).f_code.co_name != "_first_number":  # which takes one
            raise AssertionError("somebody walks through the shard")
        return super().__iter__()

    items = keys = values = __iter__  # type: ignore[assignment]


def test_a_long_shard_is_neither_read_nor_written_from_its_beginning() -> None:
    """Only moto's own class is needed: no server, no clock."""
    corrections.apply()
    shard = Shard(0, 0, 2**128 - 1)
    for number in range(100):
        shard.put_record(f"key-{number}", "", "")
    shard.records = Unwalked(shard.records.copy())
    assert shard.put_record("key-100", "", "") == "101"
    found, last, behind_ms = shard.get_records("97", 2)
    assert ([record.partition_key for record in found], last, behind_ms >= 0) == (["key-97", "key-98"], 99, True)
    assert shard.get_records("101", 10) == ([], 101, 0)
    assert shard.get_min_sequence_number() == 1
