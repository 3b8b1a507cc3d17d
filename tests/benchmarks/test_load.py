"""The load generator tells what clients would see: no answer is left out because an earlier one was slow."""

import asyncio
import random
import selectors
from collections.abc import Coroutine
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from benchmarks import load
from benchmarks.histogram import Histogram
from benchmarks.latency_picture import draw

T = TypeVar("T")


class Clock:
    """A time that passes in waits, and a microsecond each time somebody looks; nothing that the machine does is in it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        patch.setattr(load, "time", SimpleNamespace(perf_counter_ns=self._look))

    def _look(self) -> int:
        self.now += 1e-6
        return round(self.now * 1e9)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """On a loop that doesn't wait, but lets the time pass."""
        clock = self

        class Selector(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> Any:
                assert timeout is not None, "everybody waits for ever"
                clock.now += timeout
                return super().select(0)

        class Loop(asyncio.SelectorEventLoop):
            def time(self) -> float:
                return clock.now

        with asyncio.Runner(loop_factory=lambda: Loop(Selector())) as runner:
            return runner.run(main)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_prf_02_a_pause_counts_for_every_request_that_was_due_in_it(clock: Clock) -> None:
    """One server, which stands still for 0.3 s: in a closed loop one request would see it, here about 60 do."""

    async def main() -> load.Load:
        turn = asyncio.Lock()

        async def send(number: int) -> bool:
            async with turn:
                if number == 40:
                    await asyncio.sleep(0.3)
            return True

        return await load.drive(send, 200, 0.8, "constant")

    found = clock.run(main())
    slow = sum(count for least, count in found.latency.buckets() if least > 10e6)
    assert found.latency.count == 159
    assert 55 <= slow <= 60
    assert 0.29e9 < found.latency.largest < 0.31e9


def test_prf_02_what_the_generator_is_late_is_part_of_the_latency(clock: Clock) -> None:
    async def main() -> load.Load:
        async def send(number: int) -> bool:
            if number == 5:
                clock.now += 0.1  # the whole process stands still, the generator with it
            return number != 7

        return await load.drive(send, 200, 0.2, "constant")

    found = clock.run(main())
    assert found.failed == 1
    assert found.latency.percentile(80) > 30e6
    assert found.lag.largest > 60e6


def test_arrivals_are_as_many_as_the_rate_says() -> None:
    even = list(load.arrivals(100, 2, "constant"))
    assert len(even) == 199 and all(abs(after - before - 0.01) < 1e-9 for before, after in pairwise(even))
    drawn = list(load.arrivals(1000, 20))
    gaps = [after - before for before, after in pairwise(drawn)]
    assert 19_400 < len(drawn) < 20_600
    assert 0.12 < sum(gap > 0.002 for gap in gaps) / len(gaps) < 0.15  # e to the minus two of them
    assert drawn == list(load.arrivals(1000, 20)) != list(load.arrivals(1000, 20, seed=1))


def test_percentiles_are_a_64th_too_low_at_most() -> None:
    chance = random.Random(1)
    values = sorted(int(chance.lognormvariate(13, 2)) for _ in range(20_000))
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    for permille in (10, 500, 900, 990, 999):
        exact = values[len(values) * permille // 1000 - 1]
        assert exact * (1 - 1 / 64) - 1 <= histogram.percentile(permille / 10) <= exact
    assert histogram.percentile(100) == values[-1]
    again = Histogram.of(histogram.as_json())
    assert again.summary() == histogram.summary()
    histogram.add(again)
    assert histogram.count == 40_000 and histogram.percentile(50) == again.percentile(50)


def test_an_empty_histogram_has_no_percentiles() -> None:
    with pytest.raises(ValueError, match="empty"):
        Histogram().percentile(50)


def test_a_connection_that_the_server_closed_is_opened_again() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"

    async def main() -> list[int]:
        seen = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal seen
            while await reader.readuntil(b"\r\n\r\n"):
                seen += 1
                writer.write(answer[:20])
                await writer.drain()
                writer.write(answer[20:])
                if seen == 2:
                    break
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        connections = load.Connections(*server.sockets[0].getsockname()[:2], most=1)
        found = []
        for _ in range(4):
            found.append(await connections.ask(b"GET / HTTP/1.1\r\n\r\n"))
            await asyncio.sleep(0.02)
        connections.close()
        server.close()
        return found

    assert asyncio.run(main()) == [200, 200, 200, 200]


def test_the_picture_has_a_histogram_for_each_run() -> None:
    histogram = Histogram()
    for value in (100_000, 200_000, 5_000_000):
        histogram.record(value)
    run = {"name": "a & b", "rate": 100.0, **histogram.summary(), "histogram": histogram.as_json()}
    picture = draw([run, run])
    assert picture.count("a &amp; b, 100/s: p50 0.") == 2
    assert picture.count('class="bar"') == 6
