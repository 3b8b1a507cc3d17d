"""What a request's log line costs: ``begin`` and ``end`` of ``handlers._telemetry``, beside the clock and the bare write.

    python -m benchmarks.bench_telemetry

Lines go to a file that nobody keeps and, separately, to a pipe with a process behind it, as on Lambda. Nanoseconds of wall
time, the best of several passes, so that what else runs on the machine counts as little as possible.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter_ns
from types import SimpleNamespace

from handlers._http import Request
from handlers._log import Output
from handlers._telemetry import Telemetry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from handlers._http import Account

CALLS, PASSES = 20_000, 9
LAMBDA = SimpleNamespace(
    function_name="edge",
    memory_limit_in_mb="256",
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:edge",
    aws_request_id="52fdfc07-2182-454f-963f-5f0f9a621d72",
)
SERVED = SimpleNamespace(version=12, snapshot_version="0123456789abcdef")
REQUEST_ID, ADDRESS = "5f0b8a5e-0000-4000-8000-000000000000", "192.0.2.7"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
REASONS = {"enabled": 60, "not_in_rollout": 30, "targeting_rules_not_met": 10}


class Nowhere(Output):
    """Takes lines and writes none."""

    def write(self, line: bytes) -> bool:
        return True


def best_ns(call: Callable[[], object]) -> float:
    """Nanoseconds of one call, in the best pass, without the loop."""
    found = []
    for function in (_nothing, call):
        passes = []
        for _ in range(PASSES):
            begun = perf_counter_ns()
            for _ in range(CALLS):
                function()
            passes.append(perf_counter_ns() - begun)
        found.append(min(passes) / CALLS)
    return found[1] - found[0]


def _nothing() -> None:
    return


def asked(account: Account) -> Request:
    request = Request("POST", "/", request_id=REQUEST_ID, source_ip=ADDRESS)
    request.account = account
    return request


def single(output: Output, rate: float = 1.0) -> Callable[[], None]:
    """One flag's request."""
    telemetry = Telemetry("edge", output=output, rate=rate, cold=False)
    telemetry.watch(SimpleNamespace(checks=0))
    request = asked(("flag", "enabled", "new-checkout", None))

    def call() -> None:
        started = telemetry.begin()
        telemetry.end(started, LAMBDA, request, 200, SERVED, 120)

    return call


def batch(output: Output) -> Callable[[], None]:
    """A hundred flags' request."""
    telemetry = Telemetry("edge", output=output, cold=False)
    request = asked(("batch", REASONS, None, None))

    def call() -> None:
        telemetry.end(telemetry.begin(), LAMBDA, request, 200, SERVED, 120)

    return call


def assignment(output: Output) -> Callable[[], None]:
    """A sticky assignment's request: a counter and five fields."""
    telemetry = Telemetry("edge", output=output, cold=False)
    fields = {"experiment_id": "exp_checkout", "source": "cache", "persisted": True, "variant": "treatment"}
    request = asked(("assign", "enabled", "checkout", fields))

    def call() -> None:
        telemetry.count("StickyCacheHit")
        telemetry.end(telemetry.begin(), LAMBDA, request, 200, SERVED, 120)

    return call


def main() -> int:
    os.environ.pop("_X_AMZN_TRACE_ID", None)
    line = b"x" * 1_000 + b"\n"
    with open(os.devnull, "wb", buffering=0) as null:
        file = null.fileno()
        reader = subprocess.Popen([sys.executable, "-c", "import os\nwhile os.read(0, 1 << 20): pass"], stdin=subprocess.PIPE)
        assert reader.stdin is not None
        pipe = reader.stdin.fileno()
        rows = [
            ("os.write of 1 kB to the null device", best_ns(lambda: os.write(file, line))),
            ("os.write of 1 kB to a pipe that is read", best_ns(lambda: os.write(pipe, line))),
            ("one flag, begin and end, written nowhere", best_ns(single(Nowhere()))),
            ("the same to the null device", best_ns(single(Output(file)))),
            ("the same to a pipe that is read", best_ns(single(Output(pipe)))),
            ("one flag, 1 % of lines (BURGEE_LOG_RATE=0.01)", best_ns(single(Output(file), 0.01))),
            ("a batch with three reasons, written nowhere", best_ns(batch(Nowhere()))),
            ("a sticky assignment, written nowhere", best_ns(assignment(Nowhere()))),
        ]
        os.environ["_X_AMZN_TRACE_ID"] = TRACE
        rows.append(("one flag with a trace id, written nowhere", best_ns(single(Nowhere()))))
        reader.stdin.close()
        reader.wait()
    for what, nanoseconds in rows:
        print(f"{nanoseconds:8.0f} ns  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
