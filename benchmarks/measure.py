"""How things are timed here: interleaved passes in random order, and ratios taken inside each pass. Used by every bench_*.py.

The clock of a shared machine moves by a factor of two between runs, so a figure in nanoseconds is evidence and a *ratio to a
floor measured in the same pass* is the result. A round runs every case once, in random order; a case's ratio is the median over
rounds of (its time / its floor's time in the same round).
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Loop = Callable[..., int]
Samples = dict[str, list[float]]


def make_loop(header: str, call: str) -> Loop:
    """A timed loop as a code object of its own, so that no case specialises the bytecode of another.

    ``header`` is the ``for`` clause over ``items``, ``call`` the statement. The loop gives elapsed nanoseconds.
    """
    source = f"""
def loop(call, items, clock):
    start = clock()
    for {header} in items:
        {call}
    return clock() - start
"""
    namespace: dict[str, Any] = {}
    exec(compile(source, f"<loop {header}: {call}>", "exec"), namespace)
    loop: Loop = namespace["loop"]
    return loop


@dataclass
class Case:
    """One thing to time: ``call`` for each of ``items`` in a loop, after ``prepare`` (untimed) gave the items of this round."""

    name: str
    call: Any
    items: list[Any]
    header: str
    statement: str
    floor: str | None = None
    prepare: Callable[[list[Any]], list[Any]] | None = None

    def __post_init__(self) -> None:
        self.loop = make_loop(self.header, self.statement)

    def once(self) -> float:
        """Nanoseconds of this thread's processor time per item of one pass, the loop's own cost included.

        Not wall time: what other processes do while this one waits isn't part of what an evaluation costs.
        """
        items = self.prepare(self.items) if self.prepare else self.items
        return self.loop(self.call, items, time.thread_time_ns) / len(items)


def touch(contexts: Iterable[dict[str, Any]]) -> None:
    """Reads every value of every context, so that no case pays for its predecessor's use of the cache."""
    for context in contexts:
        for value in context.values():
            hash(value)


def interleave(cases: list[Case], rounds: int, seed: int = 0, before: Callable[[], None] | None = None) -> Samples:
    """``rounds`` rounds of all cases in random order; ``before`` runs untimed ahead of every pass. One more round warms up."""
    chance = random.Random(seed)
    samples: Samples = {case.name: [] for case in cases}
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds + 1):
            for case in chance.sample(cases, len(cases)):
                if before:
                    before()
                elapsed = case.once()
                if number:
                    samples[case.name].append(elapsed)
    finally:
        if enabled:
            gc.enable()
    return samples


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def middle(values: list[float]) -> float:
    """The median, with the digits that its inputs have."""
    return round(statistics.median(values), 3)


def ratio(samples: Samples, name: str, floor: str) -> float:
    """The median over rounds of ``name``'s time divided by ``floor``'s in the same round."""
    return median(mine / theirs for mine, theirs in zip(samples[name], samples[floor], strict=True))


def results(samples: Samples, cases: list[Case]) -> dict[str, dict[str, Any]]:
    """name -> its median nanoseconds, its spread (10th to 90th percentile), its floor and the ratio to it."""
    found: dict[str, dict[str, Any]] = {}
    for case in cases:
        deciles = statistics.quantiles(samples[case.name], n=10)
        row: dict[str, Any] = {
            "ns": round(median(samples[case.name]), 1),
            "p10": round(deciles[0], 1),
            "p90": round(deciles[-1], 1),
        }
        if case.floor:
            row |= {"floor": case.floor, "ratio": round(ratio(samples, case.name, case.floor), 3)}
        found[case.name] = row
    return found


def table(found: dict[str, dict[str, Any]]) -> str:
    """The results as aligned text."""
    lines = [f"{'case':34} {'ns':>12} {'p10 to p90':>21}  ratio"]
    for name, row in found.items():
        spread = f"{row['p10']:,.0f} to {row['p90']:,.0f}"
        against = f"{row['ratio']:.2f} x {row['floor']}" if "ratio" in row else ""
        lines.append(f"{name:34} {row['ns']:>12,.1f} {spread:>21}  {against}")
    return "\n".join(lines)
