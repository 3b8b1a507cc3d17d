"""A cold start as Lambda has it: ``awslambdaric`` in fresh processes against the local Runtime API; and warm round trips.

Three ways to start the OFREP function with a snapshot of 100 flags (bundled as a file, bundled as a directory laid out like a
store, neither and so from S3, which is moto's), beside a handler that does nothing. What the function adds to a start is
measured twice: as the median over rounds of the difference between whole starts, which on a shared machine is mostly the
machine's noise; and as the steps that are its own (importing, loading, answering), told apart by ``lambda_child`` in processes
of their own, which is what the bar is held against. ``python -m benchmarks.bench_lambda [--rounds N]``
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import workloads
from burgee.up.child import EmbeddedAws
from burgee.up.functions import Function, Invocation
from burgee.up.resources import BUCKET, STORE, Cloud, store
from burgee.up.urls import FunctionUrl
from config_sync.compile import CompileResult
from config_sync.release import publish
from config_sync.store import DirectoryStore, Store

BAR_MS = 8.0  # the bundled path over the handler that does nothing
NOOP = "no-op"
BUNDLED = ("bundle, file", "bundle, directory")
FROM_S3 = "from S3"
STEPS = (
    "interpreter",
    "awslambdaric",
    "import the handler",
    "load the snapshot",
    "wait for the event",
    "import the client",
    "answer",
    "return",
)
ROWS = ("ready ms", "first answer ms", "over no-op ms", "own steps ms", "own steps, processor ms", "processor ms")
OWN = (2, 3, 5, 6)  # the steps that are the function's, not the platform's
BODY = b'{"context":{"targetingKey":"user-00000001","country":"US","age":30}}'
STARTED = "import sys, time\nsys.bench_started = time.monotonic_ns(), time.process_time_ns()\n"

Environment = dict[str, str]
Steps = tuple[list[float], list[float]]  # milliseconds of each of STEPS; of processor time of each but the last
Total = tuple[float, float]  # milliseconds until it asks for work, until it has answered


def event(function: Function) -> dict[str, Any]:
    """The question for one flag, as a Function URL asks it."""
    path = b"/ofrep/v1/evaluate/flags/targeted-00"
    headers = [(b"content-type", b"application/json"), (b"host", b"x.lambda-url.us-east-1.on.aws"), (b"user-agent", b"bench")]
    scope: dict[str, Any] = {
        "method": "POST",
        "path": path.decode(),
        "raw_path": path,
        "headers": headers,
        "http_version": "1.1",
    }
    return FunctionUrl(function).event(scope, BODY, "bench")


# --- cold -----------------------------------------------------------------------------------------------------------------


async def _once(handler: str, environment: Environment) -> tuple[int, Invocation, int]:
    """The first invocation of a new process, and the moments when it was asked for and answered."""
    function = Function("bench", handler, environment, 30, concurrency=1)
    await function.start()
    try:
        begun = time.monotonic_ns()
        invocation = await function.invoke(event(function))
        ended = time.monotonic_ns()
    finally:
        await function.stop()
    if invocation.error is not None or invocation.result()["statusCode"] != 200:
        raise RuntimeError(f"{handler} answered {invocation.error or invocation.payload!r}")
    return begun, invocation, ended


async def _total(variant: str, environment: Environment) -> Total:
    """How long one start took, from the process's beginning."""
    handler = "benchmarks.lambda_child.noop" if variant == NOOP else "handlers.ofrep.handler"
    _, invocation, _ = await _once(handler, environment)
    assert invocation.init_ms is not None
    return invocation.init_ms, invocation.init_ms + invocation.duration_ms


async def _steps(variant: str, environment: Environment, shim: str) -> Steps:
    """The steps of one start. What the processor did before the interpreter was ready counts to the first."""
    handler = NOOP if variant == NOOP else "ofrep"
    more = {"BENCH_HANDLER": handler, "PYTHONPATH": shim}
    begun, invocation, ended = await _once("benchmarks.lambda_child.handler", environment | more)
    moments, processor = zip(*json.loads(invocation.result()["body"]), strict=True)
    return _between(begun, *moments, ended), _between(0, *processor)


def _between(*moments: int) -> list[float]:
    return [(after - before) / 1e6 for before, after in pairwise(moments)]


async def cold(variants: dict[str, Environment], rounds: int, shim: str) -> dict[str, Any]:
    """Medians: by variant the time until ready and until the first answer, that over the no-op, and the steps."""
    chance = random.Random(0)
    totals: dict[str, list[Total]] = {name: [] for name in variants}
    steps: dict[str, list[Steps]] = {name: [] for name in variants}
    for number in range(rounds + 1):  # the first fills caches
        for name in chance.sample(list(variants), len(variants)):
            total = await _total(name, variants[name])
            step = await _steps(name, variants[name], shim)
            if number:
                totals[name].append(total)
                steps[name].append(step)
    return {name: _summary(totals[name], totals[NOOP], steps[name], steps[NOOP]) for name in variants}


def _summary(mine: list[Total], floor: list[Total], steps: list[Steps], floor_steps: list[Steps]) -> dict[str, Any]:
    walls = [statistics.median(column) for column in zip(*(wall for wall, _ in steps), strict=True)]
    return {
        "ready ms": round(statistics.median(one[0] for one in mine), 2),
        "first answer ms": round(statistics.median(one[1] for one in mine), 2),
        "over no-op ms": _over([one[1] for one in mine], [one[1] for one in floor]),
        "own steps ms": _over([_own(wall) for wall, _ in steps], [_own(wall) for wall, _ in floor_steps]),
        "own steps, processor ms": _over([_own(time) for _, time in steps], [_own(time) for _, time in floor_steps]),
        "processor ms": round(statistics.median(sum(time) for _, time in steps), 2),
        "steps": {name: round(value, 2) for name, value in zip(STEPS, walls, strict=True)},
    }


def _own(steps: list[float]) -> float:
    return sum(steps[number] for number in OWN)


def _over(mine: list[float], floor: list[float]) -> float:
    """The median difference within a round."""
    return round(statistics.median(one - other for one, other in zip(mine, floor, strict=True)), 2)


# --- warm -----------------------------------------------------------------------------------------------------------------


async def warm(variants: dict[str, Environment], calls: int) -> dict[str, dict[str, float]]:
    """Microseconds of a round trip through the Runtime API, p50 and p99, the functions taking turns."""
    functions = {
        name: Function(name.split(",")[0].replace(" ", "-"), handler, variants[name], 30, concurrency=1)
        for name, handler in ((NOOP, "benchmarks.lambda_child.noop"), (BUNDLED[0], "handlers.ofrep.handler"))
    }
    taken: dict[str, list[float]] = {name: [] for name in functions}
    try:
        for function in functions.values():
            await function.start()
            await function.invoke(event(function))
        for _ in range(calls):
            for name, function in functions.items():
                asked = json.dumps(event(function)).encode()
                taken[name].append((await function.invoke(asked)).duration_ms * 1000)
    finally:
        for function in functions.values():
            await function.stop()
    return {name: {"p50 us": _quantile(times, 50), "p99 us": _quantile(times, 99)} for name, times in taken.items()}


def _quantile(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100)[percent - 1], 1)


# --- both -----------------------------------------------------------------------------------------------------------------


def _publish(place: Store, snapshot: bytes) -> None:
    compiled = workloads.compiled_of_all()
    assert compiled.snapshot == snapshot
    publish(place, lambda: CompileResult(snapshot, compiled.diagnostics))


@asynccontextmanager
async def _places() -> AsyncIterator[tuple[dict[str, Environment], str]]:
    """The environment of each variant, and the directory with the shim that notes when the interpreter is ready."""
    snapshot = workloads.snapshot_of_all()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "shim").mkdir()
        (root / "shim" / "sitecustomize.py").write_text(STARTED)
        (root / "flags.burgee").write_bytes(snapshot)
        _publish(DirectoryStore(root / "store"), snapshot)
        aws = EmbeddedAws("127.0.0.1", 0, name, print)
        try:
            cloud = Cloud(await aws.start())
            await asyncio.to_thread(cloud.s3.create_bucket, Bucket=BUCKET)
            await asyncio.to_thread(_publish, store(cloud), snapshot)
            fast = {"EVALUATOR_IMPL": "fast"}
            bundles = (root / "flags.burgee", root / "store")
            variants = {NOOP: fast}
            variants |= {name: fast | {"BURGEE_BUNDLE": str(at)} for name, at in zip(BUNDLED, bundles, strict=True)}
            variants[FROM_S3] = fast | cloud.environment | {"BURGEE_STORE": STORE}
            yield variants, str(root / "shim")
        finally:
            await aws.stop()


async def _measure(rounds: int, calls: int) -> dict[str, Any]:
    async with _places() as (variants, shim):
        return {"cold": await cold(variants, rounds, shim), "warm": await warm(variants, calls), "bar ms": BAR_MS}


def run(rounds: int = 21, calls: int = 2_000) -> dict[str, Any]:
    """Everything, measured now."""
    return asyncio.run(_measure(rounds, calls))


def table(found: dict[str, Any]) -> str:
    """The figures as aligned text."""
    columns = found["cold"]
    lines = [f"{'':24}" + "".join(f"{name:>20}" for name in columns)]
    for row in ROWS:
        lines.append(f"{row:24}" + "".join(f"{one[row]:>20.2f}" for one in columns.values()))
    for step in STEPS:
        lines.append(f"  {step:22}" + "".join(f"{one['steps'][step]:>20.2f}" for one in columns.values()))
    for name, row in found["warm"].items():
        lines.append(f"warm, {name:16} p50 {row['p50 us']:>8.1f} us   p99 {row['p99 us']:>8.1f} us")
    worst = max(columns[name]["own steps ms"] for name in BUNDLED)
    verdict = "held" if worst <= BAR_MS else "MISSED"
    lines.append(f"bundled over no-op, own steps: {worst:.2f} ms (bar: {found['bar ms']:g} ms): {verdict}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_lambda", description="Cold starts and warm calls.")
    parser.add_argument("--rounds", type=int, default=21, help="fresh processes of each kind (default: %(default)s)")
    parser.add_argument("--calls", type=int, default=2_000, help="warm calls of each kind (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found = run(options.rounds, options.calls)
    print(json.dumps(found, indent=2) if options.json else table(found))


if __name__ == "__main__":
    main()
