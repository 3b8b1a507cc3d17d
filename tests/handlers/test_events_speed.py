"""What a batch costs that can be counted: calls of AWS, and what a container does once. Times are the benchmark's."""

import gc

import pytest

from benchmarks import bench_events
from handlers import events
from tests.handlers.processing import NOW, World, event, world

__all__ = ["world"]


def test_agg_11_enr_07_500_events_over_4_counters_take_few_calls() -> None:
    """Of a warm container; what a new one must read first is bounded too."""
    found = bench_events.calls()
    bars = bench_events.BARS
    warm = found["warm"]
    assert (warm["writes"], warm["reads"], warm["puts"]) == (2, 0, 1)
    for row in found.values():
        assert row["writes"] <= bars["writes"] and row["puts"] <= bars["puts"]
    assert found["first batch of a container"]["reads"] <= 5
    assert found["first batch of a container"]["operations"]["BatchGetItem"] == 2, "100 assignments, and the counters"


def test_evh_01_a_containers_objects_are_set_aside_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the container is Lambda's: a process with other work keeps its own garbage collection."""
    calls: list[str] = []
    monkeypatch.setattr(gc, "freeze", lambda: calls.append("freeze"))
    world.run(world.records([event(1)]))
    assert calls == []
    world.setenv({events.RUNTIME: "127.0.0.1:9001"})
    for number in (2, 3):
        world.run(world.records([event(number, at=NOW)], first=number * 10_000))
    assert calls == ["freeze"]
