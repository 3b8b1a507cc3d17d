"""Event source mappings: what Lambda runs between a stream and a function. One poller per shard. For ``burgee.up``.

A shard's records reach the function in order, one batch at a time; a shard is read after the shards it continues. Not played:
filters, tumbling windows, several batches of one shard at once (parallelization factor).
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic, time
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from burgee.up.delivery import Counts, Delivery, Function, Settings
from burgee.up.streams import IteratorGone, Record, Shard, Stream

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_EVENT_BYTES = 6 * 1024 * 1024  # what an invocation takes
DISCOVER_SECONDS = 10.0  # between two looks for new shards
TROUBLE_SECONDS = 1.0  # after a call that failed

T = TypeVar("T")
Say = Callable[[str], None]


class Mapping:
    """``function`` on ``stream``. ``run`` works until it is cancelled.

    ``queue``: (client, URL) of the on-failure destination, None to drop what is given up, with a line through ``say``.
    """

    def __init__(
        self,
        stream: Stream,
        function: Function,
        settings: Settings,
        queue: "tuple[SQSClient, str] | None" = None,
        say: Say = lambda line: None,
        wall: Callable[[], float] = time,
    ) -> None:
        self.stream = stream
        self.function = function
        self.settings = settings
        self.counts = Counts()
        self.positions: dict[str, str] = {}  # shard -> the last sequence number that is done with
        self._queue = queue
        self._say = say
        self._wall = wall
        self._started_at = 0.0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._readers: dict[str, _Reader] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._finished: set[str] = set()  # shards read to their end

    @property
    def ready(self) -> bool:
        """Whether every shard has its place: what is written from now on will be delivered, from LATEST too."""
        return bool(self._readers) and all(reader.placed for reader in self._readers.values())

    @property
    def age_seconds(self) -> float:
        """How old the newest record of the oldest shard's last batch was when it was delivered: Lambda's ``IteratorAge``."""
        return max((delivery.age_seconds for delivery in self._deliveries.values()), default=0.0)

    async def run(self) -> None:
        """Reads every shard, and those that come later, until it is cancelled."""
        self._started_at = self._wall()
        shards = await self._patiently(self.stream.shards)
        if self.settings.starting_position == "LATEST":
            self._finished |= {shard.name for shard in shards if shard.closed}  # nothing of these is still to come
        first = {shard.name for shard in shards}
        try:
            while True:
                self._start_ready(shards, first)
                await self._until_due()
                shards = await self._patiently(self.stream.shards)
        finally:
            await self._stop()

    def _start_ready(self, shards: list[Shard], first: set[str]) -> None:
        """Starts the pollers of shards whose parents are read to their end, or have left the stream."""
        known = {shard.name for shard in shards}
        for shard in shards:
            waiting = [parent for parent in shard.parents if parent in known and parent not in self._finished]
            if shard.name not in self._tasks and shard.name not in self._finished and not waiting:
                # What continues a shard that we have read is read from its beginning, or records would be lost between.
                start = self.settings.starting_position if shard.name in first else "TRIM_HORIZON"
                self._tasks[shard.name] = asyncio.create_task(self._read_shard(shard.name, start))

    async def _until_due(self) -> None:
        """Waits for the next look at the shards: soon after one has ended, else a while."""
        if not self._tasks:
            await asyncio.sleep(DISCOVER_SECONDS)
            return
        done, _ = await asyncio.wait(self._tasks.values(), timeout=DISCOVER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for name in [name for name, task in self._tasks.items() if task in done]:
            self._tasks.pop(name).result()
            self._finished.add(name)
            self._readers.pop(name)
            self._deliveries.pop(name)

    async def _stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _read_shard(self, shard: str, start: str) -> None:
        """Polls and delivers until the shard ends."""
        delivery = Delivery(
            self.function, self.settings, self.stream.arn, self.stream.kind, shard, self._discard, self.counts, self._wall
        )
        reader = _Reader(self.stream, shard, start, self._started_at, self.settings, self._patiently)
        self._readers[shard], self._deliveries[shard] = reader, delivery
        while True:
            batch = await reader.batch()
            if not batch:
                return
            await delivery.deliver(batch)
            self.positions[shard] = batch[-1].sequence

    async def _discard(self, failure: dict[str, Any]) -> None:
        """Sends a failure's record to the queue, trying until it works: after that nothing else knows of these records."""
        where = failure[self.stream.kind]
        condition = failure["requestContext"]["condition"]
        self._say(f"{self.function.name}: gave up {where['batchSize']} records of {self.stream.arn} ({condition})")
        if self._queue is not None:
            client, url = self._queue
            await self._patiently(lambda: client.send_message(QueueUrl=url, MessageBody=json.dumps(failure)))

    async def _patiently(self, call: Callable[[], T]) -> T:
        """The blocking call beside the loop, repeated until the service answers."""
        while True:
            try:
                return await asyncio.to_thread(call)
            except IteratorGone:
                raise
            except (ClientError, BotoCoreError) as error:
                self.counts.last_error = f"{self.stream.arn}: {error}"
                await asyncio.sleep(TROUBLE_SECONDS)


class _Reader:
    """Gathers one shard's records into batches."""

    def __init__(
        self,
        stream: Stream,
        shard: str,
        start: str,
        started_at: float,
        settings: Settings,
        patiently: Callable[[Callable[[], Any]], Awaitable[Any]],
    ) -> None:
        self._stream = stream
        self.placed = False
        self._shard = shard
        self._start = start
        self._not_before = started_at if start == "LATEST" else None
        self._settings = settings
        self._patiently = patiently
        self._position: str | None = None
        self._last: str | None = None  # the last sequence number that was read
        self._ended = False
        self._waiting: deque[tuple[Record, int]] = deque()

    async def batch(self) -> list[Record]:
        """The next batch, once it is full or its window is over; empty at the shard's end."""
        until: float | None = None
        while not self._full():
            if self._ended or (until is not None and monotonic() >= until):
                break
            if not await self._poll() and not self._ended:
                left = self._settings.poll_seconds if until is None else until - monotonic()
                await asyncio.sleep(max(0.0, min(left, self._settings.poll_seconds)))
            if self._waiting and until is None:
                until = monotonic() + self._settings.maximum_batching_window_seconds
        return self._take()

    def _full(self) -> bool:
        return len(self._waiting) >= self._settings.batch_size or sum(size for _, size in self._waiting) >= MAX_EVENT_BYTES

    def _take(self) -> list[Record]:
        taken: list[Record] = []
        size = 0
        while self._waiting and len(taken) < self._settings.batch_size:
            if taken and size + self._waiting[0][1] > MAX_EVENT_BYTES:
                break
            record, bytes_ = self._waiting.popleft()
            size += bytes_
            taken.append(record)
        return taken

    async def _poll(self) -> bool:
        """One read; whether it gave records."""
        try:
            if self._position is None:
                self._position = await self._patiently(self._new_position)
                self.placed = True
            position, limit = self._position, min(self._stream.page_size, self._settings.batch_size)
            page = await self._patiently(lambda: self._stream.read(position, limit))
        except IteratorGone:
            self._begin_again()
            return False
        self._position = page.following
        self._ended = page.following is None
        records = [record for record in page.records if self._wanted(record)]
        self._waiting += [(record, len(json.dumps(record.event))) for record in records]
        if page.records:
            self._last = page.records[-1].sequence
        return bool(page.records)

    def _new_position(self) -> str:
        return self._stream.position(self._shard, self._start, self._last)

    def _begin_again(self) -> None:
        """The position is gone: goes on after the last record, or, when that has left the stream, with the oldest there is.

        Without a last record, reading from LATEST again would pass over what came meanwhile; ``_wanted`` leaves out the rest.
        """
        if self._position is None or self._last is None:
            self._last = None
            self._start = "TRIM_HORIZON"
        self._position = None

    def _wanted(self, record: Record) -> bool:
        """Whether it came after a mapping that starts at LATEST was started. The stream says that in whole seconds."""
        return self._not_before is None or self._start == "LATEST" or record.arrived >= int(self._not_before)
