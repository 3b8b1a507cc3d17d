"""Event source mappings against real streams of the embedded AWS, and against scripted ones for what it can't play."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burgee.up.delivery import Settings
from burgee.up.mappings import Mapping
from burgee.up.streams import DynamoDBStream, IteratorGone, KinesisStream, Page, Record, Shard
from tests.aws import Aws

PATIENCE_SECONDS = 60.0
QUICK = Settings(poll_seconds=0.02, backoff_seconds=0.01)


class Result(NamedTuple):
    payload: Any = None
    error: str | None = None
    throttled: bool = False

    def result(self) -> Any:
        return self.payload


class Scripted:
    """A function whose n-th invocation gets the n-th answer, and then always success."""

    name = "sync"

    def __init__(self, *answers: Callable[[Any], Result]) -> None:
        self._answers = list(answers)
        self.events: list[Any] = []
        self.times: list[float] = []

    async def invoke(self, event: Any) -> Result:
        self.events.append(json.loads(json.dumps(event)))
        self.times.append(time.monotonic())
        return self._answers.pop(0)(event) if self._answers else Result()

    @property
    def records(self) -> list[Any]:
        return [record for event in self.events for record in event["Records"]]


def fail(_: Any) -> Result:
    return Result(error="Unhandled")


@contextmanager
def running(mapping: Mapping) -> Iterator[None]:
    """The mapping in a loop of its own thread."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(mapping.run())

    def work() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


class Table:
    def __init__(self, aws: Aws) -> None:
        self.name = aws.name("flags")
        self._client = aws.client("dynamodb")
        made = self._client.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.stream = DynamoDBStream(aws.client("dynamodbstreams"), made["TableDescription"]["LatestStreamArn"])

    def put(self, key: str, **attributes: Any) -> None:
        self._client.put_item(TableName=self.name, Item={"key": {"S": key}, **attributes})

    def delete(self, key: str) -> None:
        self._client.delete_item(TableName=self.name, Key={"key": {"S": key}})


@pytest.fixture
def table(aws: Aws) -> Table:
    return Table(aws)


def keys(records: list[Any]) -> list[str]:
    return [record["dynamodb"]["Keys"]["key"]["S"] for record in records]


# --- DynamoDB ---------------------------------------------------------------------------------------------------------


def test_a_record_has_the_shape_that_lambda_hands_over(table: Table) -> None:
    function = Scripted()
    with running(Mapping(table.stream, function, QUICK)):
        table.put("a", blob={"B": b"\x00\xff"})
        table.put("a", on={"BOOL": True})
        table.delete("a")
        until(lambda: len(function.records) == 3)
    inserted, changed, removed = function.records
    assert [record["eventName"] for record in function.records] == ["INSERT", "MODIFY", "REMOVE"]
    assert set(inserted) == {
        "eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb", "eventSourceARN",
    }  # fmt: skip
    assert inserted["eventSource"] == "aws:dynamodb"
    assert inserted["eventSourceARN"] == table.stream.arn
    assert set(changed["dynamodb"]) == {
        "ApproximateCreationDateTime", "Keys", "NewImage", "OldImage", "SequenceNumber", "SizeBytes", "StreamViewType",
    }  # fmt: skip
    assert inserted["dynamodb"]["NewImage"]["blob"] == {"B": "AP8="}
    assert changed["dynamodb"]["OldImage"] == {"key": {"S": "a"}, "blob": {"B": "AP8="}}
    assert isinstance(changed["dynamodb"]["ApproximateCreationDateTime"], int)
    assert "NewImage" not in removed["dynamodb"]


def test_from_the_trim_horizon_everything_comes_in_batches_and_in_order(table: Table) -> None:
    for n in range(7):
        table.put(f"k{n}")
    function = Scripted()
    with running(Mapping(table.stream, function, QUICK._replace(batch_size=3))):
        until(lambda: len(function.records) == 7)
    assert [len(event["Records"]) for event in function.events] == [3, 3, 1]
    assert keys(function.records) == [f"k{n}" for n in range(7)]


def test_from_latest_only_what_comes_later(table: Table) -> None:
    table.put("old")
    function = Scripted()
    mapping = Mapping(table.stream, function, QUICK._replace(starting_position="LATEST"))
    with running(mapping):
        until(lambda: mapping.ready)
        table.put("new")
        until(lambda: function.records)
    assert keys(function.records) == ["new"]


def test_a_window_gathers_what_comes_in_it(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("burgee.up.mappings.monotonic", lambda: now)
    function = Scripted()
    mapping = Mapping(table.stream, function, QUICK._replace(maximum_batching_window_seconds=300))
    with running(mapping):
        for n in range(5):
            table.put(f"k{n}")
            until(lambda read=n + 1: [len(reader._waiting) for reader in mapping._readers.values()] == [read])
        assert function.events == []
        now += 300
        until(lambda: function.events)
    assert [keys(event["Records"]) for event in function.events] == [[f"k{n}" for n in range(5)]]


def test_a_window_ends_early_when_the_batch_is_full(table: Table) -> None:
    function = Scripted()
    with running(Mapping(table.stream, function, QUICK._replace(maximum_batching_window_seconds=300, batch_size=2))):
        table.put("a")
        table.put("b")
        until(lambda: len(function.records) == 2)


def test_a_partial_response_goes_on_at_the_failed_record(table: Table) -> None:
    for n in range(4):
        table.put(f"k{n}")

    def second_failed(event: Any) -> Result:
        sequence = event["Records"][1]["dynamodb"]["SequenceNumber"]
        return Result({"batchItemFailures": [{"itemIdentifier": sequence}]})

    function = Scripted(second_failed)
    mapping = Mapping(table.stream, function, QUICK._replace(report_batch_item_failures=True))
    with running(mapping):
        until(lambda: mapping.counts.acknowledged == 4)
    assert [keys(event["Records"]) for event in function.events] == [["k0", "k1", "k2", "k3"], ["k1", "k2", "k3"]]


def test_what_is_given_up_lies_in_the_queue_and_the_stream_goes_on(aws: Aws, table: Table) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=aws.name("failures"))["QueueUrl"]
    function, said = Scripted(fail, fail), list[str]()
    mapping = Mapping(table.stream, function, QUICK._replace(maximum_retry_attempts=1), (sqs, url), said.append)
    table.put("bad")
    with running(mapping):
        until(lambda: mapping.counts.discarded == 1)
        table.put("good")
        until(lambda: mapping.counts.acknowledged == 1)
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    failure = json.loads(message["Body"])
    sequence = function.records[0]["dynamodb"]["SequenceNumber"]
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["DDBStreamBatchInfo"]["startSequenceNumber"] == sequence
    assert failure["DDBStreamBatchInfo"]["endSequenceNumber"] == sequence
    assert len(said) == 1
    # The record itself can be read again from what the message says.
    info = failure["DDBStreamBatchInfo"]
    client = aws.client("dynamodbstreams")
    iterator = client.get_shard_iterator(
        StreamArn=info["streamArn"], ShardId=info["shardId"], ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=info["startSequenceNumber"],
    )["ShardIterator"]  # fmt: skip
    assert client.get_records(ShardIterator=iterator)["Records"][0]["dynamodb"]["Keys"] == {"key": {"S": "bad"}}


# --- Kinesis ----------------------------------------------------------------------------------------------------------


def test_kinesis_records_and_shards(aws: Aws) -> None:
    client, name = aws.client("kinesis"), aws.name("events")
    client.create_stream(StreamName=name, ShardCount=2)
    arn = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    sent = [client.put_record(StreamName=name, PartitionKey=f"user-{n}", Data=f"{n}".encode()) for n in range(20)]
    function = Scripted()
    with running(Mapping(KinesisStream(client, arn), function, QUICK._replace(batch_size=4))):
        until(lambda: len(function.records) == 20)
    first = next(record for record in function.records if record["kinesis"]["partitionKey"] == "user-0")
    arrived = first["kinesis"].pop("approximateArrivalTimestamp")
    assert abs(arrived - time.time()) < PATIENCE_SECONDS
    assert first == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "user-0",
            "sequenceNumber": sent[0]["SequenceNumber"],
            "data": "MA==",
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{sent[0]['ShardId']}:{sent[0]['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/burgee-local",
        "awsRegion": "us-east-1",
        "eventSourceARN": arn,
    }
    for event in function.events:
        assert len({record["eventID"].split(":")[0] for record in event["Records"]}) == 1  # a batch is of one shard
    for shard in {answer["ShardId"] for answer in sent}:
        got = [record["eventID"] for record in function.records if record["eventID"].startswith(shard)]
        assert got == [f"{shard}:{answer['SequenceNumber']}" for answer in sent if answer["ShardId"] == shard]


# --- what the embedded AWS can't play ---------------------------------------------------------------------------------


class FakeStream:
    """Shards as lists of numbers. A position is ``shard:index``; ``expired`` positions are refused once."""

    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/fake"
    kind = "KinesisBatchInfo"
    page_size = 2

    def __init__(self, known: list[Shard], content: dict[str, list[int]]) -> None:
        self.known = known
        self.content = content
        self.expire_at: set[str] = set()
        self.trimmed = 0  # records below this number have left the stream
        self.asked: list[tuple[str, str, str | None]] = []

    def shards(self) -> list[Shard]:
        return list(self.known)

    def position(self, shard: str, start: str, after: str | None = None) -> str:
        self.asked.append((shard, start, after))
        numbers = self.content[shard]
        if after is None:
            first = next((i for i, n in enumerate(numbers) if n >= self.trimmed), len(numbers))
            return f"{shard}:{first if start == 'TRIM_HORIZON' else len(numbers)}"
        if int(after) < self.trimmed:
            raise IteratorGone("trimmed")
        return f"{shard}:{numbers.index(int(after)) + 1}"

    def read(self, position: str, limit: int) -> Page:
        if position in self.expire_at:
            self.expire_at.discard(position)
            raise IteratorGone("expired")
        shard, index = position.split(":")
        numbers = self.content[shard][int(index) : int(index) + min(limit, self.page_size)]
        end = int(index) + len(numbers)
        closed = next(known.closed for known in self.known if known.name == shard)
        found = [Record(str(number), time.time() if number >= 100 else 1.0, {"n": number}) for number in numbers]
        return Page(found, None if closed and end == len(self.content[shard]) else f"{shard}:{end}")


def numbers(function: Scripted) -> list[int]:
    return [record["n"] for record in function.records]


def test_a_closed_shard_is_read_to_its_end_before_those_that_continue_it() -> None:
    known = [Shard("c2", ("p",)), Shard("c1", ("p",)), Shard("p", ("long gone",), closed=True), Shard("m", ("c1", "x"), True)]
    content = {"p": [1, 2, 3], "c1": [11, 12], "c2": [21], "m": [31]}
    function = Scripted()
    with running(Mapping(FakeStream(known, content), function, QUICK)):
        until(lambda: len(numbers(function)) == 6)
    got = numbers(function)
    assert got[:3] == [1, 2, 3]
    assert [n for n in got if 10 < n < 20] == [11, 12]
    assert 31 not in got  # its parent c1 is still open


def test_from_latest_a_closed_shard_is_passed_over() -> None:
    function = Scripted()
    known = [Shard("old", (), closed=True), Shard("new", ("old",))]
    stream = FakeStream(known, {"old": [1], "new": []})
    mapping = Mapping(stream, function, QUICK._replace(starting_position="LATEST"))
    with running(mapping):
        until(lambda: mapping.ready)
        stream.content["new"].append(2)
        until(lambda: numbers(function))
    assert numbers(function) == [2]
    assert {shard for shard, _, _ in stream.asked} == {"new"}


def test_a_batch_is_no_larger_than_an_invocation_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burgee.up.mappings.MAX_EVENT_BYTES", 25)  # of records of 8 bytes, three
    function = Scripted()
    stream = FakeStream([Shard("s")], {"s": list(range(1, 9))})
    with running(Mapping(stream, function, QUICK._replace(maximum_batching_window_seconds=300, batch_size=100))):
        until(lambda: len(function.events) == 2)
    assert [len(event["Records"]) for event in function.events] == [3, 3]


def test_a_batch_has_no_more_records_than_its_size() -> None:
    function = Scripted()
    stream = FakeStream([Shard("s")], {"s": list(range(1, 8))})  # gives two at a time
    with running(Mapping(stream, function, QUICK._replace(maximum_batching_window_seconds=300, batch_size=3))):
        until(lambda: len(function.events) == 2)
    assert [len(event["Records"]) for event in function.events] == [3, 3]


def test_shards_of_a_stream_that_was_split_and_merged() -> None:
    class Client:
        def list_shards(self, **_: Any) -> Any:
            ended, open_ = {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"}, {"StartingSequenceNumber": "10"}
            return {
                "Shards": [
                    {"ShardId": "a", "SequenceNumberRange": ended},
                    {"ShardId": "b", "SequenceNumberRange": ended},
                    {"ShardId": "c", "ParentShardId": "a", "AdjacentParentShardId": "b", "SequenceNumberRange": open_},
                ]
            }

    client: Any = Client()
    assert KinesisStream(client, FakeStream.arn).shards() == [
        Shard("a", (), True), Shard("b", (), True), Shard("c", ("a", "b"), False),
    ]  # fmt: skip


def test_a_shard_that_continues_one_from_latest_is_read_from_its_beginning() -> None:
    stream = FakeStream([Shard("p")], {"p": [1], "c": [2, 3]})
    function = Scripted()
    mapping = Mapping(stream, function, QUICK._replace(starting_position="LATEST"))
    with running(mapping):
        until(lambda: mapping.ready)
        stream.known = [Shard("p", (), True), Shard("c", ("p",))]
        until(lambda: len(numbers(function)) == 2)
    assert numbers(function) == [2, 3]


def test_an_expired_position_loses_and_repeats_nothing() -> None:
    stream = FakeStream([Shard("s")], {"s": [1, 2, 3, 4, 5]})
    stream.expire_at = {"s:2", "s:5"}
    function = Scripted()
    with running(Mapping(stream, function, QUICK)):
        until(lambda: len(numbers(function)) == 5 and len(stream.asked) == 3)
    assert numbers(function) == [1, 2, 3, 4, 5]
    assert stream.asked == [("s", "TRIM_HORIZON", None), ("s", "TRIM_HORIZON", "2"), ("s", "TRIM_HORIZON", "5")]


def test_a_position_that_has_left_the_stream_goes_on_with_the_oldest_record() -> None:
    stream = FakeStream([Shard("s")], {"s": [1, 2, 3, 4, 5]})
    stream.expire_at = {"s:2"}

    def trim(_: Any) -> Result:
        stream.trimmed = 4
        return Result()

    function = Scripted(trim)
    with running(Mapping(stream, function, QUICK._replace(batch_size=2))):
        until(lambda: 5 in numbers(function))
    assert numbers(function) == [1, 2, 4, 5]


def test_latest_that_expires_before_the_first_record_passes_nothing_over() -> None:
    stream = FakeStream([Shard("s")], {"s": [1, 2]})
    stream.expire_at = {"s:2"}
    function = Scripted()
    mapping = Mapping(stream, function, QUICK._replace(starting_position="LATEST"))
    original = stream.position

    def position(shard: str, start: str, after: str | None = None) -> str:
        found = original(shard, start, after)
        if start == "LATEST":
            stream.content["s"] += [100, 101]  # they come while nobody can read
        return found

    stream.position = position  # type: ignore[method-assign]
    with running(mapping):
        until(lambda: len(numbers(function)) == 2)
    assert numbers(function) == [100, 101]


# --- whatever the function and the stream do --------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    expire=st.sets(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=6),
    script=st.lists(st.one_of(st.none(), st.just("error"), st.just("throttled"), st.integers(0, 8)), max_size=12),
    batch_size=st.integers(1, 5),
    bisect=st.booleans(),
)
def test_every_record_of_every_shard_is_acknowledged_or_given_up(
    lengths: list[int], expire: set[tuple[int, int]], script: list[Any], batch_size: int, bisect: bool
) -> None:
    content = {f"s{n}": [100 * n + i for i in range(length)] for n, length in enumerate(lengths)}
    known = [Shard(f"s{n}", (f"s{n - 1}",) if n else (), closed=True) for n in range(len(lengths))]  # each continues the last
    stream = FakeStream(known, content)
    stream.expire_at = {f"s{shard}:{index}" for shard, index in expire}

    def answer(step: Any) -> Callable[[Any], Result]:
        if step in ("error", "throttled"):
            return lambda _: Result(error=step, throttled=step == "throttled")
        return lambda event: Result(
            None if step is None else {"batchItemFailures": [{"itemIdentifier": str(event["Records"][0]["n"] + step)}]}
        )

    function = Scripted(*map(answer, script))
    chosen = Settings(
        batch_size, report_batch_item_failures=True, bisect_batch_on_function_error=bisect, maximum_retry_attempts=1,
        poll_seconds=0.0005, backoff_seconds=0.0,
    )  # fmt: skip
    mapping = Mapping(stream, function, chosen)

    async def run() -> None:
        running = asyncio.create_task(mapping.run())
        while mapping.counts.acknowledged + mapping.counts.discarded < sum(lengths) and not running.done():
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))
    assert mapping.counts.acknowledged + mapping.counts.discarded == sum(lengths)
    got = numbers(function)
    assert sorted(set(got)) == sorted(number for shard in content.values() for number in shard)  # each was tried
    firsts = [got.index(number) for number in sorted(set(got))]
    assert firsts == sorted(firsts)  # for the first time in order, shard after shard
