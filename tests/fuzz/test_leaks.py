"""Nothing is left behind: neither by refused snapshots, nor by hostile contexts, swaps and answers.

Counted in Python's memory blocks, and in the process's resident pages for what the core allocates itself. Each round repeats
the same questions exactly, so after a warm-up the counts may not grow.
"""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from evaluator.errors import SnapshotError
from tests.fuzz import bodies, hostile
from tests.parity import compare, contexts, programs, store

ROUNDS = 30
SLACK_BLOCKS = 60  # caches of the interpreter itself
SLACK_BYTES = 6 << 20  # the allocator's fragmentation; a leak of 10 kB a question would show


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _growth(work: Callable[[], None]) -> tuple[int, int]:
    """(blocks, bytes) that remain after many rounds of work, beyond what the first rounds left."""
    for _ in range(4):
        work()
    gc.collect()
    blocks, memory = sys.getallocatedblocks(), _resident()
    for _ in range(ROUNDS):
        work()
    gc.collect()
    return sys.getallocatedblocks() - blocks, _resident() - memory


def _check(work: Callable[[], None]) -> None:
    """A leak grows every time it is measured; caches that fill late (the interpreter's own, say) stop growing."""
    blocks, memory = min(_growth(work), _growth(work))
    assert blocks < SLACK_BLOCKS, f"{blocks} blocks more after {ROUNDS} rounds"
    assert memory < SLACK_BYTES, f"{memory} bytes more after {ROUNDS} rounds"


@pytest.fixture(autouse=True)
def _needs_proc() -> None:
    if not Path("/proc/self/statm").exists() or "libasan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("memory can't be measured here")


def test_refused_snapshots_leave_nothing(implementation: ModuleType) -> None:
    chance = Random(1)
    spoiled = [bodies.spoil(store.snapshot(programs.project(chance, most=3)), chance) for _ in range(60)]

    def work() -> None:
        for snapshot in spoiled:
            try:
                implementation.Evaluator(snapshot)
            except SnapshotError:
                continue

    _check(work)


def test_swaps_leave_nothing(implementation: ModuleType) -> None:
    snapshots = [store.snapshot(programs.project(Random(seed))) for seed in range(10)]
    evaluator = implementation.Evaluator(snapshots[0])

    def work() -> None:
        for snapshot in snapshots:
            kept = evaluator.evaluate_all({"targetingKey": "u", "a": "US"}, None, 0)
            evaluator.swap(snapshot)
            assert all(answer.flag_key == key for key, answer in kept.items())

    _check(work)


def test_answers_leave_nothing(implementation: ModuleType) -> None:
    evaluators = [implementation.Evaluator(store.snapshot(programs.project(Random(seed), most=4))) for seed in range(20)]

    def work() -> None:
        chance = Random(5)
        for evaluator in evaluators:
            context, clock = contexts.context(chance), contexts.clock(chance)
            for key in (*evaluator.flag_keys(), "absent"):
                compare.evaluated(evaluator, key, context, clock)
                compare.typed(evaluator, key, context, clock)
            compare.everything(evaluator, context, clock)
            evaluator.flag_metadata(evaluator.flag_keys()[0])
            _ = evaluator.metadata

    _check(work)


def test_hostile_contexts_leave_nothing(implementation: ModuleType) -> None:
    evaluators = [implementation.Evaluator(store.snapshot(programs.project(Random(seed), most=3))) for seed in range(8)]

    def work() -> None:
        for number, evaluator in enumerate(evaluators):
            for key in evaluator.flag_keys():
                compare.evaluated(evaluator, key, hostile.context(Random(number), (*hostile.STEADY, *hostile.CHANGING)), 0)
                compare.typed(evaluator, key, hostile.context(Random(number), (*hostile.STEADY, *hostile.CHANGING)), 0)
        gc.collect()

    _check(work)
