"""A Kinesis stream and what Lambda makes of it: shards with their lineage, batches, answers, repetitions.

The shards are moto's (``ListShards`` is asked by the processor), the records are kept here: they need numbers that grow in the
whole stream, as Kinesis' do, and moto's begin at 1 in each shard.
"""

from collections.abc import Iterator
from hashlib import md5
from typing import Any, NamedTuple

from tests.handlers.streams import EVENTS_ARN, kinesis

NAME = "events"


class Put(NamedTuple):
    """A record of the stream."""

    sequence: int
    key: str
    data: bytes
    arrived_ms: int


class Shard:
    """``place``: the index of the first record that isn't acknowledged; ``waiting``: parts of a batch that must come before
    anything else of this shard."""

    def __init__(self, name: str, low: int, high: int, parents: tuple[str, ...]) -> None:
        self.name = name
        self.low = low
        self.high = high
        self.parents = parents
        self.records: list[Put] = []
        self.place = 0
        self.waiting: list[tuple[int, int]] = []
        self.is_open = True
        self.is_busy = False  # a batch is being processed: Lambda begins no other one

    @property
    def is_drained(self) -> bool:
        """Whether Lambda has had an acknowledgement for all there is."""
        return not self.is_busy and not self.waiting and self.place == len(self.records)

    def cut(self, size: int) -> tuple[int, int]:
        """The next batch: a part that waits, or up to ``size`` records; empty if there are none."""
        if self.waiting:
            return self.waiting.pop(0)
        start = self.place
        self.place = min(start + size, len(self.records))
        return start, self.place

    def event(self, start: int, end: int) -> dict[str, Any]:
        """What Lambda hands over."""
        return {
            "Records": [
                kinesis(put.sequence, put.data, self.name, put.arrived_ms / 1_000, put.key, EVENTS_ARN)
                for put in self.records[start:end]
            ]
        }

    def failed(self, start: int, end: int, mode: str) -> None:
        """A part wasn't processed: it comes again; as it was, in halves, or cut anew from the checkpoint."""
        if mode == "halves" and end - start > 1:
            middle = (start + end) // 2
            self.waiting[:0] = [(start, middle), (middle, end)]
        elif mode == "anew":
            self.rewind(start)
        else:
            self.waiting.insert(0, (start, end))

    def answered(self, start: int, end: int, answer: dict[str, Any], mode: str) -> None:
        """By Lambda's rule: what came before the lowest number is done. Raises ValueError for a number that wasn't there."""
        numbers = {str(self.records[index].sequence): index for index in range(start, end)}
        told = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        if unknown := [number for number in told if number not in numbers]:
            raise ValueError(f"the answer names {unknown}, which weren't in the batch")
        if told:
            self.failed(min(numbers[number] for number in told), end, mode)

    def rewind(self, place: int) -> None:
        """The checkpoint is lost: what was acknowledged since ``place`` comes again."""
        self.place = min(place, *(start for start, _ in self.waiting), self.place)
        self.waiting = []


class Stream:
    """All shards, by name. ``clock_ms``: when the next record arrives; ``gap``: between two sequence numbers."""

    def __init__(self, client: Any, shards: int, first_sequence: int, now_ms: int) -> None:
        self._client = client
        client.create_stream(StreamName=NAME, ShardCount=shards)
        self.shards: dict[str, Shard] = {}
        self.sequence = first_sequence
        self.now_ms = now_ms
        self._refresh()

    def put(self, key: str, data: bytes) -> None:
        """A producer's record goes to the open shard whose range has the key's hash."""
        number = int(md5(key.encode(), usedforsecurity=False).hexdigest(), 16)
        shard = next(shard for shard in self.open() if shard.low <= number <= shard.high)
        shard.records.append(Put(self.sequence, key, data, self.now_ms))
        self.sequence += 1 + number % 3
        self.now_ms += 7

    def open(self) -> Iterator[Shard]:
        return (shard for shard in self.shards.values() if shard.is_open)

    def readable(self) -> list[Shard]:
        """The shards that Lambda reads: a child waits until its parents, and theirs, are read to their ends."""
        return [shard for shard in self.shards.values() if all(map(self._is_over, shard.parents))]

    def _is_over(self, name: str) -> bool:
        shard = self.shards[name]
        return shard.is_drained and not shard.is_open and all(map(self._is_over, shard.parents))

    def split(self, which: int) -> None:
        """An open shard becomes two."""
        shards = list(self.open())
        shard = shards[which % len(shards)]
        if shard.high > shard.low:
            middle = (shard.low + shard.high + 1) // 2
            self._client.split_shard(StreamName=NAME, ShardToSplit=shard.name, NewStartingHashKey=str(middle))
            shard.is_open = False
            self._refresh()

    def merge(self, which: int) -> None:
        """Two open neighbours become one, if there are any."""
        shards = sorted(self.open(), key=lambda shard: shard.low)
        if len(shards) > 1:
            first = which % (len(shards) - 1)
            one, other = shards[first], shards[first + 1]
            self._client.merge_shards(StreamName=NAME, ShardToMerge=one.name, AdjacentShardToMerge=other.name)
            one.is_open = other.is_open = False
            self._refresh()

    def _refresh(self) -> None:
        for found in self._client.list_shards(StreamName=NAME)["Shards"]:
            if found["ShardId"] not in self.shards:
                both = (found.get("ParentShardId"), found.get("AdjacentParentShardId"))
                span = found["HashKeyRange"]
                low, high = int(span["StartingHashKey"]), int(span["EndingHashKey"])
                parents = tuple(parent for parent in both if parent)
                self.shards[found["ShardId"]] = Shard(found["ShardId"], low, high, parents)
