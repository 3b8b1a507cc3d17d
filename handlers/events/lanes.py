"""Lanes: how far each shard has been read, by whom, and what this container remembers of it. For ``handlers.events``.

A lane is a shard of the stream. Its item has the sequence number up to which everything is counted and archived (the high
water), and the invocation that owns it: whoever opens a lane shuts out all who opened it before, because every commit requires
the owner to be the same. What a container keeps in memory holds as long as nobody else has moved the high water.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers import _sketches
from handlers._counters import Key, lane_key, plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient

WINDOW_MS = 14 * 86_400_000
"""How long an event's id is remembered after it came. The longest that SQS keeps a message: what is redriven is still known."""
MAX_LANES = 64  # that a container remembers
MAX_COUNTERS = 2_000  # of one lane; 8 kB each at most
MAX_IDS = 300_000  # of one lane

Parents = Mapping[str, tuple[str, ...]]  # shard -> the shards it continues
Lineage = Callable[[str], Parents]  # of a stream


class Known(NamedTuple):
    """What a counter holds besides numbers that are added up: its users, and which numeric properties it has."""

    users: _sketches.Sketch
    names: set[str]


class Lane:
    """One shard's state. ``high_water``: -1 before the first commit; ``arrived_ms``: when the record there came.

    ``last_slot``: the latest slot of time that ids were stored for, -1 before. ``ancestors``: the lanes that this one
    continues, each with its ``arrived_ms``. ``counters`` and ``slots`` are this container's memory.
    """

    def __init__(self, name: str, owner: str, item: Mapping[str, Any]) -> None:
        self.name = name
        self.owner = owner
        self.high_water = int(item.get("high_water", -1))
        self.arrived_ms = int(item.get("arrived_ms", 0))
        self.last_slot = int(item.get("last_slot", -1))
        self.ancestors: dict[str, int] | None = None
        if "ancestors" in item:
            self.ancestors = {str(name): int(at) for name, at in item["ancestors"].items()}
        self.counters: dict[Key, Known] = {}
        self.slots: OrderedDict[int, set[bytes]] = OrderedDict()

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever committed."""
        return self.high_water < 0

    def remember(self, slot: int, ids: set[bytes]) -> None:
        """Keeps the ids of a slot; the slots that were asked for least lately go when there are too many."""
        self.slots[slot] = ids
        self.slots.move_to_end(slot)
        total = sum(map(len, self.slots.values()))
        while total > MAX_IDS and len(self.slots) > 1:
            _, gone = self.slots.popitem(last=False)
            total -= len(gone)


class Lanes:
    """The lanes' items. ``lineage`` tells a stream's shards and their parents. Raises botocore's errors."""

    def __init__(self, client: "DynamoDBClient", table: str, lineage: Lineage) -> None:
        self._client = client
        self._table = table
        self._lineage = lineage
        self._known: OrderedDict[str, Lane] = OrderedDict()

    def open(self, name: str, owner: str) -> Lane:
        """The lane, which is ``owner``'s from now on, with what this container remembers of it if that still holds."""
        answer = self._client.update_item(
            TableName=self._table,
            Key=lane_key(name).attributes(),
            UpdateExpression="SET #owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"S": owner}},
            ReturnValues="ALL_NEW",
        )
        found = Lane(name, owner, plain(answer["Attributes"]))
        known = self._known.pop(name, None)
        if known is not None and known.high_water == found.high_water:
            known.owner = owner
            found = known
        if found.ancestors is None:
            found.ancestors = self._ancestors(name)
        self._known[name] = found
        while len(self._known) > MAX_LANES:
            self._known.popitem(last=False)
        return found

    def is_owned(self, lane: Lane) -> bool:
        """Whether nobody has opened it since."""
        item = self._item(lane.name)
        return item is not None and item.get("owner") == lane.owner and int(item.get("high_water", -1)) == lane.high_water

    def forget(self, name: str) -> None:
        """Drops what is remembered: it isn't known how far a commit has come, or somebody else was here."""
        self._known.pop(name, None)

    def _item(self, name: str) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key=lane_key(name).attributes(), ConsistentRead=True)
        return plain(answer["Item"]) if "Item" in answer else None

    def _ancestors(self, name: str) -> dict[str, int]:
        """Of a lane without any yet: its parents and theirs, as far as events of the window can be in them."""
        stream, _, shard = name.rpartition("/")
        parents = self._lineage(stream)
        found: dict[str, int] = {}
        waiting = list(parents.get(shard, ()))
        while waiting:
            parent = f"{stream}/{waiting.pop()}"
            if parent in found:
                continue
            item = self._item(parent)
            if item is not None and "arrived_ms" in item:
                found[parent] = int(item["arrived_ms"])
                found |= {str(name): int(at) for name, at in item.get("ancestors", {}).items()}
            else:  # nothing of it was ever read; what it continues may have been
                found[parent] = 0
                waiting += parents.get(parent.rpartition("/")[2], ())
        newest = max(found.values(), default=0)
        return {name: at for name, at in found.items() if at and at > newest - WINDOW_MS}


def lineage_of(client: "KinesisClient") -> Lineage:
    """The lineage as Kinesis tells it (ListShards)."""

    def parents(stream: str) -> Parents:
        found: dict[str, tuple[str, ...]] = {}
        asked: dict[str, Any] = {"StreamName": stream}
        while True:
            answer = client.list_shards(**asked)
            for shard in answer["Shards"]:
                both = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                found[shard["ShardId"]] = tuple(parent for parent in both if parent)
            if not answer.get("NextToken"):
                return found
            asked = {"NextToken": answer["NextToken"]}

    return parents
