"""However a history reaches the mirror, its rows end the same: generated deliveries, and a real stream through a mapping."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burgee.up.delivery import Settings, acknowledged
from burgee.up.mappings import Mapping
from burgee.up.streams import DynamoDBStream
from handlers import assignment_mirror
from tests.aws import Aws
from tests.handlers.mirroring import Assigned, Database, Mirror, Queue
from tests.handlers.streams import AT, Context, item, record

# --- histories ----------------------------------------------------------------------------------------------------------


@dataclass
class History:
    """A table that is written to. ``records``: what its stream says; ``rows``: what applying them once, in order, leaves."""

    sequence: int
    table: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[tuple[str, str, str], tuple[str, str | None, int]] = field(default_factory=dict)

    def put(self, key: tuple[str, str], assignment: str, variant: str) -> None:
        old, new = self.table.get(key), item(*key, assignment_id=assignment, variant=variant)
        self._add(record(self.sequence, new, old))
        if old is not None and old["assignment_id"]["S"] != assignment:
            self._end(key, old, "replaced")
        self.rows[(*key, assignment)] = (variant, None, self.sequence)
        self.table[key] = new

    def expire(self, key: tuple[str, str]) -> None:
        if old := self.table.pop(key, None):
            self._add(record(self.sequence, old=old, ttl=True))
            self._end(key, old, "expired")

    def delete(self, key: tuple[str, str]) -> None:
        if old := self.table.pop(key, None):
            self._add(record(self.sequence, old=old))
            self.rows = {place: row for place, row in self.rows.items() if place[:2] != key}

    def _add(self, change: dict[str, Any]) -> None:
        self.records.append(change)

    def _end(self, key: tuple[str, str], old: dict[str, Any], reason: str) -> None:
        self.rows[(*key, old["assignment_id"]["S"])] = (old["variant"]["S"], reason, self.sequence)

    def expected(self) -> list[Assigned]:
        return [
            Assigned(*place, variant, ended, Decimal(sequence))
            for place, (variant, ended, sequence) in sorted(self.rows.items())
        ]


KEYS = st.sampled_from([("u1", "e1"), ("u1", "e2"), ("u1e", "1")])  # the last two would be one, were they simply joined
WRITES = st.one_of(
    st.tuples(st.just("put"), KEYS, st.sampled_from(["a1", "a2", "a3"]), st.sampled_from(["control", "treatment"])),
    st.tuples(st.just("expire"), KEYS),
    st.tuples(st.just("delete"), KEYS),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    history = History(draw(st.sampled_from([1, 95, 10**20 - 5, 10**38 - 5])))
    for name, *arguments in draw(st.lists(WRITES, min_size=1, max_size=14)):
        getattr(history, name)(*arguments)
        history.sequence += draw(st.integers(1, 4))
    return history


@st.composite
def deliveries(draw: st.DrawFn, count: int) -> list[list[int]]:
    """Batches of places in the history: parts again and again, in any order, and at the end what nobody had yet."""
    if not count:
        return []
    place = st.integers(0, count - 1)
    part = st.tuples(place, place).map(lambda ends: list(range(min(ends), max(ends) + 1)))
    batches = draw(st.lists(st.one_of(part, st.lists(place, min_size=1, max_size=6)), max_size=5))
    had = {index for batch in batches for index in batch}
    missing = draw(st.permutations([index for index in range(count) if index not in had]))
    cut = draw(st.integers(0, len(missing)))
    return [batch for batch in (*batches, missing[:cut], missing[cut:]) if batch]


@settings(suppress_health_check=[*settings().suppress_health_check, HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.data())
def test_asg_16_any_delivery_of_a_history_ends_in_the_rows_of_applying_it_once(mirror: Mirror, data: st.DataObject) -> None:
    history = data.draw(histories())
    mirror.database.clear()
    for batch in data.draw(deliveries(len(history.records))):
        assert mirror(*(history.records[index] for index in batch)) == []
    assert mirror.rows() == history.expected()


# --- a real stream ------------------------------------------------------------------------------------------------------

KEY = ("user_id", "experiment_id")
QUICK = Settings(
    batch_size=7,
    report_batch_item_failures=True,
    bisect_batch_on_function_error=True,
    poll_seconds=0.02,
    backoff_seconds=0.01,
)


class Result(NamedTuple):
    payload: Any = None
    error: str | None = None
    throttled: bool = False

    def result(self) -> Any:
        return self.payload


class Failing:
    """The handler, whose n-th invocation fails as ``faults[n]`` says. ``seen``: acknowledged records."""

    name = "assignment-mirror"

    def __init__(self, faults: Sequence[str]) -> None:
        self._faults: Iterator[str] = iter(faults)
        self.seen = 0

    async def invoke(self, event: Any) -> Result:
        fault = next(self._faults, "")
        if fault == "killed before":
            return Result(error="Sandbox.Timedout")
        answer = await asyncio.to_thread(assignment_mirror.handler, json.loads(json.dumps(event)), Context())
        if fault == "killed after":
            return Result(error="Sandbox.Timedout")
        if fault == "reported":
            middle = event["Records"][len(event["Records"]) // 2]["dynamodb"]["SequenceNumber"]
            answer = {"batchItemFailures": [{"itemIdentifier": middle}]}
        self.seen += acknowledged([entry["dynamodb"]["SequenceNumber"] for entry in event["Records"]], answer)
        return Result(answer)


@pytest.fixture
def table(aws: Aws) -> str:
    """A new assignments table with its stream."""
    name = aws.name("assignments")
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": part, "KeyType": kind} for part, kind in zip(KEY, ("HASH", "RANGE"), strict=True)],
        AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part in KEY],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return name


def play(aws: Aws, table: str, function: Failing, is_done: Callable[[], bool]) -> Mapping:
    """Runs a mapping from the table's stream to the function until it is done."""
    arn = aws.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    mapping = Mapping(DynamoDBStream(aws.client("dynamodbstreams"), arn), function, QUICK)

    async def work() -> None:
        running = asyncio.create_task(mapping.run())
        until = time.monotonic() + 60
        while not is_done() and time.monotonic() < until:
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    assert is_done()
    return mapping


FAULTS = [
    [],
    ["killed after", "", "reported", "killed before", "reported", "", "killed after"],
]


@pytest.mark.parametrize("faults", FAULTS)
def test_asg_16_a_table_and_its_mirror_say_the_same(aws: Aws, table: str, mirror: Mirror, faults: list[str]) -> None:
    dynamodb = aws.client("dynamodb")
    queue = Queue(aws)
    mirror.park(queue)
    writes = 0
    for number in range(12):
        key = {"user": f"user-{number}", "experiment": f"exp-{number % 3}"}
        dynamodb.put_item(TableName=table, Item=item(**key, assignment_id=f"assign_{number:012}", ttl={"N": str(AT)}))
        writes += 1
    for number in range(0, 12, 3):
        key_of = {"user_id": {"S": f"user-{number}"}, "experiment_id": {"S": "exp-0"}}
        dynamodb.update_item(
            TableName=table, Key=key_of, UpdateExpression="SET variant = :v", ExpressionAttributeValues={":v": {"S": "control"}}
        )
        writes += 1
    dynamodb.put_item(TableName=table, Item=item("user-1", "exp-1", assignment_id="assign_again"))
    dynamodb.put_item(TableName=table, Item=item("user-broken", "exp-1", timestamp="never"))
    dynamodb.delete_item(TableName=table, Key={"user_id": {"S": "user-2"}, "experiment_id": {"S": "exp-2"}})
    writes += 3
    function = Failing(faults)
    mapping = play(aws, table, function, lambda: function.seen >= writes)
    assert (mapping.counts.discarded, mapping.counts.acknowledged) == (0, writes)
    items = [found for found in dynamodb.scan(TableName=table)["Items"] if found["user_id"]["S"] != "user-broken"]
    stored = sorted(tuple(found[name]["S"] for name in (*KEY, "assignment_id", "variant")) for found in items)
    assert [row[:4] for row in mirror.rows() if row.ended is None] == stored
    assert [row[:3] for row in mirror.rows() if row.ended] == [("user-1", "exp-1", "assign_000000000001")]
    assert {letter["error"] for letter in queue.messages()} == {"timestamp must be an ISO 8601 instant"}


def test_asg_16_what_could_not_be_written_is_written_when_the_database_is_back(
    aws: Aws, table: str, mirror: Mirror, migrated: Database
) -> None:
    """The stream is the buffer: nothing of it is acknowledged before it is a row."""
    dynamodb = aws.client("dynamodb")
    for number in range(20):
        dynamodb.put_item(TableName=table, Item=item(f"user-{number:02}", variant="boom" if number == 11 else "treatment"))
    function = Failing([])
    migrated.connection.execute("ALTER TABLE burgee.assignments RENAME TO away")

    class Mending(Failing):
        """After four failed invocations the table is there again."""

        async def invoke(self, event: Any) -> Result:
            if len(mirror.logs()) == 4:
                migrated.connection.execute("ALTER TABLE IF EXISTS burgee.away RENAME TO assignments")
            return await super().invoke(event)

    function = Mending([])
    try:
        play(aws, table, function, lambda: function.seen >= 20)
    finally:
        migrated.connection.execute("ALTER TABLE IF EXISTS burgee.away RENAME TO assignments")
    assert [row.user for row in mirror.rows()] == [f"user-{number:02}" for number in range(20)]
    assert {line["reason"] for line in mirror.logs()} == {"UndefinedTable 42P01"}
