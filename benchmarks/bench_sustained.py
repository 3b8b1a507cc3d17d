"""A steady stream of events through a running ``burgee up``: 1,000,000 an hour, and how far the processor is behind meanwhile.

Users of an experiment are assigned; then their purchases come at a fixed rate, whatever the platform does (an open load),
through ``/events/batch``. Every batch that the processor has finished says how long its oldest record had been in the stream
by then (``EventLagMs``): iterator age and processing together. In the end every event must be in the results, none twice, none
in a queue.
``python -m benchmarks.bench_sustained [--minutes 10] [--per-hour 1000000]`` prints it; with ``--keep`` it also writes
benchmarks/results/sustained-<machine>.json.
"""

import argparse
import json
import random
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import boto3

from benchmarks.report import RESULTS, label, machine
from burgee import simulate
from burgee.traffic import PURCHASE, Client, Habits, Traffic

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENT = "checkout-button"
USERS = 2_000
SENDERS = 4
PACE = 1.02  # of what is asked for: the end, when nothing more is sent, is measured too
MAX_LAG_SECONDS = 10.0
QUEUES = ("events-poison", "events-failures")
PATIENCE_SECONDS = 120.0


class Platform:
    """A ``burgee up`` in a child process. ``batches``: (when it was printed, records, lag in ms) of each invocation."""

    def __init__(self) -> None:
        self.batches: list[tuple[float, int, float]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "burgee", "up", "examples", "--no-view", "--port", "0", "--aws-port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        greeting = ""
        for line in self._lines():
            greeting += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"at (http://[\d.]+:\d+), its AWS at (\S+)", greeting)
        if found is None:
            raise RuntimeError(f"burgee up didn't start:\n{greeting}")
        self.url, self.endpoint = found[1], found[2]
        Thread(target=self._watch, daemon=True).start()

    def _lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        yield from iter(self._process.stdout.readline, "")

    def _watch(self) -> None:
        for line in self._lines():
            if " EventLagMs=" in line:
                lag, records = (re.search(rf"{name}=([\d.]+)", line) for name in ("EventLagMs", "RecordsPerBatch"))
                if lag and records:
                    self.batches.append((time.monotonic(), round(float(records[1])), float(lag[1])))

    def depths(self) -> dict[str, int]:
        session = boto3.session.Session("local", "local", region_name="us-east-1")
        client = session.client("sqs", endpoint_url=self.endpoint)
        name: Any = "ApproximateNumberOfMessages"
        urls = {queue: client.get_queue_url(QueueName=queue)["QueueUrl"] for queue in QUEUES}
        return {
            queue: int(client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
            for queue, url in urls.items()
        }

    def megabytes(self) -> float:
        """Resident memory of the embedded AWS."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            words = path.read_bytes().split(b"\0")
            if b"burgee.up.aws" in words and _parent(path.parent) == self._process.pid:
                pages = int((path.parent / "statm").read_text().split()[1])
                return pages * 4096 / 1e6
        return 0.0

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE_SECONDS)


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])


def measure(minutes: float, per_hour: int) -> dict[str, Any]:
    """One run."""
    platform = Platform()
    try:
        client = Client(platform.url)
        traffic = Traffic(client, EXPERIMENT, json.loads(simulate.CONTEXT), Habits(1.0, 0.0), 1, secrets.token_hex(4), SENDERS)
        before = simulate.results(client, EXPERIMENT)
        users = traffic.assign(USERS)
        traffic.exposed(users)
        settle(client, before, traffic, 0.0)
        platform.batches.clear()
        seconds, late = send(traffic, users, minutes, per_hour, lambda told: print(f"  {told}{_lag(platform)}", flush=True))
        behind = settle(client, before, traffic, PATIENCE_SECONDS)
        sent = sum(one[PURCHASE].events for one in traffic.ledger.variants.values())
        return figures(platform, sent, seconds, late, behind)
    finally:
        platform.stop()


def send(
    traffic: Traffic, users: dict[str, str], minutes: float, per_hour: int, tell: Callable[[str], None]
) -> tuple[float, float]:
    """Sends for so long, every quarter of a second what is due; how long that took, and the slowest request (seconds)."""
    chance = random.Random(1)
    names = sorted(users)
    started = time.monotonic()
    pace = PACE * per_hour / 3600
    total, done, late, told = round(60 * minutes * pace), 0, 0.0, 0
    with ThreadPoolExecutor(SENDERS) as pool:
        work = []
        while done < total:
            due = min(total, int((time.monotonic() - started) * pace))
            chosen = [chance.choice(names) for _ in range(due - done)]
            events = [event for user in chosen for event in traffic.purchases({user: users[user]}, users[user])]
            for start in range(0, len(events), 250):
                work.append(pool.submit(_send, traffic, events[start : start + 250], time.monotonic()))
            done = due
            time.sleep(0.25)
            late = max([late, *(one.result() for one in work if one.done())])
            work = [one for one in work if not one.done()]
            if (minute := int((time.monotonic() - started) // 60)) > told:
                told = minute
                tell(f"minute {minute}: {done} events")
        late = max([late, *(one.result() for one in work)])
    return time.monotonic() - started, late


def _send(traffic: Traffic, events: list[dict[str, Any]], due: float) -> float:
    traffic.deliver(events)
    return time.monotonic() - due


def settle(client: Client, before: dict[str, Any], traffic: Traffic, patience: float) -> float:
    """Waits until all that was sent is in the results; how long that took. Raises RuntimeError when it never is."""
    started = time.monotonic()
    sent = simulate.Sent(traffic.ledger, Habits(), "", 0.0)
    found = simulate.wait_for(client, EXPERIMENT, before, sent, patience or PATIENCE_SECONDS)
    if not simulate.is_counted(before, found, sent):
        raise RuntimeError(f"sent {traffic.ledger.document()['variants']}, counted {simulate.counts(found)}")
    return time.monotonic() - started


def figures(platform: Platform, sent: int, seconds: float, late: float, behind: float) -> dict[str, Any]:
    """What is kept of a run."""
    lags = sorted(lag / 1000 for _, _, lag in platform.batches)
    per_hour = sent / seconds * 3600
    depths = platform.depths()
    return {
        "events": sent,
        "seconds": round(seconds, 1),
        "events_per_hour": round(per_hour),
        "latest_request_s": round(late, 2),
        "invocations": len(lags),
        "records_per_invocation": round(sum(records for _, records, _ in platform.batches) / max(1, len(lags)), 1),
        "lag_s": {name: round(_quantile(lags, share), 2) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
        "counted_after_s": round(behind, 1),
        "counted_exactly": True,  # else settle has raised
        "queues": depths,
        "aws_memory_mb": round(platform.megabytes()),
        "lag_limit_s": MAX_LAG_SECONDS,
        "within_limit": bool(lags) and lags[-1] <= MAX_LAG_SECONDS and not any(depths.values()),
    }


def _lag(platform: Platform) -> str:
    recent = [lag / 1000 for at, _, lag in list(platform.batches) if at > time.monotonic() - 60]
    return f", {max(recent, default=0.0):.1f} s behind at most, {platform.megabytes():.0f} MB in the embedded AWS"


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def main() -> int:
    """Exit code 1 when the rate wasn't reached or the processor was too far behind."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_sustained")
    parser.add_argument("--minutes", type=float, default=10.0, help="default: %(default)s")
    parser.add_argument("--per-hour", type=int, default=1_000_000, help="events (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="write the results")
    options = parser.parse_args()
    run = measure(options.minutes, options.per_hour)
    print(json.dumps(run, indent=1))
    if options.keep:
        of = machine()
        target = RESULTS / f"sustained-{label(of)}.json"
        target.write_text(json.dumps({"machine": of, "run": run}, indent=1) + "\n", encoding="utf-8")
        print(f"{target.relative_to(ROOT)} is written")
    return 0 if run["within_limit"] and run["events_per_hour"] >= options.per_hour else 1


if __name__ == "__main__":
    sys.exit(main())
