"""Latency under an open load (``load``): a no-op and the flag function under Lambda's runtime client, and ``burgee serve``.

Functions are asked through ``burgee.up.functions``, so a call's way is the local Runtime API, awslambdaric and the handler, in
one of ``SANDBOXES`` warm processes; ``burgee serve`` is asked over HTTP with keep-alive. Everything is on one machine, the
generator included. ``paired`` tells what the handler adds to the round trip of a no-op whose response is as long, over the
smallest Runtime API (``runtime_player``): the two are asked in turns, and the difference within each round counts, so that what
the machine does meanwhile hits both.

``python -m benchmarks.bench_load [--seconds N] [--rounds N] [--keep]``; ``--keep`` writes the results to
benchmarks/results/load-<machine>.json and the picture docs/pictures/latency.svg. ``--from FILE`` draws the picture alone.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks import bench_reader, bench_serve, edge_events, load, workloads
from benchmarks.latency_picture import draw
from benchmarks.report import RESULTS, ROOT, label, machine
from benchmarks.runtime_player import Player
from burgee.up.functions import Function

PICTURE = ROOT / "docs" / "pictures" / "latency.svg"
NOOP, HANDLER = "benchmarks.lambda_child.noop", "handlers.flags.handler"
TIMED = "benchmarks.lambda_child.timed"
SANDBOXES = 8
FUNCTION_RATE, SERVE_RATE = 300.0, 1_000.0
SECONDS = 20.0
KIND = "POST one flag"
ROUNDS, WARM_ROUNDS, BLOCK = 60, 3, 200  # calls in pairs: rounds, and calls of each function in a round
SHARES = ("p50", "p99")
BARS = {"p50 ms": 15.0, "p99 ms": 40.0}  # requirement PRF-01, of the flag function
PAIRED_BAR_US = 12.0
USERS = 1_000

Document = dict[str, Any]


def environment(place: Path) -> dict[str, str]:
    """A function's, with a store of W4's 100 flags in a directory."""
    bench_reader.publish(place / "store", workloads.snapshot_of_all(), 1)
    return {"EVALUATOR_IMPL": "fast", "BURGEE_TRACKING": "log", "BURGEE_STORE": str(place / "store")}


def questions(kind: str) -> list[bytes]:
    """Events, one a user."""
    make = edge_events.KINDS[kind]
    return [make(*user).encode() for user in enumerate(workloads.contexts(USERS))]


async def _warm(function: Function, events: list[bytes], sandboxes: int) -> None:
    await function.start(warm=sandboxes)
    for invocation in await asyncio.gather(*(function.invoke(events[number]) for number in range(sandboxes))):
        if invocation.error is not None or invocation.result()["statusCode"] != 200:
            raise SystemExit(f"{function.name} answered {invocation.error or invocation.payload!r}")


# --- under load -----------------------------------------------------------------------------------------------------------


async def functions(variables: dict[str, str], seconds: float) -> list[Document]:
    """A run of the no-op and one of the flag function for each kind that is asked of it."""
    runs = []
    for name, handler, kind in (
        ("no-op function", NOOP, KIND),
        ("flag function, one flag", HANDLER, KIND),
        ("flag function, OFREP bulk of 100", HANDLER, "OFREP bulk, 100 flags"),
    ):
        function, events = Function(handler.split(".")[1], handler, variables, 30, concurrency=SANDBOXES), questions(kind)
        try:
            await _warm(function, events, SANDBOXES)

            async def ask(number: int, function: Function = function, events: list[bytes] = events) -> bool:
                return (await function.invoke(events[number % USERS])).error is None

            runs.append(await _run(name, ask, FUNCTION_RATE, seconds))
        finally:
            await function.stop()
    return runs


async def serve(place: Path, seconds: float) -> list[Document]:
    """A run each of one flag and of all 350."""
    served = await asyncio.to_thread(bench_serve.Served, place)
    connections = load.Connections(served.host, served.port)
    runs = []
    try:
        for name, path in (("burgee serve, one flag", "/flag-002"), ("burgee serve, bulk of 350", "")):
            requests = [_http(bench_serve.PATH + path, context) for context in workloads.contexts(USERS)]

            async def ask(number: int, requests: list[bytes] = requests) -> bool:
                return await connections.ask(requests[number % USERS]) == 200

            runs.append(await _run(name, ask, SERVE_RATE, seconds))
    finally:
        connections.close()
        await asyncio.to_thread(served.stop)
    return runs


def _http(path: str, context: Document) -> bytes:
    body = json.dumps({"context": context}, separators=(",", ":")).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _run(name: str, ask: Callable[[int], Awaitable[bool]], rate: float, seconds: float) -> Document:
    await load.drive(ask, rate, min(1.0, seconds), seed=1)  # warms up
    found = await load.drive(ask, rate, seconds)
    run = {"name": name} | found.summary()
    print(line(run), flush=True)
    return run | {"histogram": found.latency.as_json()}


# --- in pairs -------------------------------------------------------------------------------------------------------------


def paired(variables: dict[str, str], rounds: int, handler: str = HANDLER, kind: str = KIND) -> Document:
    """Microseconds that one flag's round trip takes beyond the no-op's, medians of ``BLOCK`` calls: the median over rounds."""
    events = questions(kind)
    with tempfile.TemporaryDirectory() as scratch, Player("flags", handler, variables, Path(scratch)) as flags:
        answer = _checked(flags.ask(events[0])[0])
        like = variables | {"BENCH_ANSWER": answer.decode()}
        with Player("noop", NOOP + "_as_long", like, Path(scratch)) as noop:
            samples = _in_turns((noop, flags), events, rounds)
    floor, mine = samples
    differences = [two[0] - one[0] for one, two in zip(floor, mine, strict=True)]
    low, _, high = statistics.quantiles(differences, n=4)
    found: Document = {"rounds": rounds, "calls a round": BLOCK}
    for name, rows in (("no-op", floor), ("one flag", mine)):
        found |= {
            f"{name} {percent} us": round(statistics.median(row[at] for row in rows), 1) for at, percent in enumerate(SHARES)
        }
    found["its own processor time us"] = _own_time(variables, events)
    found["over no-op us"] = round(statistics.median(differences), 1)
    found["over no-op, quartiles us"] = [round(low, 1), round(high, 1)]
    return found | {"bar us": PAIRED_BAR_US}


def _own_time(variables: dict[str, str], events: list[bytes]) -> float:
    """Microseconds of the processor that the handler itself takes there: the median call's."""
    with tempfile.TemporaryDirectory() as scratch, Player("timed", TIMED, variables, Path(scratch)) as player:
        results = [json.loads(player.ask(events[number % USERS])[0]) for number in range(6 * BLOCK)]
    took = [int(result["headers"]["X-Took-Ns"]) / 1e3 for result in results[BLOCK:]]
    return round(statistics.median(took), 1)


def _in_turns(players: tuple[Player, ...], events: list[bytes], rounds: int) -> list[list[tuple[float, float]]]:
    """For each player its (p50, p99) of every round, in microseconds; the order within a round is drawn."""
    chance = random.Random(0)
    samples: list[list[tuple[float, float]]] = [[] for _ in players]
    for number in range(-WARM_ROUNDS, rounds):
        for which in chance.sample(range(len(players)), len(players)):
            taken = [players[which].ask(events[(number * BLOCK + one) % USERS])[1] / 1e3 for one in range(BLOCK)]
            if number >= 0:
                cuts = statistics.quantiles(taken, n=100)
                samples[which].append((cuts[49], cuts[98]))
    return samples


def _checked(payload: bytes) -> bytes:
    if json.loads(payload).get("statusCode") != 200:
        raise SystemExit(f"the function answered {payload!r:.500}")
    return payload


# --- both -----------------------------------------------------------------------------------------------------------------


async def _measure(seconds: float, rounds: int) -> Document:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        variables = environment(place)
        found: Document = {"paired": await asyncio.to_thread(paired, variables, rounds)}
        print(paired_line(found["paired"]), flush=True)
        runs = await functions(variables, seconds) + await serve(place, seconds)
    return found | {"runs": runs, "sandboxes": SANDBOXES, "bars": BARS}


def run(seconds: float = SECONDS, rounds: int = ROUNDS) -> Document:
    """Everything, measured now."""
    return load.run(_measure(seconds, rounds))


def line(run: Document) -> str:
    """One run's figures."""
    shares = "  ".join(f"{name.removesuffix(' ms')} {run[name]:8.3f}" for name in run if name.endswith(" ms"))
    return f"{run['name']:34} {run['rate']:6g}/s {run['count']:7,}  {shares} ms  failed {run['failed']}"


def paired_line(found: Document) -> str:
    low, high = found["over no-op, quartiles us"]
    return (
        f"warm, in pairs: no-op p50 {found['no-op p50 us']} us, one flag p50 {found['one flag p50 us']} us, "
        f"the handler's own processor time {found['its own processor time us']} us, "
        f"difference {found['over no-op us']} us (quartiles {low} to {high}; at most {found['bar us']:g})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_load", description="Latency under an open load.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of calls in turns (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="write the results and the picture")
    parser.add_argument("--from", dest="source", type=Path, help="draw the picture of this result file")
    options = parser.parse_args()
    if options.source:
        PICTURE.write_text(draw(json.loads(options.source.read_text())["runs"]))
        return
    found: Document = {"machine": machine()} | run(options.seconds, options.rounds)
    if options.keep:
        target = RESULTS / f"load-{label(found['machine'])}.json"
        target.write_text(json.dumps(found) + "\n")
        PICTURE.write_text(draw(found["runs"]))
        print(f"{target.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)} are written")


if __name__ == "__main__":
    main()
