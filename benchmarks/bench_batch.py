"""Powertools' batch utility beside the stream kit: what importing it takes, and what each does per record. For decision 13.

``python -m benchmarks.bench_batch``. Processor time; the least of several runs.
"""

import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from handlers import _stream

RECORDS = 500
ROUNDS = 50
STARTS = 7
LOADED = "from aws_lambda_powertools import Logger, Metrics"
BATCH = f"{LOADED}; from aws_lambda_powertools.utilities.batch import BatchProcessor"


def batch() -> dict[str, Any]:
    """A batch as Kinesis has it."""
    data = b64encode(b'{"event_id": "e", "event_type": "purchase", "user_id": "u"}').decode()
    first = 49590338271490256608559692538361571095921575989136588898
    shard, arn = "shardId-000000000000", "arn:aws:kinesis:us-east-1:123456789012:stream/events"
    return {
        "Records": [
            {
                "eventID": f"{shard}:{first + place}",
                "eventSourceARN": arn,
                "kinesis": {
                    "sequenceNumber": str(first + place),
                    "data": data,
                    "partitionKey": "u",
                    "approximateArrivalTimestamp": 1_770_000_000.123,
                },
            }
            for place in range(RECORDS)
        ]
    }


def _start_ms(statement: str) -> float:
    """A fresh interpreter that runs the statement and ends."""
    taken = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        taken.append(time.perf_counter() - began)
    return min(taken) * 1_000


def _each_us(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken) / RECORDS * 1e6


def main() -> None:
    """Prints the figures."""
    event, context = batch(), object()
    processor = BatchProcessor(EventType.KinesisDataStreams)

    def with_powertools() -> None:
        process_partial_response(event, lambda record: None, processor, context)  # type: ignore[arg-type]

    def with_the_kit() -> None:
        records = _stream.records_of(event, _stream.KINESIS)
        _stream.failures(records)

    bare, loaded, more = _start_ms("pass"), _start_ms(LOADED), _start_ms(BATCH)
    print(f"import of Logger and Metrics: {loaded - bare:.0f} ms; of the batch utility besides: {more - loaded:.0f} ms")
    print(f"Powertools, a function that does nothing: {_each_us(with_powertools):.2f} µs a record")
    print(f"the kit, checks and answer: {_each_us(with_the_kit):.2f} µs a record")


if __name__ == "__main__":
    main()
