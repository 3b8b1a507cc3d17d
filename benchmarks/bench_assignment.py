"""An assignment with a DynamoDB that takes 5 ms a call: what a first one takes, and how many calls; then the same users again.

``handlers.assignments.handler`` in a process of its own, asked with Function URL events, tracking and telemetry on (lines to
/dev/null); ``dynamodb_player`` in another. Between any two questions a bare socket makes the same kind of call, so that what
the machine adds to 5 ms is known: ``over a bare call`` is the difference within each pair.
``python -m benchmarks.bench_assignment [--users N] [--json]``
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import bench_reader, edge_events, workloads
from benchmarks.bench_edge import Handler, Invocation, percentiles
from config_sync.compile import compile_project

ROOT = Path(__file__).resolve().parent.parent
STORE_MS = 5.0
USERS = 2_000
BARS = {"first p99 ms": STORE_MS + 1.0, "calls of a first assignment": 1.0, "calls of a repeated one": 0.0}
KEY = "checkout"
CALL = b"POST / HTTP/1.1\r\nHost: dynamodb\r\nContent-Length: 600\r\n\r\n" + b"x" * 600
CALLS = b"GET /calls HTTP/1.1\r\nHost: dynamodb\r\n\r\n"

Document = dict[str, Any]


class Bare:
    """A keep-alive connection to the player, with nothing around it."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """The answer's body."""
        self._connection.sendall(request)
        answer = self._connection.recv(65536)
        return answer.partition(b"\r\n\r\n")[2]


def project() -> Document:
    """One experiment that everybody is in."""
    halves = [{"key": "control", "allocation": 0.5}, {"key": "treatment", "allocation": 0.5}]
    return {"experiments": {KEY: {"experiment_id": "exp_1", "status": "active", "variants": halves}}}


def question(number: int) -> str:
    context = workloads.contexts(1)[0]
    body = {
        "user_id": f"user-{number:08d}",
        "experiment_key": KEY,
        "context": {**context, "targetingKey": f"user-{number:08d}"},
    }
    return edge_events.event(number, "POST", "/assign", body=body)


def child(output: Path, port: int, users: int) -> None:
    handler: Handler = import_module("handlers.assignments").handler
    bare = Bare(port)
    ask(handler, users)  # the first call imports and connects
    first, floor, again = [], [], []
    before = int(bare.ask(CALLS))
    for number in range(users):
        start = time.perf_counter_ns()
        bare.ask(CALL)
        floor.append(time.perf_counter_ns() - start)
        first.append(ask(handler, number))
    stored = int(bare.ask(CALLS)) - before - users
    for number in range(users):
        again.append(ask(handler, number))
    repeated = int(bare.ask(CALLS)) - before - users - stored
    over = [mine - other for mine, other in zip(first, floor, strict=True)]
    p50, p99 = percentiles(first)
    output.write_text(
        json.dumps(
            {
                "first p50 ms": round(p50 / 1e3, 3),
                "first p99 ms": round(p99 / 1e3, 3),
                "a bare call p50 ms": round(percentiles(floor)[0] / 1e3, 3),
                "a bare call p99 ms": round(percentiles(floor)[1] / 1e3, 3),
                "over a bare call p50 us": round(statistics.median(over) / 1e3, 1),
                "repeated p50 us": round(percentiles(again)[0], 1),
                "repeated p99 us": round(percentiles(again)[1], 1),
                "calls of a first assignment": stored / users,
                "calls of a repeated one": repeated / users,
            }
        )
    )


def ask(handler: Handler, number: int) -> int:
    """Nanoseconds of one call."""
    event, context = json.loads(question(number)), Invocation(number)
    start = time.perf_counter_ns()
    result = handler(event, context)
    taken = time.perf_counter_ns() - start
    if result["statusCode"] != 200 or '"persisted":true' not in result["body"]:
        raise SystemExit(f"user {number}: {result}")
    return taken


def run(users: int = USERS) -> Document:
    """Everything, measured now."""
    snapshot = compile_project(project()).snapshot
    assert snapshot is not None
    command = [sys.executable, "-m", "benchmarks.dynamodb_player", str(STORE_MS)]
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as player,
    ):
        assert player.stdin is not None and player.stdout is not None
        port = int(player.stdout.readline())
        try:
            place = Path(name)
            bench_reader.publish(place / "store", snapshot, 1)
            output = place / "found.json"
            this = [sys.executable, "-m", "benchmarks.bench_assignment", "--child", str(output), "--port", str(port)]
            environment = _environment(place, port)
            subprocess.run([*this, "--users", str(users)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
            found: Document = json.loads(output.read_text())
        finally:
            player.stdin.close()
    return {"store ms": STORE_MS, "users": users} | found | {"bars": BARS}


def _environment(place: Path, port: int) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}
    mine = {"BURGEE_STORE": str(place / "store"), "BURGEE_SCRATCH": str(place / "scratch"), "BURGEE_TRACKING": "log"}
    lambdas = {"PATH": os.environ["PATH"], "EVALUATOR_IMPL": "fast", "AWS_LAMBDA_FUNCTION_NAME": "assignments"}
    return keys | mine | lambdas | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_assignment", description="Assignments and their store.")
    parser.add_argument("--users", type=int, default=USERS, help="how many are assigned (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.port, options.users)
        return
    found = run(options.users)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    bars = found.pop("bars")
    for name, value in found.items():
        print(f"{name:32} {value:>10}" + (f"   (at most {bars[name]:g})" if name in bars else ""))


if __name__ == "__main__":
    main()
