"""How many bytes the flag function writes to its log for a request (requirement CST-07).

The function runs in a process of its own with the environment of ``infra.functions``' table (but its events go nowhere), and
its standard output is counted here: one kind of request after another, all lines and the shared ones. What Lambda itself adds
to a log (START, END, REPORT) isn't in it. ``python -m benchmarks.bench_log_volume [--requests N]``
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import bench_reader, edge_events, workloads

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("POST one flag", "OFREP bulk, 100 flags", "batch of 100 keys")
REQUESTS = 2_000
TICK_NS = 5_000


def ask(kind: str, requests: int) -> None:
    """In the process that is measured: so many requests, each of another user.

    Durations are of a clock that ticks evenly: those of a busy machine have more digits, and slow requests a metric more.
    """
    from benchmarks.bench_edge import Invocation
    from handlers._edge import prepare
    from handlers.flags import handler

    ticks: Any = count(0, TICK_NS)
    telemetry: Any = prepare().telemetry
    telemetry.begin = telemetry._clock = ticks.__next__
    users = workloads.contexts(requests)
    for number, user in enumerate(users):
        answer = handler(json.loads(edge_events.KINDS[kind](number, user)), Invocation(number))
        if answer["statusCode"] != 200:
            raise SystemExit(f"{kind}: the handler answered {answer}")


def measure(kind: str, rate: float, requests: int = REQUESTS) -> tuple[float, float]:
    """Lines and bytes a request, with this share of lines written (``BURGEE_LOG_RATE``)."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        bench_reader.publish(place / "store", workloads.snapshot_of_all(), 1)
        environment = {"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": "burgee-flags", "AWS_REGION": "us-east-1"}
        environment |= {"BURGEE_STORE": str(place / "store"), "BURGEE_SCRATCH": "", "BURGEE_TRACKING": "none"}
        environment |= {"BURGEE_LOG_RATE": f"{rate:g}", "BURGEE_LOG_SALT": "benchmark"}
        command = [sys.executable, "-m", "benchmarks.bench_log_volume", "--child", kind, "--requests", str(requests)]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.count(b"\n") / requests, len(done.stdout) / requests


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_log_volume", description="Bytes a request in the log.")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each kind (default: %(default)s)")
    parser.add_argument("--child", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        ask(options.child, options.requests)
        return
    for rate in (1.0, 0.01):
        for kind in KINDS:
            lines, size = measure(kind, rate, options.requests)
            print(f"rate {rate:<5g} {kind:24} {lines:6.3f} lines {size:8.1f} bytes a request")


if __name__ == "__main__":
    main()
