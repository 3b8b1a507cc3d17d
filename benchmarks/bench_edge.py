"""The edge functions in process: from an event to a response, what that costs beside a handler that does nothing.

Every kind of request (``edge_events.KINDS``) against W4's 100 flags, tracking and telemetry as a function has them by default,
their lines written to a pipe that another process drains (or to /dev/null: ``--sink null``). In a round each kind is asked for
``CALLS`` users with objects fresh from the JSON parser, the kinds in random order, each call timed alone; beside each kind runs
a no-op that takes the same events and returns a response of the same size. The clock is the wall's: what else the machine does
is in the percentiles. So a kind's figure is the median over rounds, its ratio is taken to the no-op of the same round, and
``best`` is the quietest round's. Of a handler that has not all of the paths those that it has are measured.
``python -m benchmarks.bench_edge [--handler MODULE] [--rounds N] [--soak N] [--json]``
"""

import argparse
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import bench_reader, edge_events, workloads

ROOT = Path(__file__).resolve().parent.parent
HANDLER = "handlers.flags"
STATM = Path("/proc/self/statm")
CALLS = 2_000  # of each kind in a round
ROUNDS = 15
ASLEEP_CALLS, ASLEEP_SECONDS = 500, 0.000_2
SOAK = 1_000_000
SOAK_WARM = 20_000
BARS: dict[str, dict[str, float]] = {
    "POST one flag": {"p50 us": 10.0, "p99 us": 40.0},
    "GET one flag": {"p50 us": 10.0, "p99 us": 40.0},
    "OFREP one flag": {"p50 us": 10.0, "p99 us": 40.0},
    "OFREP bulk, 100 flags": {"p50 us": 25.0},
}
BATCH, BULK = "batch of 100 keys", "OFREP bulk, 100 flags"
BATCH_BAR = 3.0  # the batch's p50 over the bulk's
SOAK_BAR = 0.05

Document = dict[str, Any]
Handler = Callable[[Any, Any], Document]


class Invocation:
    """What Lambda hands a function beside the event, as far as ours look at it."""

    __slots__ = ("aws_request_id", "function_name", "invoked_function_arn", "memory_limit_in_mb")

    def __init__(self, number: int) -> None:
        self.aws_request_id = f"00000000-0000-4000-9000-{number:012d}"
        self.function_name = "flags"
        self.memory_limit_in_mb = "256"
        self.invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:flags"

    def get_remaining_time_in_millis(self) -> int:
        return 5_000


def noop_like(result: Document) -> Handler:
    """A handler that looks at nothing and returns a new response with as many headers and as long a body as ``result``."""
    headers, size = dict(result["headers"]), len(result["body"])
    fixed = "x" * (size - 1)

    def noop(event: Any, context: Any) -> Document:
        return {"statusCode": 200, "headers": headers.copy(), "body": "{" + fixed, "isBase64Encoded": False}

    return noop


def timed(handler: Handler, events: list[Any], contexts: list[Invocation]) -> list[int]:
    """Nanoseconds of each call."""
    taken = []
    clock = time.perf_counter_ns
    for event, context in zip(events, contexts, strict=True):
        start = clock()
        handler(event, context)
        taken.append(clock() - start)
    return taken


def percentiles(taken: list[int]) -> tuple[float, float]:
    """p50 and p99 in microseconds."""
    cuts = statistics.quantiles(taken, n=100)
    return cuts[49] / 1e3, cuts[98] / 1e3


# --- the process that is measured -----------------------------------------------------------------------------------------


def latency(handler: Handler, rounds: int) -> Document:
    """kind -> its figures."""
    users = workloads.contexts(CALLS)
    answers = {kind: _answer(handler, kind, make(0, users[0])) for kind, make in edge_events.KINDS.items()}
    floors = {kind: noop_like(answer) for kind, answer in answers.items() if answer is not None}
    texts = {kind: [edge_events.KINDS[kind](*user) for user in enumerate(users)] for kind in floors}
    contexts = [Invocation(number) for number in range(CALLS)]
    samples: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in texts}
    chance = random.Random(0)
    for number in range(rounds + 1):  # the first warms up
        for kind in chance.sample(list(texts), len(texts)):
            row: list[float] = []
            for one in (floors[kind], handler):
                events = [json.loads(text) for text in texts[kind]]
                gc.collect()
                gc.freeze()  # the events are ours, not the function's: its collections don't walk them
                row += percentiles(timed(one, events, contexts))
                gc.unfreeze()
            if number:
                samples[kind].append(tuple(row))
    return {kind: _figures(rows) | {"asleep p50 us": asleep(handler, texts[kind], contexts)} for kind, rows in samples.items()}


def asleep(handler: Handler, texts: list[str], contexts: list[Invocation]) -> float:
    """p50 in microseconds when the process sleeps before each call, as a function does between requests.

    The caches and the processor's predictions are no longer the handler's own then.
    """
    taken = []
    for text, context in zip(texts[:ASLEEP_CALLS], contexts, strict=False):
        event = json.loads(text)
        time.sleep(ASLEEP_SECONDS)
        start = time.perf_counter_ns()
        handler(event, context)
        taken.append(time.perf_counter_ns() - start)
    return round(percentiles(taken)[0], 2)


def _answer(handler: Handler, kind: str, text: str) -> Document | None:
    """An answer of this kind; None when the handler has no such path."""
    result = handler(json.loads(text), Invocation(0))
    if result["statusCode"] == 404:
        return None
    if result["statusCode"] != 200:
        raise SystemExit(f"{kind}: the handler answered {result}")
    return result


def _figures(rows: list[tuple[float, ...]]) -> Document:
    floor50, floor99, mine50, mine99 = (list(column) for column in zip(*rows, strict=True))
    ratios50 = [mine / floor for mine, floor in zip(mine50, floor50, strict=True)]
    ratios99 = [mine / floor for mine, floor in zip(mine99, floor99, strict=True)]
    return {
        "p50 us": round(statistics.median(mine50), 2),
        "p99 us": round(statistics.median(mine99), 2),
        "best p50 us": round(min(mine50), 2),
        "best p99 us": round(min(mine99), 2),
        "no-op p50 us": round(statistics.median(floor50), 2),
        "no-op p99 us": round(statistics.median(floor99), 2),
        "p50 over no-op": round(statistics.median(ratios50), 1),
        "p99 over no-op": round(statistics.median(ratios99), 1),
        "best p50 over no-op": round(min(ratios50), 1),
        "best p99 over no-op": round(min(ratios99), 1),
    }


def resident_bytes() -> int:
    """This process's resident memory (Linux)."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def soak(handler: Handler, evaluations: int, warm: int = SOAK_WARM) -> Document:
    """Resident memory after ``warm`` evaluations and at the end, each of another user (requirement PRF-04)."""
    user = workloads.contexts(1)[0]
    kinds = [kind for kind, make in edge_events.KINDS.items() if _answer(handler, kind, make(0, user)) is not None]
    text = edge_events.KINDS[kinds[0]](0, user)
    context = Invocation(0)

    def ask(numbers: range) -> None:
        for number in numbers:
            event = json.loads(text.replace("user-00000000", f"user-{number:08d}"))
            context.aws_request_id = f"00000000-0000-4000-9000-{number:012d}"
            if handler(event, context)["statusCode"] != 200:
                raise SystemExit(f"evaluation {number} failed")

    ask(range(warm))
    before = resident_bytes()
    ask(range(warm, warm + evaluations))
    after = resident_bytes()
    return {
        "evaluations": evaluations,
        "resident MB before": round(before / 1e6, 2),
        "resident MB after": round(after / 1e6, 2),
        "growth": round(after / before - 1, 4),
        "bar": SOAK_BAR,
    }


def child(output: Path, module: str, rounds: int, evaluations: int) -> None:
    handler: Handler = import_module(module).handler
    found: Document = {}
    if rounds:
        found["latency"] = latency(handler, rounds)
    if evaluations:
        found["soak"] = soak(handler, evaluations)
    output.write_text(json.dumps(found))


# --- the one that measures ------------------------------------------------------------------------------------------------


def in_process(module: str, rounds: int, evaluations: int, sink: str = "pipe") -> Document:
    """Figures of one fresh process, and how many lines and bytes it printed a request.

    Its standard output is drained here (``sink`` pipe), or is /dev/null.
    """
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        bench_reader.publish(place / "store", workloads.snapshot_of_all(), 1)
        environment = {"PATH": os.environ["PATH"], "EVALUATOR_IMPL": "fast", "AWS_LAMBDA_FUNCTION_NAME": "flags"}
        environment |= {"BURGEE_STORE": str(place / "store"), "BURGEE_SCRATCH": str(place / "scratch")}
        environment |= {"AWS_REGION": "us-east-1", "BURGEE_TRACKING": "log"}
        output = place / "found.json"
        command = [sys.executable, "-m", "benchmarks.bench_edge", "--child", str(output), "--handler", module]
        command += ["--rounds", str(rounds), "--soak", str(evaluations)]
        stdout = subprocess.PIPE if sink == "pipe" else subprocess.DEVNULL
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stdout) as process:
            lines, size = (0, 0) if process.stdout is None else _drain(process.stdout.fileno())
        if process.returncode:
            raise SystemExit(f"the process that is measured failed: {process.returncode}")
        found: Document = json.loads(output.read_text())
    calls = len(found.get("latency", ())) * CALLS * (rounds + 1) + (evaluations + SOAK_WARM if evaluations else 0)
    return found | {"sink": sink, "lines a request": round(lines / calls, 2), "bytes a request": round(size / calls)}


def _drain(descriptor: int) -> tuple[int, int]:
    """Reads to the end; the number of lines and bytes."""
    lines = size = 0
    while data := os.read(descriptor, 1 << 20):
        lines += data.count(b"\n")
        size += len(data)
    return lines, size


def run(rounds: int = ROUNDS, evaluations: int = SOAK, module: str = HANDLER) -> Document:
    """Everything: latency with the lines into a pipe and into /dev/null, and the soak."""
    return {
        "pipe": in_process(module, rounds, 0),
        "null": in_process(module, rounds, 0, "null"),
        "soak": in_process(module, 0, evaluations, "null")["soak"] if evaluations else None,
        "bars": BARS | {"batch over bulk": {"p50": BATCH_BAR}},
    }


def table(found: Document) -> str:
    """The figures as aligned text."""
    lines = []
    for sink in ("pipe", "null"):
        part = found[sink]
        lines.append(
            f"lines to {sink:24} p50 us   p99 us  (best of the rounds)   no-op p50  p99   ratios p50    p99   asleep p50"
        )
        for kind, row in part["latency"].items():
            best = f"({row['best p50 us']:.1f}, {row['best p99 us']:.1f})"
            bars = ", ".join(f"{name.removesuffix(' us')} <= {bar:g}" for name, bar in BARS.get(kind, {}).items())
            lines.append(
                f"  {kind:26} {row['p50 us']:>10.2f} {row['p99 us']:>8.2f}  {best:20} {row['no-op p50 us']:>8.2f} "
                f"{row['no-op p99 us']:>6.2f} {row['p50 over no-op']:>9.1f} {row['p99 over no-op']:>8.1f} "
                f"{row['asleep p50 us']:>8.2f}  {bars}"
            )
        rows = part["latency"]
        if {BATCH, BULK} <= rows.keys():
            share = rows[BATCH]["p50 us"] / rows[BULK]["p50 us"]
            lines.append(f"  batch over bulk, p50: {share:.2f} (at most {BATCH_BAR:g})")
        if sink == "pipe":
            lines.append(f"  printed a request: {part['lines a request']:g} lines, {part['bytes a request']} bytes")
    if soaked := found["soak"]:
        growth = f"{soaked['resident MB before']} MB -> {soaked['resident MB after']} MB, {soaked['growth']:+.2%}"
        lines.append(f"soak, {soaked['evaluations']:,} evaluations: {growth} (at most {SOAK_BAR:.0%})")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_edge", description="The edge functions in process.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each kind (default: %(default)s)")
    parser.add_argument("--soak", type=int, default=SOAK, help="evaluations of the soak; 0: none (default: %(default)s)")
    parser.add_argument("--handler", metavar="MODULE", default=HANDLER, help="whose handler (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.handler, options.rounds, options.soak)
        return
    found = run(options.rounds, options.soak, options.handler)
    print(json.dumps(found, indent=1) if options.json else table(found))


if __name__ == "__main__":
    main()
