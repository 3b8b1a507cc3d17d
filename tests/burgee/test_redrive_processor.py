"""``burgee redrive`` and the real processor: killed in between, or after an outage, every event counts once."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from burgee import redrive
from burgee.redrive import Told
from burgee.up.delivery import Settings
from burgee.up.mappings import Mapping
from burgee.up.streams import KinesisStream
from handlers import _counters, events
from handlers._counters import Counters
from handlers.events.settings import read_settings
from tests.aws import Aws
from tests.burgee.redriving import by_shard, contents, event, given_up, lay, queue, quick, run, send, stream, texts, waiting

__all__ = ["queue", "quick", "stream"]  # fixtures


class Dying:
    """SQS for somebody who is killed at the first deletion."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def delete_message(self, **arguments: Any) -> None:
        raise ClientError({"Error": {"Code": "Killed"}}, "DeleteMessage")


@pytest.fixture
def counted(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counters]:
    """Settings and tables for the real processor; the counters that it writes."""
    client, table, assignments = aws.client("dynamodb"), aws.name("counters"), aws.name("assignments")
    client.create_table(TableName=table, **_counters.DEFINITION)
    keys = ("user_id", "experiment_id")
    client.create_table(
        TableName=assignments,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    more = {"S3_BUCKET": aws.bucket(), "DYNAMODB_TABLE": table, "ASSIGNMENTS_TABLE": assignments, "DLQ_URL": ""}
    for name, value in (aws.environment | more).items():
        monkeypatch.setenv(name, value)
    for name in ("BURGEE_STORE", "BURGEE_BUNDLE", redrive.MAX_AGE):
        monkeypatch.delenv(name, raising=False)
    events.reset()
    yield Counters(client, table)
    events.reset()


def exposure(number: int) -> dict[str, Any]:
    return event(number, event_type="exposure", experiment_id="exp_1", properties={"variant": "a"})


def process(stream: KinesisStream, done: dict[str, int]) -> None:
    """Lets the processor see what is new in every shard."""
    for shard in stream.shards():
        records = stream.read(stream.position(shard.name, "TRIM_HORIZON"), 10_000).records
        new = records[done.get(shard.name, 0) :]
        done[shard.name] = len(records)
        if new:
            answer = events.handler({"Records": [record.event for record in new]}, None)
            assert answer["batchItemFailures"] == []


def counts(counters: Counters) -> tuple[int, int]:
    """Events and distinct users of today (a test at midnight sees both days)."""
    days = {_counters.hour_of(int(at * 1_000))[:10] for at in (time.time(), time.time() - 600)}
    found = [counters.window("exp_1", "a", "day", day).get("exposure") for day in days]
    return sum(one.events for one in found if one), sum(round(one.users) for one in found if one)


def test_evb_08_a_crash_between_the_stream_and_the_queue_counts_nothing_twice(
    aws: Aws, queue: str, stream: KinesisStream, counted: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten events with times of their own and ten without: refused once, and good by now."""
    hidden = redrive.HIDDEN_SECONDS
    monkeypatch.setattr(redrive, "HIDDEN_SECONDS", 0)  # the killed one's messages come back at once
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    dated = [exposure(number) | {"timestamp": now} for number in range(10)]
    lay(aws, queue, send(stream, aws, *texts(*dated, *[exposure(number) for number in range(10, 20)])))
    done = {shard.name: len(stream.read(stream.position(shard.name, "TRIM_HORIZON"), 99).records) for shard in stream.shards()}
    for _ in range(3):
        with pytest.raises(ClientError):
            run(aws, queue, sqs=Dying(aws.client("sqs")))
        process(stream, done)
    assert (waiting(aws, queue), len(contents(stream))) == (20, 50)
    assert counts(counted) == (10, 10), "the first ten messages, three times"
    monkeypatch.setattr(redrive, "HIDDEN_SECONDS", hidden)
    assert run(aws, queue) == Told(done=20, events=20)
    process(stream, done)
    assert (waiting(aws, queue), len(contents(stream)), counts(counted)) == (0, 70, (20, 20))


def test_evb_08_a_batch_that_lambda_gave_up_after_counting_half_of_it_is_counted_once(
    aws: Aws, queue: str, stream: KinesisStream, counted: Counters
) -> None:
    send(stream, aws, *texts(*[exposure(number) for number in range(30)]))
    for records in by_shard(stream):
        half = [record.event for record in records[: len(records) // 2]]
        assert events.handler({"Records": half}, None)["batchItemFailures"] == []
        given_up(aws, queue, stream, records)
    assert 0 < counts(counted)[0] < 30
    done = {records[0].event["eventID"].split(":")[0]: len(records) for records in by_shard(stream)}
    assert run(aws, queue) == Told(done=2, events=30)
    process(stream, done)
    assert counts(counted) == (30, 30)


class InProcess:
    """The processor as a mapping invokes it."""

    name = "events"

    class Told(NamedTuple):
        payload: Any
        error: None = None
        throttled: bool = False

        def result(self) -> Any:
            return self.payload

    async def invoke(self, event: Any) -> Told:
        return self.Told(await asyncio.to_thread(events.handler, event, None))


def test_evb_08_an_outage_from_end_to_end(
    aws: Aws, queue: str, stream: KinesisStream, counted: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive's bucket is away until Lambda gives up; it comes back, and a redrive makes every event count once."""
    bucket = aws.name("away")
    monkeypatch.setenv("S3_BUCKET", bucket)
    events.reset()
    settings = Settings(
        batch_size=4, report_batch_item_failures=True, bisect_batch_on_function_error=True, maximum_retry_attempts=1,
        poll_seconds=0.05, backoff_seconds=0.01,
    )  # fmt: skip
    mapping = Mapping(stream, InProcess(), settings, (aws.client("sqs"), queue))
    send(stream, aws, *texts(*[exposure(number) for number in range(12)]))

    async def outage() -> None:
        running = asyncio.create_task(mapping.run())
        while mapping.counts.discarded < 12:
            await asyncio.sleep(0.05)
        assert counts(counted) == (0, 0)
        aws.client("s3").create_bucket(Bucket=bucket)
        told = await asyncio.to_thread(run, aws, queue)
        assert (told.events, told.stayed) == (12, 0)
        while mapping.counts.acknowledged < 12:
            await asyncio.sleep(0.05)
        running.cancel()

    asyncio.run(asyncio.wait_for(outage(), 300))
    assert counts(counted) == (12, 12)
    assert (waiting(aws, queue), mapping.counts.discarded) == (0, 12)


def test_the_age_that_is_counted_is_the_processors() -> None:
    environment = {"S3_BUCKET": "b", "DYNAMODB_TABLE": "t"}
    assert read_settings(environment).max_age_ms == redrive.MAX_AGE_HOURS * 3_600_000
    assert read_settings({**environment, redrive.MAX_AGE: "2"}).max_age_ms == 7_200_000
