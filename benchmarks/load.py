"""An open-model load generator: requests leave when they are due, whether earlier ones have been answered or not.

A closed loop waits for a slow answer before it asks again, so a pause of the server hides all the requests that would have met
it ("coordinated omission"). Here arrivals are drawn beforehand (a Poisson process, or evenly), and a request's latency counts
from the moment it was *meant* to leave: waiting for a free connection or for this process's own turn is part of it, so what the
generator adds is never in the server's favour; ``lag`` says how much it was. For ``bench_load``.
"""

import asyncio
import random
import selectors
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from benchmarks.histogram import Histogram

T = TypeVar("T")
Kind = Literal["poisson", "constant"]
Send = Callable[[int], Awaitable[bool]]  # the request's number -> whether it was answered well
SLACK_SECONDS = 0.000_15  # a timer is this late, so the rest of the time is spent looking at the clock


@dataclass
class Load:
    """What a run measured: latency from the intended start, and how late requests left. ``failed``: not answered well."""

    rate: float
    seconds: float
    kind: Kind
    latency: Histogram = field(default_factory=Histogram)
    lag: Histogram = field(default_factory=Histogram)
    failed: int = 0

    def summary(self) -> dict[str, Any]:
        """Figures for a table and a file."""
        lag = {"lag p50 ms": round(self.lag.percentile(50) / 1e6, 3), "lag p99 ms": round(self.lag.percentile(99) / 1e6, 3)}
        head = {"rate": self.rate, "seconds": self.seconds, "arrivals": self.kind, "failed": self.failed}
        return head | self.latency.summary() | lag


def arrivals(rate: float, seconds: float, kind: Kind = "poisson", seed: int = 0) -> Iterator[float]:
    """The seconds, from the start, at which requests are due: on average ``rate`` a second for ``seconds``."""
    chance = random.Random(seed)
    due = 0.0
    while True:
        due += chance.expovariate(rate) if kind == "poisson" else 1 / rate
        if due >= seconds:
            return
        yield due


async def drive(send: Send, rate: float, seconds: float, kind: Kind = "poisson", seed: int = 0) -> Load:
    """Asks at the given rate and waits for every answer. A ``send`` that raises OSError counts as failed."""
    load = Load(rate, seconds, kind)
    tasks: set[asyncio.Task[None]] = set()
    clock = time.perf_counter_ns
    start = clock() + 1_000_000

    async def one(number: int, due: int) -> None:
        load.lag.record(clock() - due)
        try:
            answered = await send(number)
        except OSError:
            answered = False
        load.latency.record(clock() - due)
        load.failed += not answered

    for number, second in enumerate(arrivals(rate, seconds, kind, seed)):
        due = start + int(second * 1e9)
        await _until(due)
        task = asyncio.create_task(one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    while tasks:
        await asyncio.wait(tasks)
    return load


async def _until(due: int) -> None:
    """Returns at the nanosecond ``due`` of ``perf_counter_ns`` or as soon after as the loop lets it; others get a turn."""
    await asyncio.sleep(0)
    while (left := due - time.perf_counter_ns()) > 0:
        await asyncio.sleep(max(0.0, left / 1e9 - SLACK_SECONDS))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a loop with timers to the microsecond: epoll's, asyncio's usual ones, are to milliseconds."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(main)


# --- HTTP -----------------------------------------------------------------------------------------------------------------


class Connections:
    """Keep-alive connections to one server, at most ``most``; who finds none free waits for its turn, and that is measured."""

    def __init__(self, host: str, port: int, most: int = 64) -> None:
        self._host = host
        self._port = port
        self._free: list[_Connection] = []
        self._waiting: deque[asyncio.Future[_Connection]] = deque()
        self._left = most

    async def ask(self, request: bytes) -> int:
        """The status of the answer. Raises OSError when the connection breaks."""
        connection = await self._take()
        try:
            status = await connection.ask(request)
        except BaseException:
            connection.close()
            connection = await self._open()
            raise
        finally:
            self._give(connection)
        return status

    async def _take(self) -> "_Connection":
        while self._free:
            if (connection := self._free.pop()).is_open:
                return connection
            self._left += 1  # the server has closed it: nobody has asked on it for a while
        if self._left:
            self._left -= 1
            return await self._open()
        turn: asyncio.Future[_Connection] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        return await turn

    def _give(self, connection: "_Connection") -> None:
        if self._waiting:
            self._waiting.popleft().set_result(connection)
        else:
            self._free.append(connection)

    async def _open(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(_Connection, self._host, self._port))[1]

    def close(self) -> None:
        for connection in self._free:
            connection.close()


class _Connection(asyncio.Protocol):
    """One request at a time; answers have a Content-Length, or no body."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> int:
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = bytes(self._buffer[:end]).lower()
        _, found, rest = head.partition(b"content-length: ")
        total = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if found else 0)
        if len(self._buffer) >= total:
            del self._buffer[:total]
            self._answer.set_result(int(head[9:12]))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
