"""Holds the budgets of budgets.toml: instruction counts, allocations, sizes, memory and in-process ratios. ``make bench-gate``

Absolute times never fail it. A ratio that misses is measured again in another process, a few times, and its best median counts:
other work on the machine, and where a process happens to find its memory, move a median by more than luck does.

``python -m benchmarks.gate --record`` sets the bars of the instruction counts anew.
"""

import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import (
    bench_alloc,
    bench_cold,
    bench_core,
    bench_dialects,
    bench_edge,
    bench_events,
    bench_ingest,
    bench_instructions,
    bench_size,
)

BUDGETS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())
SLACK: float = BUDGETS["passes"]["slack"]  # of a ratio, for other work on the machine
BATCH_OVER_BULK = "batch of 100 keys, p50, over OFREP bulk's"
CALLS = ("writes", "reads", "puts")
PARTS = {"small": ("W1", "W2", "W3", "W4"), "large": ("W5 boolean",), "load": ("W5 load",)}  # part -> its cases


@dataclass
class Verdict:
    """One budget: what it is of, what was measured, the bar, and whether it is kept (None: couldn't be measured here)."""

    name: str
    measured: str
    bar: str
    kept: bool | None

    def line(self) -> str:
        word = {True: "ok", False: "OVER", None: "skipped"}[self.kept]
        return f"{word:8} {self.name:42} {self.measured:>14}  {self.bar}"


def _missed(best: dict[str, float]) -> set[str]:
    over = {name for name, bar in BUDGETS["ratios"].items() if best.get(name, float("inf")) > bar}
    return over | {name for name, bar in BUDGETS["peer"].items() if name in best and best[name] < bar}


def _keep_best(best: dict[str, float], found: bench_core.Results) -> None:
    for name, row in found.items():
        if "ratio" in row:
            better = max if name in BUDGETS["peer"] else min
            best[name] = better(best.get(name, row["ratio"]), row["ratio"])


def ratios() -> list[Verdict]:
    """Every ratio's best median over as many fresh processes as it took, at most ``passes.most``."""
    best: dict[str, float] = {}
    rounds, most = BUDGETS["passes"]["rounds"], BUDGETS["passes"]["most"]
    for part, prefixes in PARTS.items():
        cases = {name for name in (*BUDGETS["ratios"], *BUDGETS["peer"]) if name.startswith(prefixes)}
        for number in range(most):
            if number == 0 or _missed(best) & cases:
                _keep_best(best, bench_core.in_fresh_process(part, rounds))
    verdicts = [_ratio(name, best.get(name), bar) for name, bar in BUDGETS["ratios"].items()]
    return verdicts + [_peer(name, best.get(name), bar) for name, bar in BUDGETS["peer"].items()]


def dialects() -> list[Verdict]:
    """Every dialect's best median, as for the other ratios."""
    bar, rounds, most = BUDGETS["dialects"]["most"], BUDGETS["passes"]["rounds"], BUDGETS["passes"]["most"]
    best = dict.fromkeys(bench_dialects.documents(), float("inf"))
    for _ in range(most):
        if max(best.values()) > bar:
            found = bench_dialects.in_fresh_process(rounds)
            best = {name: min(ratio, found[name]["ratio"]) for name, ratio in best.items()}
    return [_ratio(f"W2 of {name}", ratio, bar) for name, ratio in best.items()]


def edge() -> list[Verdict]:
    """A request's p50 and p99 over a no-op handler's in the same round; the best round's, of as many processes as it takes.

    Lines go to the null device here: what reads a pipe would be measured as well.
    """
    bars = {
        f"{kind}, {share}": bar
        for kind, both in BUDGETS["edge"]["over no-op"].items()
        for share, bar in zip(("p50", "p99"), both, strict=True)
    }
    bars[BATCH_OVER_BULK] = BUDGETS["edge"]["batch over bulk"]
    best = dict.fromkeys(bars, float("inf"))
    for _ in range(BUDGETS["passes"]["most"]):
        if any(best[name] > bar for name, bar in bars.items()):
            found = bench_edge.in_process(bench_edge.HANDLER, BUDGETS["edge"]["rounds"], 0, "null")["latency"]
            for kind in BUDGETS["edge"]["over no-op"]:
                for share in ("p50", "p99"):
                    best[f"{kind}, {share}"] = min(best[f"{kind}, {share}"], found[kind][f"best {share} over no-op"])
            batch, bulk = found[bench_edge.BATCH]["best p50 us"], found[bench_edge.BULK]["best p50 us"]
            best[BATCH_OVER_BULK] = min(best[BATCH_OVER_BULK], batch / bulk)
    return [_ratio(name, best[name], bar) for name, bar in bars.items()]


def ingest() -> list[Verdict]:
    """A request's processor time over ``json.loads``' of its body: the best median of as many processes as it takes."""
    bars = BUDGETS["ingest"]["over json.loads"]
    best = dict.fromkeys(bars, float("inf"))
    for _ in range(BUDGETS["passes"]["most"]):
        if any(best[name] > bar for name, bar in bars.items()):
            found = bench_ingest.in_fresh_process(BUDGETS["ingest"]["rounds"])
            best = {name: min(ratio, found[name]["over json.loads"]) for name, ratio in best.items()}
    return [_ratio(f"ingest, {name}", best[name], bar) for name, bar in bars.items()]


def _ratio(name: str, measured: float | None, bar: float) -> Verdict:
    if measured is None:
        return Verdict(name, "not measured", f"<= {bar} x its floor", False)
    return Verdict(name, f"{measured:.2f}", f"<= {bar} x its floor (+ {SLACK:.0%})", measured <= bar * (1 + SLACK))


def _peer(name: str, measured: float | None, bar: float) -> Verdict:
    if measured is None:
        return Verdict(name, "not installed", f">= {bar} x slower than W2 boolean", None)
    return Verdict(name, f"{measured:.2f}", f">= {bar} x slower than W2 boolean (- {SLACK:.0%})", measured >= bar * (1 - SLACK))


def instructions() -> list[Verdict]:
    """Against the figures of this Python version; others are shown and skipped."""
    bars = BUDGETS["instructions"].get(f"python-{sys.version_info[0]}{sys.version_info[1]}")
    if not bench_instructions.available():
        return [Verdict("instructions", "no valgrind", "apt-get install valgrind", None)]
    if bars is None:
        return [Verdict("instructions", "-", "no figures for this Python", None)]
    slack = 1 + BUDGETS["instructions"]["slack"]
    found = bench_instructions.run()
    return [
        Verdict(f"instructions, {name}", f"{found[name]:,}", f"<= {bar:,} + {slack - 1:.0%}", found[name] <= bar * slack)
        for name, bar in bars.items()
    ]


def events() -> list[Verdict]:
    """The event processor's instructions an event, and its calls a batch."""
    bars = BUDGETS["events"]
    warm = bench_events.calls()["warm"]
    found = [Verdict(f"events, {what}", str(warm[what]), f"<= {bars[what]}", warm[what] <= bars[what]) for what in CALLS]
    most, slack = bars.get(f"instructions-python-{sys.version_info[0]}{sys.version_info[1]}"), BUDGETS["instructions"]["slack"]
    counted = None if most is None else bench_events.instructions()
    if most is None or counted is None:
        return [*found, Verdict("events, instructions", "-", "no valgrind, or no figure for this Python", None)]
    return [
        *found,
        Verdict("events, instructions", f"{counted:,}", f"<= {most:,} + {slack:.0%}", counted <= most * (1 + slack)),
    ]


def allocations(evaluator_class: Any) -> list[Verdict]:
    """All ``_noalloc`` cases, and the meter's own check that it sees what does allocate."""
    found = bench_alloc.measure_all(evaluator_class)
    most = BUDGETS["allocations"]["most"]
    cases = [name for name in found if name.endswith("_noalloc")]
    verdicts = [Verdict(name, f"{found[name]:,} bytes", f"<= {most}", found[name] <= most) for name in cases]
    return [*verdicts, Verdict("the meter sees evaluate_all", f"{found['meter']:,} bytes", "> 0", found["meter"] > 0)]


def sizes() -> list[Verdict]:
    measured = {"extensions": sum(bench_size.extensions().values()), **bench_size.wheels()}
    verdicts = [_size(name, measured[name]) for name in BUDGETS["sizes"]]
    growth = bench_cold.memory().get("growth")
    bar = BUDGETS["memory"]["growth"]
    if growth is None:
        return [*verdicts, Verdict("W5 resident, growth", "no /proc", f"<= {bar:,}", None)]
    return [*verdicts, Verdict("W5 resident, growth", f"{growth:,}", f"<= {bar:,}", growth <= bar)]


def _size(name: str, size: int) -> Verdict:
    """Against the bar, or against what is held while the bar is missed."""
    bar, held = BUDGETS["sizes"][name], BUDGETS["shortfalls"].get(name)
    if held is None:
        return Verdict(f"size, {name}", f"{size:,}", f"<= {bar:,}", size <= bar)
    return Verdict(f"size, {name}", f"{size:,}", f"<= {held:,}, short of the bar {bar:,}", size <= held)


def cold() -> list[Verdict]:
    """Milliseconds are evidence; the number of modules is law."""
    found, bars = bench_cold.cold(rounds=7), BUDGETS["cold"]
    return [
        Verdict("cold path, modules", str(found["modules"]), f"<= {bars['modules']}", found["modules"] <= bars["modules"]),
        Verdict("cold path (evidence)", f"{found['in all']:.2f} ms", f"<= {bars['milliseconds']} ms, not gated", None),
    ]


def verdicts(evaluator_class: Any) -> Iterable[Verdict]:
    yield from allocations(evaluator_class)
    yield from instructions()
    yield from sizes()
    yield from cold()
    yield from ratios()
    yield from dialects()
    yield from edge()
    yield from ingest()
    yield from events()


def record() -> None:
    """Writes this machine's counts into budgets.toml as the new bars; the commit says why they moved."""
    path = Path(__file__).parent / "budgets.toml"
    head = f"[instructions.python-{sys.version_info[0]}{sys.version_info[1]}]"
    before, _, after = path.read_text().partition(head + "\n")
    rest = after[after.index("\n\n") :]
    rows = [f'"{name}" = {count:_}' for name, count in bench_instructions.run().items() if name not in ("e+", "nothing")]
    path.write_text("\n".join([before + head, *rows]) + rest)


def main() -> int:
    import evaluator

    if "--record" in sys.argv:
        record()
        return 0
    if evaluator.IMPLEMENTATION != "fast":
        print(f"bench-gate: the core in use is {evaluator.IMPLEMENTATION}, and budgets are of the Cython core: not held")
        return 1
    over = 0
    for verdict in verdicts(evaluator.Evaluator):
        print(verdict.line(), flush=True)
        over += verdict.kept is False
    print(f"bench-gate: {over} over budget" if over else "bench-gate: every budget is kept")
    return int(over > 0)


if __name__ == "__main__":
    sys.exit(main())
