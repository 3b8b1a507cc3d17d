"""The services in this process: moto behind ``faults.Network``, made empty again for each schedule.

What the tests themselves ask goes the same way, but without a network. Only objects and letters are taken from moto's memory:
they are the same, and asking for them would take most of the time.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.endpoint
from botocore.retries.quota import RetryQuota
from moto import mock_aws
from moto.backends import get_backend

from burgee.up import corrections
from config_sync.compile import compile_project
from handlers import _counters, _dead_letters, _snapshots, _stream
from handlers import events as processor
from handlers.events import archive, commit, dynamodb, lanes, units
from tests.handlers.assigning import experiment
from tests.model import events
from tests.model.faults import Network

REGION, ACCOUNT = "us-east-1", "123456789012"  # moto's own
BUCKET, TABLE, ASSIGNMENTS, QUEUE = "archive", "event-aggregations", "assignments", "dead-letters"
SERVICES = ("dynamodb", "s3", "sqs", "kinesis")
URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{QUEUE}"
_LIMITED: tuple[tuple[Any, str], ...] = (
    (units, "MAX_ITEMS"),
    (archive, "MAX_EVENTS"),
    (lanes, "MAX_IDS"),
    (commit, "MAX_COUNTERS"),
)


class Services:
    """Clients of the four services."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.dynamodb, self.s3, self.sqs, self.kinesis = (client(name) for name in SERVICES)

    def reset(self) -> None:
        """Empty tables, an empty bucket and queue, no stream; the assignments and the experiment's phases are there."""
        for name in SERVICES:
            get_backend(name).reset()  # type: ignore[call-overload]
        self.dynamodb.create_table(TableName=TABLE, **_counters.DEFINITION)
        keys = ("user_id", "experiment_id")
        self.dynamodb.create_table(
            TableName=ASSIGNMENTS,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=True)],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        self.s3.create_bucket(Bucket=BUCKET)
        self.sqs.create_queue(QueueName=QUEUE)
        self._put(TABLE, events.phases())
        self._put(ASSIGNMENTS, events.assignments())

    def limit(self, items: int, events: int, ids: int, counters: int) -> None:
        """The most items of a transaction, events of an object, and ids and counters of a lane that a container remembers."""
        for (module, name), most in zip(_LIMITED, (items, events, ids, counters), strict=True):
            setattr(module, name, most)

    def _put(self, table: str, items: list[dict[str, Any]]) -> None:
        requests = [{"PutRequest": {"Item": item}} for item in items]
        self.dynamodb.batch_write_item(RequestItems={table: requests})

    def items(self) -> list[dict[str, Any]]:
        """All of the table of counters, in DynamoDB's notation."""
        found: list[dict[str, Any]] = self.dynamodb.scan(TableName=TABLE)["Items"]
        return found

    def objects(self) -> dict[str, bytes]:
        """All of the bucket: key -> body."""
        bucket = get_backend("s3")[ACCOUNT]["aws"].buckets[BUCKET]
        return {name: key.value for name, key in bucket.keys.items()}

    def letters(self) -> list[dict[str, Any]]:
        """All of the queue."""
        queue = get_backend("sqs")[ACCOUNT][REGION].queues[QUEUE]
        return [json.loads(message.body) for message in queue._messages]


def _snapshot() -> bytes:
    """Of a project with one experiment, whose id is ``events.EXPERIMENT``."""
    result = compile_project({"experiments": [experiment("checkout")]})
    assert result.snapshot is not None
    return result.snapshot


@cache
def client(service: str, **settings: Any) -> Any:
    """A client, made once: making one takes longer than a schedule."""
    return boto3.client(service, region_name=REGION, **settings)


class _Boto3:
    """What the processor makes its clients with. Between calls they keep nothing but their quota of retries."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}

    def client(self, service: str, config: Any = None) -> Any:
        key = (service, repr(sorted(config._user_provided_options.items(), key=str)))
        if key not in self._made:
            self._made[key] = boto3.client(service, region_name=REGION, config=config)
        return self._made[key]


@contextmanager
def services(place: Path) -> Iterator[Services]:
    """The services of this process, and a processor that has no others; ``place`` is an empty directory."""
    network = Network()
    bundle = place / "flags.burgee"
    bundle.write_bytes(_snapshot())
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "S3_BUCKET": BUCKET,
        "DYNAMODB_TABLE": TABLE,
        "ASSIGNMENTS_TABLE": ASSIGNMENTS,
        "DLQ_URL": URL,
        "BURGEE_BUNDLE": str(bundle),
        "BURGEE_SCRATCH": str(place / "scratch"),
        "POWERTOOLS_TRACE_DISABLED": "1",
    }
    clock, made = network.clock, _Boto3()
    no_time = SimpleNamespace(sleep=clock.sleep, monotonic=clock.monotonic, time=lambda: 0.0)
    with ExitStack() as stack:
        stack.enter_context(_variables(environment))
        stack.enter_context(_patched(processor, "boto3", made))
        stack.enter_context(_patched(_dead_letters, "boto3", made))
        stack.enter_context(_patched(_stream, "time", no_time))
        stack.enter_context(_patched(botocore.endpoint, "time", no_time))
        stack.enter_context(_patched(dynamodb, "BACKOFF_SECONDS", 0))
        stack.enter_context(_patched(archive, "backoff_seconds", lambda attempt: 0.0))
        for module, name in _LIMITED:
            stack.enter_context(_patched(module, name, getattr(module, name)))
        # Thousands of schedules of one process would use up what a client may spend on retries.
        stack.enter_context(_patched(RetryQuota, "acquire", lambda quota, amount: True))
        stack.enter_context(_patched(processor.logger.registered_handler, "stream", stack.enter_context(open(os.devnull, "w"))))
        corrections.apply()
        stack.enter_context(mock_aws())
        _snapshots.reset_reader()
        processor.reset()
        client.cache_clear()
        try:
            yield Services(network)
        finally:
            _snapshots.reset_reader()
            processor.reset()
            client.cache_clear()


@contextmanager
def _variables(environment: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
