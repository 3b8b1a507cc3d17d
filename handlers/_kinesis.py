"""Events into a Kinesis stream: records that wait, and PutRecords within a deadline. For tracking and ``handlers.ingest``.

Imported where events go to Kinesis, and only then. A record that isn't known to be delivered is sent again, so the stream
may have it twice, with the same ``event_id``; its readers drop the second one.
"""

from __future__ import annotations

from binascii import b2a_base64
from json.encoder import encode_basestring_ascii
from time import monotonic, sleep

from handlers._aws_json import AwsError, backoff_seconds
from handlers._contract import MAX_EVENT_BYTES
from handlers._log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from handlers._breaker import Breaker
    from handlers._tracking import Drop, Held

    class Client(Protocol):
        """An ``_aws_json.JsonClient``, as far as this module knows it."""

        def call(self, target: str, payload: bytes, until: float) -> dict[str, Any]: ...
        def prepare(self) -> None: ...

    Record = tuple[bytes, int]  # its member of PutRecords as JSON, and the bytes that Kinesis counts: data and key

PUT = "Kinesis_20131202.PutRecords"
MAX_RECORDS = 500  # of one call
MAX_CALL_BYTES = 5 * 1024 * 1024
MAX_KEY = 256  # characters
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 8 * 1024 * 1024
ATTEMPTS = 3


def record(key: str, data: bytes) -> Record:
    """A record with this partition key (1 to 256 characters).

    A key that would be longer if characters were counted in UTF-16 is replaced by a hash of it: Kinesis doesn't say how it
    counts, and refuses the whole call for one key that is too long.
    """
    if len(key) > MAX_KEY // 2 and not key.isascii() and len(key.encode("utf-16-le", "surrogatepass")) > 2 * MAX_KEY:
        from hashlib import blake2b

        key = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    member = b'{"Data":"%s","PartitionKey":%s}' % (b2a_base64(data, newline=False), encode_basestring_ascii(key).encode())
    return member, len(data) + len(key.encode("utf-8", "surrogatepass"))


def put_records(
    client: Client,
    stream: str,
    records: list[Record],
    until: float,
    attempts: int = ATTEMPTS,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], object] = sleep,
    codes: set[str] | None = None,
) -> tuple[int, int]:
    """Sends ``records`` in calls of at most 500 records and 5 MiB (requirement SHR-04): (successful, failed).

    What is delivered is taken out of ``records``; what the stream refuses (a shard has enough for now) is sent again, alone,
    after a pause that grows, at most ``attempts`` times and while there is time. ``until``: the second of ``clock`` to be back
    by. Raises AwsError when a call as a whole fails; ``records`` then holds what isn't known to be delivered. ``codes``
    takes the stream's words for why it refused records.
    """
    successful = 0
    for attempt in range(attempts):
        start = 0
        while count := _fitting(records, start):
            failed = _call(client, stream, records[start : start + count], until, codes)
            successful += count - len(failed)
            records[start : start + count] = failed
            start += len(failed)
        pause = backoff_seconds(attempt)
        if not records or attempt + 1 == attempts or clock() + pause >= until:
            break
        sleep(pause)
    return successful, len(records)


def _fitting(records: list[Record], start: int) -> int:
    """How many records from ``start`` on fit into one call."""
    size = count = 0
    for _, record_size in records[start : start + MAX_RECORDS]:
        size += record_size
        if size > MAX_CALL_BYTES:
            break
        count += 1
    return count


def _call(client: Client, stream: str, records: list[Record], until: float, codes: set[str] | None) -> list[Record]:
    """The records that the stream refused."""
    members = b",".join([member for member, _ in records])
    answer = client.call(PUT, b'{"StreamName":%s,"Records":[%s]}' % (encode_basestring_ascii(stream).encode(), members), until)
    results = answer.get("Records")
    if not isinstance(results, list) or len(results) != len(records):
        raise AwsError("protocol", "", "kinesis answers for another number of records than it was given", sent=True)
    if codes is not None:
        codes.update([str(result.get("ErrorCode")) for result in results if isinstance(result, dict) and _is_refused(result)])
    return [item for item, result in zip(records, results, strict=True) if _is_refused(result)]


def _is_refused(result: object) -> bool:
    return not isinstance(result, dict) or result.get("ErrorCode") is not None


class Kinesis:
    """Records that wait for their call, bounded in number and bytes. A sink of ``_tracking.Tracker``.

    ``budget_ms``: what sending may take of a request; ``age_ms``: how long a record may wait for company, 0 for not at all.
    ``breaker``: after failures in a row nothing is sent for a while.
    """

    __slots__ = (
        "_age", "_breaker", "_budget", "_bytes", "_client", "_clock", "_drop", "_since", "_sleep", "_stream", "_waiting",
        "failures",
    )  # fmt: skip

    def __init__(
        self,
        stream: str,
        client: Client,
        breaker: Breaker,
        budget_ms: int,
        age_ms: int,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], object] = sleep,
    ) -> None:
        self._stream = stream
        self._client = client
        self._breaker = breaker
        self._budget = budget_ms / 1000
        self._age = age_ms / 1000
        self._clock = clock
        self._sleep = sleep
        self._waiting: list[Record] = []
        self._bytes = 0
        self._since = 0.0  # when the oldest of them came
        self.failures: dict[str, int] = {}  # calls that failed, by kind

    @property
    def waiting(self) -> int:
        """Records that aren't known to be delivered."""
        return len(self._waiting)

    def send(self, events: list[Held], until: float | None, drop: Drop, last: bool = False) -> int:
        """Takes events, and sends what is due by ``until`` and within the budget. How many wait. Raises nothing of AWS's.

        ``last``: there is no later time, so everything is due and ``until`` alone is the budget.
        """
        now = self._clock()
        for key, text in events:
            self._add(record(key, text.encode()), now, drop)
        waiting = self._waiting
        due = last or len(waiting) >= MAX_RECORDS or self._bytes >= MAX_CALL_BYTES or now - self._since >= self._age
        if waiting and due and self._breaker.allows():
            end = now + self._budget
            if until is not None:
                end = until if last else min(until, end)
            self._send(waiting, end, drop)
            self._bytes = sum([size for _, size in waiting])
        return len(waiting)

    def _add(self, made: Record, now: float, drop: Drop) -> None:
        if made[1] > MAX_EVENT_BYTES:
            drop("too_large", 1)
        elif len(self._waiting) >= MAX_WAITING or self._bytes + made[1] > MAX_WAITING_BYTES:
            drop("full", 1)
        else:
            if not self._waiting:
                self._since = now
            self._waiting.append(made)
            self._bytes += made[1]

    def _send(self, waiting: list[Record], end: float, drop: Drop) -> None:
        try:
            successful, _ = put_records(self._client, self._stream, waiting, end, clock=self._clock, sleep=self._sleep)
        except AwsError as error:
            self._failed(error.kind, str(error))
            if error.kind == "invalid":  # it would be so for ever
                count = _fitting(waiting, 0)
                del waiting[:count]
                drop("refused", count)
            return
        if successful:
            self._breaker.succeeded()
        else:
            self._failed("throttled", "kinesis refuses every record")

    def _failed(self, kind: str, message: str) -> None:
        """A warning for each failed call; the breaker keeps them few (requirement FLT-02)."""
        self.failures[kind] = self.failures.get(kind, 0) + 1
        paused = self._breaker.did_fail()
        extra = {"kind": kind, "waiting": len(self._waiting), "paused": paused}
        log("WARNING", f"events couldn't be delivered: {message}", extra=extra)

    def forget(self) -> None:
        """Drops what waits: in a forked child it is the parent's to deliver."""
        self._waiting.clear()
        self._bytes = 0

    def prepare(self) -> None:
        """Does ahead of the first request what needs no network."""
        try:
            self._client.prepare()
        except AwsError:  # the first call says it again, and counts
            return
