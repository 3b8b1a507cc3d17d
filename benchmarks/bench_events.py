"""The event processor: how long a batch takes, what of it is the processor's own, and how many calls of AWS it makes.

A batch is 500 records of 330 bytes from one shard: 100 users, two experiments with two variants, purchases with a revenue. All
figures are of ``handlers.events.handler``, from the event that Lambda hands over to the answer, lines and metrics into
/dev/null. Three kinds: each AWS call costs 5 ms more than botocore's own work on it; AWS calls are free and botocore works;
AWS calls are free and botocore is left out. ``python -m benchmarks.bench_events``
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
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from benchmarks import bench_instructions
from benchmarks.events_cloud import READS, Cloud, Direct, wired

ROOT = Path(__file__).resolve().parent.parent
RECORDS = 500
CALL_SECONDS = 0.005
BATCHES = 700  # with a pause in each call
ROUNDS = 7
FREE_BATCHES = 20  # of a round
WARM = 5
ARRIVED = 1_770_000_000  # 2026-02-02T02:40:00Z
GAP = 1.8  # seconds between batches: a million events an hour
BARS = {"p99 ms": 100.0, "events/s": 50_000.0, "writes": 8, "reads": 2, "puts": 1}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "S3_BUCKET": "archive",
    "DYNAMODB_TABLE": "event-aggregations",
    "AWS_LAMBDA_FUNCTION_NAME": "events",
}
SHARD = "shardId-000000000000"

Figures = dict[str, Any]


class Context:
    """What Lambda tells of an invocation."""

    aws_request_id = "8f5f2b1c-0000-4000-8000-000000000001"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:events"
    function_name = "events"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


# --- batches ------------------------------------------------------------------------------------------------------------


def batch(number: int) -> dict[str, Any]:
    """Batch number ``number`` of an endless stream. Events come up to two seconds after they happened."""
    chance = random.Random(number)
    records = []
    for place in range(RECORDS):
        at = ARRIVED + number * GAP + place * GAP / RECORDS
        user = chance.randrange(100)
        event = {
            "event_id": f"{chance.getrandbits(128):032x}",
            "event_type": "purchase",
            "user_id": f"customer-{user:06d}",
            "experiment_id": f"exp_{user % 2}",
            "timestamp": _iso(at - 2 * chance.random()),
            "properties": {
                "revenue": chance.randrange(100, 20_000) / 100,
                "items": chance.randrange(1, 9),
                "page": "/checkout",
            },
            "metadata": {"source": "web", "session": f"{chance.getrandbits(64):016x}"},
        }
        sequence = str(49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898 + number * RECORDS + place)
        records.append(
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": event["user_id"],
                    "sequenceNumber": sequence,
                    "data": b64encode(json.dumps(event).encode()).decode(),
                    "approximateArrivalTimestamp": at,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{SHARD}:{sequence}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/events",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/events",
            }
        )
    return {"Records": records}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def assigned(user: str, experiment: str) -> dict[str, Any]:
    """The assignment of a user: half of them get the treatment."""
    return {
        "user_id": {"S": user},
        "experiment_id": {"S": experiment},
        "assignment_id": {"S": f"assign_{user[-6:]}{experiment}"},
        "variant": {"S": "treatment" if int(user[-2]) % 2 else "control"},
        "timestamp": {"S": "2026-02-01T10:00:00Z"},
    }


# --- the processor ------------------------------------------------------------------------------------------------------


@contextmanager
def processor(cloud: Cloud, with_botocore: bool) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """The handler in a fresh container whose clients end in ``cloud``."""
    real = boto3.client

    def client(service: str, **more: Any) -> Any:
        return wired(real(service, **more), cloud) if with_botocore else Direct(cloud)

    with patch.dict(os.environ, ENVIRONMENT), open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        from handlers import events
        from handlers._experiments import Experiment
        from handlers.events.batch import Snapshot

        experiments = {
            f"exp_{number}": Experiment(
                f"exp_{number}", f"experiment-{number}", f"Experiment {number}", "active", {"control": 0.5, "treatment": 0.5}
            )
            for number in range(2)
        }
        known = Snapshot(experiments, 7, (ARRIVED - 86_400 * 30) * 1_000)
        events.logger.handlers[0].stream = nowhere  # type: ignore[attr-defined]
        with patch.object(boto3, "client", client), patch.object(events, "snapshot", lambda: known):
            events.reset()
            yield lambda event: events.handler(event, Context())
            events.reset()


def _checked(answer: dict[str, Any]) -> None:
    if answer["batchItemFailures"] or answer["success_count"] != RECORDS:
        raise RuntimeError(f"the batch wasn't processed: {answer}")


def batches(handle: Callable[[dict[str, Any]], dict[str, Any]], first: int, number: int) -> list[tuple[float, float]]:
    """Wall and processor seconds of each of ``number`` batches. Each is fresh from the JSON parser, as Lambda's are."""
    texts = [json.dumps(batch(first + place)) for place in range(number)]
    found = []
    for text in texts:
        event = json.loads(text)
        started, used = time.perf_counter(), time.thread_time()
        answer = handle(event)
        used, took = time.thread_time() - used, time.perf_counter() - started
        _checked(answer)
        found.append((took, used))
    return found


def latency() -> Figures:
    """Milliseconds of a batch while every call costs 5 ms, and of a container's first.

    ``p99 of processor time``: the processor's time and the pauses alone, without what other processes did meanwhile.
    """
    cloud = Cloud(assigned, CALL_SECONDS)
    with processor(cloud, True) as handle:
        batches(handle, 0, WARM)
        before = cloud.calls.total()
        found = batches(handle, WARM, BATCHES)
        waited = (cloud.calls.total() - before) * CALL_SECONDS / BATCHES
    took = sorted(1_000 * wall for wall, _ in found)
    alone = sorted(1_000 * (used + waited) for _, used in found)
    first = []
    for number in range(5):
        with processor(Cloud(assigned, CALL_SECONDS), True) as handle:
            first += [1_000 * wall for wall, _ in batches(handle, number, 1)]
    return {
        "p50 ms": statistics.median(took),
        "p99 ms": _percentile(took, 99),
        "p99 ms of processor time": _percentile(alone, 99),
        "first ms": min(first),
    }


def _percentile(ranked: list[float], percent: float) -> float:
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def own() -> Figures:
    """Microseconds of processor time an event: the processor's own, and with botocore's. The quietest round's median."""
    found: Figures = {}
    for name, with_botocore in (("", False), (" with botocore", True)):
        with processor(Cloud(assigned), with_botocore) as handle:
            batches(handle, 0, WARM)
            rounds = [
                statistics.median([used for _, used in batches(handle, WARM + number * FREE_BATCHES, FREE_BATCHES)])
                for number in range(ROUNDS)
            ]
        found |= {f"us{name}": 1e6 * min(rounds) / RECORDS, f"events/s{name}": RECORDS / min(rounds)}
        found[f"us{name}, all rounds"] = [1e6 * one / RECORDS for one in rounds]
    return found


def calls() -> Figures:
    """AWS calls of a batch: a lane's first, one of a warm container, and the first of a new container on a known lane."""
    cloud = Cloud(assigned)
    found = {}
    with processor(cloud, False) as handle:
        for place, name in enumerate(("first batch of a lane", "", "warm")):
            found[name] = _counted(cloud, handle, place)
    with processor(cloud, False) as handle:
        found["first batch of a container"] = _counted(cloud, handle, 3)
    del found[""]
    return found


def _counted(cloud: Cloud, handle: Callable[[dict[str, Any]], dict[str, Any]], number: int) -> Figures:
    cloud.calls.clear()
    cloud.items = 0
    _checked(handle(batch(number)))
    puts = cloud.calls["PutObject"]
    reads = sum(count for operation, count in cloud.calls.items() if operation in READS)
    return {
        "writes": cloud.calls.total() - reads - puts,
        "reads": reads,
        "puts": puts,
        "items": cloud.items,
        "operations": dict(sorted(cloud.calls.items())),
    }


# --- instructions -------------------------------------------------------------------------------------------------------

MARKED = 4  # batches between two marks


def instructions() -> int | None:
    """Instructions an event, as callgrind counts them with PYTHONHASHSEED=0; None where there is no valgrind.

    They repeat, whatever else the machine does. Calls of AWS are free and botocore is left out; half a minute.
    """
    if not bench_instructions.available():
        return None
    with tempfile.TemporaryDirectory() as place:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={place}/cg.out", "--dump-before=getppid", "-q"]
        child = [sys.executable, "-m", "benchmarks.bench_events", "--child"]
        environment = {"PYTHONHASHSEED": "0", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        subprocess.run(command + child, env=environment, cwd=ROOT, check=True, capture_output=True)
        counts = bench_instructions.counts(Path(place))
    return round(counts[-1] / MARKED / RECORDS)


def child() -> None:
    """What ``instructions`` runs: warm batches, and then those that count."""
    gc.disable()  # when a collection falls due is chance
    events = [batch(number) for number in range(WARM + MARKED)]
    with processor(Cloud(assigned), False) as handle:
        for event in events[:WARM]:
            _checked(handle(event))
        os.getppid()
        for event in events[WARM:]:
            _checked(handle(event))
        os.getppid()
        os._exit(0)


def run() -> Figures:
    """Everything."""
    figures = {"calls": calls(), "own": own(), "latency": latency(), "instructions": instructions()}
    return {"records": RECORDS, "call ms": CALL_SECONDS * 1_000, **figures, "bars": BARS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().child:
        return child()
    print(json.dumps(run(), indent=1))


if __name__ == "__main__":
    main()
