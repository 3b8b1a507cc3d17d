"""Ingest in process: from a Function URL's event to its response, the call of Kinesis free, as processor time an event.

``handlers.ingest.handler`` with access, telemetry and its line as they are by default; the line goes to /dev/null. What stands
in for Kinesis takes every record and costs nothing, so neither a signature nor a connection is measured. Each case is timed
beside a floor, ``json.loads`` of the same body, in the same round: processor time of this thread, so that other work on the
machine shows less. A case's figure and its ratio are the medians over rounds; ``best`` is the quietest round's.
``python -m benchmarks.bench_ingest [--rounds N] [--json]``
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from handlers._breaker import Breaker
from handlers._ingest_stream import Stream

ROOT = Path(__file__).resolve().parent.parent
EVENTS = 500
ROUNDS = 200
WARM = 20
BATCH = "batch of 500"
BAR_EVENTS_A_SECOND = 50_000  # of the processor that reads them: ingest mustn't be the slower one

Document = dict[str, Any]


class FreeKinesis:
    """Takes every record."""

    def __init__(self) -> None:
        self._answers: dict[int, Document] = {}

    def prepare(self) -> None:
        """There is nothing to import."""

    def call(self, target: str, payload: bytes, until: float) -> Document:
        count = payload.count(b'"PartitionKey"')
        if count not in self._answers:
            results = [{"SequenceNumber": f"{number:056d}", "ShardId": "shardId-000000000000"} for number in range(count)]
            self._answers[count] = {"FailedRecordCount": 0, "Records": results}
        return self._answers[count]


def purchase(number: int) -> Document:
    return {
        "event_id": f"3f0c6d1e2b4a4c8d9e7f{number:012x}",
        "event_type": "purchase",
        "user_id": f"customer-{number % 97}",
        "experiment_id": "exp_checkout",
        "timestamp": f"2026-01-31T23:{number % 60:02d}:59.{number:03d}Z",
        "properties": {"revenue": 12.5 + number, "currency": "EUR", "items": [{"sku": f"A-{number}", "quantity": 2}]},
        "metadata": {"source": "shop", "page": "/checkout"},
    }


def _without(event: Document, *names: str) -> Document:
    return {name: value for name, value in event.items() if name not in names}


def cases() -> dict[str, tuple[str, str, int]]:
    """name -> path, body, events."""
    many = [purchase(number) for number in range(EVENTS)]
    no_ids = [_without(event, "event_id", "timestamp") for event in many]
    spoiled = [*many[:-1], _without(many[-1], "user_id")]
    return {
        "one event": ("/events", json.dumps(many[0]), 1),
        BATCH: ("/events/batch", json.dumps({"events": many}), EVENTS),
        f"{BATCH}, without ids": ("/events/batch", json.dumps({"events": no_ids}), EVENTS),
        f"{BATCH}, one refused": ("/events/batch", json.dumps({"events": spoiled}), EVENTS),
    }


def event_of(path: str, body: str) -> Document:
    """As a Function URL makes it."""
    http = {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "bench"}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "abc.lambda-url.us-east-1.on.aws"},
        "requestContext": {
            "domainName": "abc.lambda-url.us-east-1.on.aws",
            "http": http,
            "requestId": "1",
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _taken(call: Callable[[], object], times: int) -> int:
    """Nanoseconds of this thread's processor time."""
    start = time.thread_time_ns()
    for _ in range(times):
        call()
    return time.thread_time_ns() - start


def child(output: Path, rounds: int) -> None:
    """The process that is measured. Its standard output is where log lines go."""
    from handlers import ingest

    ingest._of_process["stream"] = Stream("events", FreeKinesis(), Breaker(5, 5_000), 1_000)
    found: Document = {}
    for name, (path, body, count) in cases().items():
        event = event_of(path, body)
        answer: Any = ingest.handler(event, None)
        if answer["statusCode"] != 202:
            raise SystemExit(f"{name}: {answer}")
        repeat = max(1, 50 // count)
        rows: list[tuple[int, int]] = []
        for number in range(rounds + WARM):
            floor = _taken(partial(json.loads, body), repeat)
            taken = _taken(partial(ingest.handler, event, None), repeat)
            if number >= WARM:
                rows.append((taken, floor))
        each = repeat * count * 1_000
        found[name] = {
            "bytes": len(body),
            "us an event": round(statistics.median(taken for taken, _ in rows) / each, 3),
            "best us an event": round(min(taken for taken, _ in rows) / each, 3),
            "json.loads, us": round(statistics.median(floor for _, floor in rows) / each, 3),
            "over json.loads": round(statistics.median(taken / floor for taken, floor in rows), 3),
        }
    output.write_text(json.dumps(found))


def in_fresh_process(rounds: int = ROUNDS) -> Document:
    """case -> its figures."""
    with tempfile.TemporaryDirectory() as place, open(os.devnull, "wb") as null:
        output = Path(place) / "found.json"
        command = [sys.executable, "-m", "benchmarks.bench_ingest", "--rounds", str(rounds), "--child", str(output)]
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=ROOT, env=environment, stdout=null, check=True)
        found: Document = json.loads(output.read_text())
    return found


def table(found: Document) -> str:
    """The figures as aligned text."""
    lines = [f"{'':28} {'bytes':>8} {'us an event':>12} {'(best)':>8} {'events/s':>10} {'json.loads':>11} {'over it':>8}"]
    for name, row in found.items():
        lines.append(
            f"{name:28} {row['bytes']:>8,} {row['us an event']:>12.2f} {row['best us an event']:>8.2f} "
            f"{1e6 / row['us an event']:>10,.0f} {row['json.loads, us']:>11.2f} {row['over json.loads']:>8.2f}"
        )
    return "\n".join([*lines, f"the bar, of a batch: {BAR_EVENTS_A_SECOND:,} events/s"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_ingest", description="Ingest in process.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each case (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.rounds)
        return
    found = in_fresh_process(options.rounds)
    print(json.dumps(found, indent=1) if options.json else table(found))


if __name__ == "__main__":
    main()
