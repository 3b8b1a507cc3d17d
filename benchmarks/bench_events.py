"""The event processor: how long a batch takes, what of it is the processor's own, and how many calls of AWS it makes.

A batch is 500 records of 330 bytes from one shard: 100 users, two experiments with two variants, purchases with a revenue. All
figures are of ``handlers.events.handler``, from the event that Lambda hands over to the answer, lines and metrics into
/dev/null. Three kinds: each AWS call costs 5 ms more than botocore's own work on it; AWS calls are free and botocore works;
AWS calls are free and botocore is left out. ``python -m benchmarks.bench_events``
"""

import argparse
import json
import os
import random
import statistics
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import boto3

from benchmarks.events_cloud import READS, Cloud, Direct, wired

RECORDS = 500
CALL_SECONDS = 0.005
BATCHES = 120  # timed, with a pause in each call
FREE_BATCHES = 60
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


def batches(cloud: Cloud, with_botocore: bool, number: int) -> list[tuple[float, float]]:
    """Wall and processor seconds of each of ``number`` batches after the first five, which warm up."""
    found = []
    with processor(cloud, with_botocore) as handle:
        for place in range(number + 5):
            event = batch(place)
            started, used = time.perf_counter(), time.thread_time()
            answer = handle(event)
            used, took = time.thread_time() - used, time.perf_counter() - started
            _checked(answer)
            found.append((took, used))
    return found[5:]


def latency() -> Figures:
    """Milliseconds of a batch while every call costs 5 ms; and of a container's first."""
    cloud = Cloud(assigned, CALL_SECONDS)
    took = sorted(1_000 * wall for wall, _ in batches(cloud, True, BATCHES))
    first = []
    for number in range(5):
        with processor(Cloud(assigned, CALL_SECONDS), True) as handle:
            event = batch(number)
            started = time.perf_counter()
            _checked(handle(event))
            first.append(1_000 * (time.perf_counter() - started))
    return {
        "p50 ms": statistics.median(took),
        "p99 ms": took[min(len(took) - 1, int(len(took) * 0.99))],
        "max ms": took[-1],
        "a container's first ms": statistics.median(first),
    }


def own() -> Figures:
    """Microseconds of processor time an event, the processor's own and with botocore's, and what the stages take of it."""
    bare = [used for _, used in batches(Cloud(assigned), False, FREE_BATCHES)]
    full = [used for _, used in batches(Cloud(assigned), True, FREE_BATCHES)]
    per_event = 1e6 / RECORDS
    return {
        "us": statistics.median(bare) * per_event,
        "events/s": RECORDS / statistics.median(bare),
        "us with botocore": statistics.median(full) * per_event,
        "events/s with botocore": RECORDS / statistics.median(full),
    }


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


def run() -> Figures:
    """Everything."""
    return {
        "records": RECORDS,
        "call ms": CALL_SECONDS * 1_000,
        "calls": calls(),
        "own": own(),
        "latency": latency(),
        "bars": BARS,
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(json.dumps(run(), indent=1))


if __name__ == "__main__":
    main()
