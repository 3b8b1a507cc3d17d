"""The stream that ingest puts events into: tried again within a budget, and left alone while it fails. For ``handlers.ingest``.

On the cold path of a function that can do nothing without Kinesis; what the first call imports is loaded by ``prepare``.
"""

from __future__ import annotations

from time import monotonic, sleep

from handlers._aws_json import AwsError, backoff_seconds
from handlers._kinesis import ATTEMPTS, put_records
from handlers._log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers._breaker import Breaker
    from handlers._kinesis import Client, Record

THROTTLED, OPEN = "throttled", "open"
_REPEATABLE = ("throttled", "server", "timeout")  # twice is harmless: every event has its id
_NO_ROOM = "Provisioned"  # ProvisionedThroughputExceededException: a shard's 1,000 records or 1 MiB a second
_NO_KEYS = "KMSThrottling"


class Stream:
    """One stream. ``budget_ms``: what one ``put`` may take; ``breaker``: after failures in a row nothing is sent for a while.

    A stream that is throttled has answered: the breaker stays closed, because the other shards may have room.
    """

    __slots__ = ("_budget", "_client", "_clock", "_name", "_sleep", "breaker")

    def __init__(
        self,
        name: str,
        client: Client,
        breaker: Breaker,
        budget_ms: int,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], object] = sleep,
    ) -> None:
        self._name = name
        self._client = client
        self._budget = budget_ms / 1000
        self._clock = clock
        self._sleep = sleep
        self.breaker = breaker

    def put(self, records: list[Record]) -> str:
        """Sends; what isn't known to be delivered stays in ``records``. Says why, and that is empty where nothing stays.

        ``throttled``: the stream asks for less; ``open``: it has failed too often, and nothing was sent; else one of
        ``_aws_json.KINDS``. What may have been delivered although its answer was lost is sent again (the readers drop a second
        one by its ``event_id``). Raises nothing of AWS's.
        """
        if not self.breaker.allows():
            return OPEN
        until = self._clock() + self._budget
        codes: set[str] = set()
        attempt = 0
        while True:
            try:
                put_records(self._client, self._name, records, until, ATTEMPTS, self._clock, self._sleep, codes)
            except AwsError as error:
                pause = backoff_seconds(attempt)
                attempt += 1
                if error.kind in _REPEATABLE and attempt < ATTEMPTS and self._clock() + pause < until:
                    self._sleep(pause)
                    continue
                return self._failed(error)
            self.breaker.succeeded()
            if not records:
                return ""
            return THROTTLED if any(code.startswith((_NO_ROOM, _NO_KEYS)) for code in codes) else "server"

    def _failed(self, error: AwsError) -> str:
        if error.kind == THROTTLED:
            self.breaker.succeeded()
            return THROTTLED
        paused = self.breaker.did_fail()
        log("WARNING", f"events couldn't be delivered: {error}", extra={"kind": error.kind, "paused": paused})
        return error.kind

    def prepare(self) -> None:
        """Does ahead of the first request what needs no network."""
        try:
            self._client.prepare()
        except AwsError:  # the first call says it again, and counts
            return
