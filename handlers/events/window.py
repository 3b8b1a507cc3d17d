"""The window of event ids: what a producer sends again is recognised, for 14 days (VAL-04). For ``handlers.events``.

A producer's repetition has the same ``event_id``, the same ``user_id`` (so the same partition key) and the same ``timestamp``.
Ids are therefore kept by lane and by slot of five minutes of the event's own time: one item for each slot that a commit has
events of, written in the commit's transaction. A shard that continues others looks at theirs as well. An event without a time
of its own can't be found by time: it has an item to itself.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from handlers import _counters
from handlers._counters import Counters, marker_key
from handlers.events import dynamodb
from handlers.events.lanes import Lane
from handlers.events.model import Entry
from handlers.events.validate import FUTURE_MS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SLOT_MS = 300_000
DIGEST_BYTES = 8


def digest_of(event_id: str) -> bytes:
    """What is kept of an id: 64 bits of BLAKE2b. Of 20,000 ids in a slot, two share one with a probability of 1e-11."""
    return blake2b(event_id.encode(), digest_size=DIGEST_BYTES).digest()


def ids_by_slot(entries: Iterable[Entry]) -> dict[int, set[bytes]]:
    """The digests of the events with a time of their own, which ``Window.seen`` has looked at."""
    found: dict[int, set[bytes]] = {}
    for entry in entries:
        if entry.dated and entry.event is not None:
            found.setdefault(entry.at_ms // SLOT_MS, set()).add(entry.digest)
    return found


class Window:
    """Looks ids up. Raises botocore's errors and ``dynamodb.Transient``."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._counters = Counters(client, table)

    def seen(self, lane: Lane, entries: Sequence[Entry]) -> set[int]:
        """The places of the entries whose event has been counted before. Sets the entries' ``digest``."""
        found: set[int] = set()
        undated: dict[str, list[int]] = {}
        slots: dict[int, set[bytes]] = {}
        for entry in entries:
            assert entry.event is not None
            digest = entry.digest = digest_of(entry.event.event_id)
            if not entry.dated:
                undated.setdefault(marker_key(digest).partition, []).append(entry.place)
                continue
            slot = entry.at_ms // SLOT_MS
            ids = slots.get(slot)
            if ids is None:
                ids = slots[slot] = self._slot(lane, slot)
            if digest in ids:
                found.add(entry.place)
        if undated:
            keys = [_counters.Key(partition, "id").attributes() for partition in undated]
            for item in dynamodb.get_all(self._client, self._table, keys):
                found.update(undated[item[_counters.PARTITION_KEY]["S"]])
        return found

    def _slot(self, lane: Lane, slot: int) -> set[bytes]:
        """The ids of one slot: this container's memory, or all that is stored."""
        known = lane.slots.get(slot)
        if known is None:
            known = set()
            if slot <= lane.last_slot:
                known |= self._stored(lane.name, slot)
            for name, arrived_ms in (lane.ancestors or {}).items():
                if slot * SLOT_MS <= arrived_ms + FUTURE_MS:  # nothing later can be in it
                    known |= self._stored(name, slot)
            lane.remember(slot, known)
        return known

    def _stored(self, lane: str, slot: int) -> set[bytes]:
        found: set[bytes] = set()
        for item in self._counters.query(_counters.ids_partition(lane, slot)):
            ids = bytes(item["ids"])
            found.update(ids[start : start + DIGEST_BYTES] for start in range(0, len(ids), DIGEST_BYTES))
        return found
