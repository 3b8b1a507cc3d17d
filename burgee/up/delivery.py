"""What Lambda does with one batch of a stream: invoke, checkpoint, retry, split, give up. For ``burgee.up.mappings``.

The rules are those of AWS's documentation of event source mappings; docs/local-platform.md names the few that are ours. Every
record ends in exactly one way: the function has acknowledged it, or it was given up (too old, out of retries) and its batch is
recorded at the on-failure destination.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any, NamedTuple, Protocol

from burgee.up.streams import Record, iso

EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"


class Invocation(Protocol):
    """What became of one: ``error`` is None unless the function failed; ``throttled``: it was never invoked."""

    @property
    def error(self) -> Any: ...
    @property
    def throttled(self) -> bool: ...
    def result(self) -> Any:
        """What the function returned, parsed; None if there is nothing."""
        ...


class Function(Protocol):
    """What mappings and schedules invoke (``functions.Function``, or a script in tests)."""

    @property
    def name(self) -> str: ...
    def invoke(self, event: Any) -> Awaitable[Invocation]: ...


class Settings(NamedTuple):
    """An event source mapping's settings under AWS's names, in snake case. -1: no limit."""

    batch_size: int = 100
    maximum_batching_window_seconds: float = 0.0
    starting_position: str = "TRIM_HORIZON"
    report_batch_item_failures: bool = False
    bisect_batch_on_function_error: bool = False
    maximum_retry_attempts: int = -1
    maximum_record_age_seconds: float = -1
    poll_seconds: float = 0.25
    backoff_seconds: float = 0.2  # before the first retry; doubles
    backoff_limit_seconds: float = 10.0


@dataclass
class Counts:
    """What has happened so far, for the view."""

    invocations: int = 0
    errors: int = 0  # failed invocations
    retries: int = 0
    acknowledged: int = 0  # records
    discarded: int = 0  # records that were given up
    last_error: str = ""


class Batch(NamedTuple):
    """Records of one shard in order, and how often they were invoked with in vain."""

    records: Sequence[Record]
    failures: int = 0


@dataclass
class Delivery:
    """Delivers batches of one shard to ``function``. ``discard`` stores a failure's record and must not lose it."""

    function: Function
    settings: Settings
    stream_arn: str
    kind: str
    shard: str
    discard: Callable[[dict[str, Any]], Awaitable[None]]
    counts: Counts = field(default_factory=Counts)
    wall: Callable[[], float] = time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    age_seconds: float = 0.0  # of the newest record of the batch that was invoked with last, then
    _refusals: int = 0  # in a row

    async def deliver(self, records: Sequence[Record]) -> None:
        """Returns when every record is acknowledged or given up. The function gets them in order."""
        waiting = [Batch(records)]
        while waiting:
            batch = await self._without_old(waiting.pop())
            if batch.records:
                waiting += reversed(await self._attempt(batch))

    async def _attempt(self, batch: Batch) -> list[Batch]:
        """One invocation; what of the batch has to come after it, in order."""
        self.age_seconds = max(0.0, self.wall() - batch.records[-1].arrived)
        invocation = await self.function.invoke({"Records": [record.event for record in batch.records]})
        if invocation.throttled:  # it never ran: that doesn't count as an attempt, only age ends it
            self.counts.last_error = f"{self.function.name} was throttled"
            await self._back_off(self._refusals)
            self._refusals += 1
            return [batch]
        self._refusals = 0
        self.counts.invocations += 1
        done = self._done(batch, invocation)
        self.counts.acknowledged += done
        if done == len(batch.records):
            return []
        self._note(invocation)
        if done:
            # A new checkpoint: what remains is another batch, with retries of its own.
            return [Batch(batch.records[done:])]
        return await self._failed(batch, invocation)

    def _note(self, invocation: Invocation) -> None:
        self.counts.errors += 1
        self.counts.last_error = "the function reported failed records" if invocation.error is None else said(invocation.error)

    def _done(self, batch: Batch, invocation: Invocation) -> int:
        """How many records from the beginning are acknowledged."""
        if invocation.error is not None:
            return 0
        if not self.settings.report_batch_item_failures:
            return len(batch.records)
        return acknowledged([record.sequence for record in batch.records], invocation.result())

    async def _failed(self, batch: Batch, invocation: Invocation) -> list[Batch]:
        """Nothing of the batch was acknowledged."""
        count = len(batch.records)
        if self.settings.bisect_batch_on_function_error and count > 1:
            half = count // 2
            return [Batch(batch.records[:half]), Batch(batch.records[half:])]  # splitting isn't an attempt
        failures = batch.failures + 1
        if 0 <= self.settings.maximum_retry_attempts < failures:
            await self._give_up(batch.records, EXHAUSTED, failures, _response(invocation))
            return []
        self.counts.retries += 1
        await self._back_off(batch.failures)
        return [Batch(batch.records, failures)]

    async def _back_off(self, before: int) -> None:
        """Waits; ``before``: how many attempts have failed before the last one."""
        await self.sleep(min(self.settings.backoff_seconds * 2 ** min(before, 30), self.settings.backoff_limit_seconds))

    async def _without_old(self, batch: Batch) -> Batch:
        """Gives up the records that have become too old: those at the front, since arrival is in order."""
        limit = self.settings.maximum_record_age_seconds
        if limit < 0:
            return batch
        now = self.wall()
        old = 0
        while old < len(batch.records) and now - batch.records[old].arrived > limit:
            old += 1
        if not old:
            return batch
        await self._give_up(batch.records[:old], TOO_OLD, batch.failures, None)
        return Batch(batch.records[old:], batch.failures)

    async def _give_up(self, records: Sequence[Record], why: str, invocations: int, response: dict[str, Any] | None) -> None:
        await self.discard(self._failure(records, why, invocations, response))
        self.counts.discarded += len(records)

    def _failure(
        self, records: Sequence[Record], why: str, invocations: int, response: dict[str, Any] | None
    ) -> dict[str, Any]:
        """The record of a failure as Lambda sends it to an on-failure destination: where the records are, not what they say."""
        region = self.stream_arn.split(":")[3]
        request = {
            "requestId": str(uuid.uuid4()),
            "functionArn": f"arn:aws:lambda:{region}:123456789012:function:{self.function.name}",
            "condition": why,
            "approximateInvokeCount": invocations,
        }
        batch = {
            "shardId": self.shard,
            "startSequenceNumber": records[0].sequence,
            "endSequenceNumber": records[-1].sequence,
            "approximateArrivalOfFirstRecord": iso(records[0].arrived),
            "approximateArrivalOfLastRecord": iso(records[-1].arrived),
            "batchSize": len(records),
            "streamArn": self.stream_arn,
        }
        context = {"requestContext": request} | ({} if response is None else {"responseContext": response})
        return context | {"version": "1.0", "timestamp": iso(self.wall()), self.kind: batch}


def _response(invocation: Invocation) -> dict[str, Any]:
    said: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
    return said if invocation.error is None else said | {"functionError": "Unhandled"}


def said(error: Any) -> str:
    """A function's error in one line."""
    if isinstance(error, dict):
        error = f"{error.get('errorType', 'Error')}: {error.get('errorMessage', '')}"
    return " ".join(str(error).split())[:300]


def acknowledged(sequences: Sequence[str], payload: Any) -> int:
    """How many records, from the first, a partial batch response acknowledges: all those before the lowest it names.

    Nothing (null, an empty object, an empty or null list) acknowledges all of them; a name that is none of the batch's, or a
    response of another shape, acknowledges none.
    """
    if payload is None:
        return len(sequences)
    if not isinstance(payload, dict):
        return 0
    failures = payload.get("batchItemFailures")
    if failures is None:
        return len(sequences)
    if not isinstance(failures, list):
        return 0
    places = {sequence: place for place, sequence in enumerate(sequences)}
    lowest = len(sequences)
    for failure in failures:
        name = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        place = places.get(name) if isinstance(name, str) else None
        if place is None:
            return 0
        lowest = min(lowest, place)
    return lowest
