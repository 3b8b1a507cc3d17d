"""The table of counters: its keys, names and times to live, and how its totals are read. For the processor and the results.

This is the one definition of the table (requirements AGG-01, AGG-02, INF-02). A counter is an item for an experiment's
variant, a window of time, an event type and a *lane*: a shard of the stream, which has one reader at a time. So no two writers
meet in an item; whoever reads adds the lanes up. docs/event-processor.md has the table's layout and the reasons.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

from boto3.dynamodb.types import TypeDeserializer

from handlers import _sketches

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE: Final = "event-aggregations"
PARTITION_KEY: Final = "partition_key"
SORT_KEY: Final = "sort_key"
TTL: Final = "ttl"
COUNT: Final = "event_count"
USERS: Final = "users"
# Of a numeric property: how many events had it, their sum, the sum of their squares.
NUMBER, SUM, SQUARES = PREFIXES = ("n_", "sum_", "sumsq_")

HOUR: Final = "hour"
DAY: Final = "day"
PHASE: Final = "phase"
WINDOWS: Final = (HOUR, DAY, PHASE)
WRITE_SHARDS: Final = 8
"""Into so many partitions the lanes of one counter are spread: each takes 1,000 write units a second."""

DEFINITION: Final[Any] = {
    "KeySchema": [{"AttributeName": PARTITION_KEY, "KeyType": "HASH"}, {"AttributeName": SORT_KEY, "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": PARTITION_KEY, "AttributeType": "S"},
        {"AttributeName": SORT_KEY, "AttributeType": "S"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
"""What CreateTable needs besides a name. Items end at ``TTL``."""

MAX_PARTITION_KEY_BYTES = 2048
MAX_SORT_KEY_BYTES = 1024
DAY_SECONDS = 86_400
_EVENT_TYPE = "event_type#"
_EXACT = Context(prec=60)  # sums of DynamoDB's 38 digits


class Key(NamedTuple):
    """An item's."""

    partition: str
    sort: str

    def attributes(self) -> dict[str, Any]:
        """As DynamoDB takes it."""
        return {PARTITION_KEY: {"S": self.partition}, SORT_KEY: {"S": self.sort}}


class Phase(NamedTuple):
    """An experiment under one allocation: weight by variant. ``started_ms``: when it was published, epoch milliseconds.

    ``version``: the snapshot's in the store.
    """

    number: int
    started_ms: int
    allocation: dict[str, float]
    version: int


# --- keys -------------------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """An id for use in keys, whose parts ``#`` separates (requirement VAL-08)."""
    return text.replace("%", "%25").replace("#", "%23")


def experiment_part(experiment_id: str) -> str:
    """``exp_`` and the id, without another ``exp_`` where the id has it."""
    name = escaped(experiment_id)
    return name if name.startswith("exp_") else f"exp_{name}"


def write_shard(lane: str) -> int:
    """Which of the partitions of a counter this lane writes to."""
    return crc32(lane.encode()) % WRITE_SHARDS


def window_name(window: str, start: str | int) -> str:
    """``hour#2026-01-31-23``, ``day#2026-01-31``, ``phase#3``. Raises ValueError for another window (requirement AGG-03)."""
    if window not in WINDOWS:
        raise ValueError(f"{window!r:.40} is no window; there are {', '.join(WINDOWS)}")
    return f"{window}#{start}"


def hour_of(at_ms: int) -> str:
    """The hour of a moment in UTC: ``2026-01-31-23``."""
    return datetime.fromtimestamp(at_ms // 3_600_000 * 3_600, UTC).strftime("%Y-%m-%d-%H")


def counter_partition(experiment_id: str, variant: str, window: str, shard: int) -> str:
    """The partition key of a counter; ``window`` as ``window_name`` says it."""
    return f"{experiment_part(experiment_id)}#variant#{escaped(variant)}#{window}#{shard}"


def counter_sort(event_type: str, lane: str) -> str:
    """The sort key of a counter."""
    return f"{_EVENT_TYPE}{event_type}#{lane}"


def is_too_long(key: Key) -> bool:
    """Whether DynamoDB can't take it."""
    return len(key.partition.encode()) > MAX_PARTITION_KEY_BYTES or len(key.sort.encode()) > MAX_SORT_KEY_BYTES


def lane_key(lane: str) -> Key:
    """Where a lane's state is: how far it has been read, by whom, and which lanes it continues."""
    return Key(f"lane#{lane}", "lane")


def ids_partition(lane: str, slot: int) -> str:
    """The partition key of the ids that a lane has seen of one slot of time; the sort keys are sequence numbers."""
    return f"ids#{lane}#{slot}"


def marker_key(digest: bytes) -> Key:
    """Where it says that an event without a time of its own has been seen."""
    return Key(f"id#{digest.hex()}", "id")


def exposed_key(user_id: str, experiment_id: str) -> Key:
    """Where it says under which variant a user was exposed whose assignment isn't stored. The key is a hash of both."""
    text = f"{len(user_id)}:{user_id}{experiment_id}".encode("utf-8", "surrogatepass")
    return Key(f"exposed#{blake2b(text, digest_size=16).hexdigest()}", "exposed")


def phases_partition(experiment_id: str) -> str:
    """The partition key of an experiment's phases."""
    return f"{experiment_part(experiment_id)}#phases"


def phase_sort(number: int) -> str:
    """The sort key of a phase."""
    return f"phase#{number:06d}"


def looks_partition(experiment_id: str, phase: int) -> str:
    """The partition key of the results that were looked at in a phase; the sort keys are moments."""
    return f"{experiment_part(experiment_id)}#looks#{phase}"


# --- totals -----------------------------------------------------------------------------------------------------------


class Moments(NamedTuple):
    """Of a numeric property over events: how many had it, the sum, the sum of squares."""

    n: int
    total: Decimal
    squares: Decimal


class Totals:
    """One event type's totals in one window. ``users``: distinct users, and the bounds of that with 95 % confidence."""

    def __init__(self, events: int, sketch: _sketches.Sketch, metrics: Mapping[str, Moments]) -> None:
        self.events = events
        self.sketch = sketch
        self.metrics = dict(metrics)
        self.users, self.users_low, self.users_high = _sketches.estimate(sketch)

    def __repr__(self) -> str:
        return f"Totals(events={self.events}, users={self.users:.0f}, metrics={self.metrics})"


def added(items: Iterable[Mapping[str, Any]]) -> Totals:
    """The totals of counters (plain items) of different lanes, windows or types."""
    events = 0
    sketches: list[_sketches.Sketch] = []
    metrics: dict[str, Moments] = {}
    for item in items:
        events += int(item.get(COUNT, 0))
        if USERS in item:
            sketches.append(_sketches.read(bytes(item[USERS])))
        for name, found in moments_of(item).items():
            before = metrics.get(name, Moments(0, Decimal(0), Decimal(0)))
            total, squares = _EXACT.add(before.total, found.total), _EXACT.add(before.squares, found.squares)
            metrics[name] = Moments(before.n + found.n, total, squares)
    return Totals(events, sketches[0] if len(sketches) == 1 else _sketches.merged(sketches), metrics)


def moments_of(item: Mapping[str, Any]) -> dict[str, Moments]:
    """The numeric properties of one counter."""
    found = {}
    for attribute, number in item.items():
        if attribute.startswith(NUMBER):
            name = attribute.removeprefix(NUMBER)
            zero = Decimal(0)
            found[name] = Moments(int(number), item.get(SUM + name, zero), item.get(SQUARES + name, zero))
    return found


class Counters:
    """The reading side. Every method asks the service and raises botocore's errors."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def window(self, experiment_id: str, variant: str, window: str, start: str | int) -> dict[str, Totals]:
        """By event type: the totals of a window, with all lanes added up (requirements AGG-11, AGG-13).

        ``start``: an hour (``2026-01-31-23``), a day (``2026-01-31``) or a phase's number. Raises ValueError for another
        window.
        """
        name = window_name(window, start)
        found: dict[str, list[Mapping[str, Any]]] = {}
        for shard in range(WRITE_SHARDS):
            for item in self.query(counter_partition(experiment_id, variant, name, shard)):
                event_type = item[SORT_KEY].removeprefix(_EVENT_TYPE).partition("#")[0]
                found.setdefault(event_type, []).append(item)
        return {event_type: added(items) for event_type, items in sorted(found.items())}

    def phases(self, experiment_id: str) -> list[Phase]:
        """An experiment's phases, oldest first."""
        return [phase_of(item) for item in self.query(phases_partition(experiment_id))]

    def query(self, partition: str) -> Iterator[dict[str, Any]]:
        """All items with this partition key as plain values, in the order of their sort keys."""
        more: dict[str, Any] = {}
        while True:
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="#partition = :partition",
                ExpressionAttributeNames={"#partition": PARTITION_KEY},
                ExpressionAttributeValues={":partition": {"S": partition}},
                ConsistentRead=True,
                **more,
            )
            yield from map(plain, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def phase_of(item: Mapping[str, Any]) -> Phase:
    """The phase in an item."""
    allocation = {str(name): float(share) for name, share in item["allocation"].items()}
    number = int(item[SORT_KEY].removeprefix("phase#"))
    return Phase(number, int(item["started_ms"]), allocation, int(item["version"]))


_deserialize = TypeDeserializer().deserialize


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item's values as Python's; numbers are Decimal, binary values are bytes."""
    found = {name: _deserialize(value) for name, value in item.items()}
    return {name: bytes(value) if hasattr(value, "value") else value for name, value in found.items()}
