"""From a write to a table to the first new answer of the evaluation URL, on one machine, in a running ``burgee up``.

A client asks the URL every 20 ms; at random moments the flag's item is changed. What is measured is the time from the return of
DynamoDB's answer to the first answer with the new value. ``python -m benchmarks.bench_propagation [--writes N]
[--refresh-ms MS ...]`` prints it; with ``--keep`` it also writes benchmarks/results/propagation-<machine>.json and
docs/pictures/propagation.svg.
"""

import argparse
import http.client
import json
import math
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import boto3

from benchmarks.propagation_picture import draw
from benchmarks.report import RESULTS, label, machine

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "propagation.svg"
FLAG, TABLE = "sales-open", "feature-flags"
BODY = json.dumps({"context": {"targetingKey": "user-1"}})
ASK_SECONDS = 0.02
ALLOWANCE_MS = 1_000  # beyond the refresh interval: the requirement
PATIENCE_SECONDS = 60.0


class Platform:
    """A ``burgee up`` in a child process."""

    def __init__(self, refresh_ms: int) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "burgee", "up", "examples", "--no-view"),
                *("--port", "0", "--aws-port", "0", "--refresh-ms", str(refresh_ms)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        greeting = ""
        while "Ctrl-C" not in greeting:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"burgee up didn't start:\n{greeting}")
            greeting += line
        found = re.search(r"at http://([\d.]+):(\d+), its AWS at (\S+)", greeting)
        assert found, greeting
        self._edge = http.client.HTTPConnection(found[1], int(found[2]), timeout=PATIENCE_SECONDS)
        self._table: Any = boto3.session.Session("local", "local", region_name="us-east-1").client(
            "dynamodb", endpoint_url=found[3]
        )
        self._drain()

    def _drain(self) -> None:
        """Reads what it prints, so that it never waits for us."""
        output = self._process.stdout
        assert output is not None
        Thread(target=lambda: [None for _ in output], daemon=True).start()

    def ask(self) -> bool:
        self._edge.request("POST", f"/ofrep/v1/evaluate/flags/{FLAG}", BODY, {"Content-Type": "application/json"})
        answer = json.loads(self._edge.getresponse().read())
        return bool(answer["value"])

    def write(self, value: bool) -> None:
        self._table.update_item(
            TableName=TABLE,
            Key={"key": {"S": FLAG}},
            UpdateExpression="SET #default = :value",
            ExpressionAttributeNames={"#default": "default"},
            ExpressionAttributeValues={":value": {"S": "on" if value else "off"}},
        )

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE_SECONDS)


def measure(refresh_ms: int, writes: int, seed: int = 1) -> list[float]:
    """Milliseconds of each write. A write's phase against the reader's refreshes is drawn uniformly."""
    chance = random.Random(seed)
    platform = Platform(refresh_ms)
    try:
        value = platform.ask()
        _ask_for(platform, 2 * refresh_ms / 1000, value)
        found = []
        for number in range(writes):
            _ask_for(platform, chance.uniform(0, refresh_ms / 1000), value)
            value = not value
            platform.write(value)
            found.append(_until(platform, value))
            if (number + 1) % 10 == 0:
                print(f"  {number + 1} of {writes} writes", file=sys.stderr, flush=True)
        return found
    finally:
        platform.stop()


def _ask_for(platform: Platform, seconds: float, value: bool) -> None:
    """A steady client: what makes a reader refresh is a request."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        if platform.ask() is not value:
            raise RuntimeError("an answer changed although nobody changed the flag")
        time.sleep(ASK_SECONDS)


def _until(platform: Platform, value: bool) -> float:
    started = time.perf_counter()
    while platform.ask() is not value:
        if time.perf_counter() - started > PATIENCE_SECONDS:
            raise RuntimeError("the change never became visible")
        time.sleep(ASK_SECONDS)
    return (time.perf_counter() - started) * 1000


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is not exceeded by ``share`` of all."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def summary(refresh_ms: int, values: list[float]) -> dict[str, Any]:
    """What is kept of one run; milliseconds."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    figures = {name: round(percentile(values, share)) for name, share in shares.items()}
    limit = refresh_ms + ALLOWANCE_MS
    return {
        "refresh_ms": refresh_ms,
        "writes": len(values),
        **figures,
        "p99_limit": limit,
        "within_limit": figures["p99"] <= limit,
        "milliseconds": sorted(round(value) for value in values),
    }


def main() -> int:
    """Exit code 1 when a run's p99 is over the refresh interval plus a second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_propagation")
    parser.add_argument("--writes", type=int, default=100, help="of each run (default: %(default)s)")
    parser.add_argument("--refresh-ms", type=int, nargs="+", default=[5_000, 1_000], help="a run each (default: 5000 1000)")
    parser.add_argument("--keep", action="store_true", help="write the results and the picture")
    options = parser.parse_args()
    runs = []
    for refresh_ms in options.refresh_ms:
        run = summary(refresh_ms, measure(refresh_ms, options.writes))
        runs.append(run)
        print(
            "refresh {refresh_ms} ms, {writes} writes: p50 {p50}, p90 {p90}, p99 {p99}, max {max} ms".format(**run), flush=True
        )
    if options.keep:
        of = machine()
        target = RESULTS / f"propagation-{label(of)}.json"
        target.write_text(json.dumps({"machine": of, "runs": runs}, indent=1) + "\n", encoding="utf-8")
        PICTURE.write_text(draw(runs), encoding="utf-8")
        print(f"{target.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)} are written")
    return 0 if all(run["within_limit"] for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
