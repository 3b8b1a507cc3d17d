"""What the tests of assignments share: a table, experiments, an assigner on the embedded AWS or on a store that is played."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from config_sync import compile_project
from evaluator import Evaluator
from handlers._assigning import Assigner
from handlers._assignment_settings import AssignmentSettings
from handlers._assignment_store import AssignmentStore
from handlers._aws_json import AwsError, JsonClient
from handlers._breaker import Breaker
from handlers._credentials import Credentials
from handlers._outbox import Outbox
from handlers._sticky import Sticky
from tests.aws import CREDENTIALS, REGION, Aws

PATIENT = {"budget_ms": 60_000, "first_budget_ms": 60_000}  # for a server that shares two processors with the tests


class Given:
    """Credentials that a test hands over."""

    def get(self, until: float) -> Credentials:
        return Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])

    def forget(self) -> None:
        """There is nothing to forget."""


def assignments_table(aws: Aws) -> str:
    """A new table with the keys of requirement INF-02."""
    name = aws.name("assignments")
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "user_id", "KeyType": "HASH"},
            {"AttributeName": "experiment_id", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "user_id", "AttributeType": "S"},
            {"AttributeName": "experiment_id", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def client(aws: Aws, service: str = "dynamodb") -> JsonClient:
    return JsonClient(service, REGION, aws.endpoint, Given())


def items(aws: Aws, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("dynamodb").scan(TableName=table)["Items"]
    return found


def experiment(key: str = "checkout", **fields: Any) -> dict[str, Any]:
    halves = [{"key": "control", "allocation": 0.5}, {"key": "treatment", "allocation": 0.5}]
    return {"key": key, "experiment_id": f"exp_{key}", "status": "active", "variants": halves} | fields


def weights(control: float) -> list[dict[str, Any]]:
    return [{"key": "control", "allocation": control}, {"key": "treatment", "allocation": round(1 - control, 6)}]


def evaluator(*experiments: dict[str, Any], **sections: Any) -> Evaluator:
    """Of a project of these experiments; errors in it stay in it."""
    result = compile_project({"experiments": list(experiments), **sections})
    assert result.snapshot is not None
    return Evaluator(result.snapshot)


class Clock:
    """Seconds, by hand."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Counter:
    """Counts in a dict."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def count(self, name: str, number: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + number


class PlayedClient:
    """A ``JsonClient`` that answers as a test says; ``calls`` are the targets that were asked, ``payloads`` with what.

    ``answer``: what every call gives, or an exception to raise, or a function of target and payload.
    """

    def __init__(self, answer: dict[str, Any] | Exception | Callable[[str, Any], dict[str, Any]] | None = None) -> None:
        self.answer = {} if answer is None else answer
        self.calls: list[str] = []
        self.payloads: list[Any] = []
        self.deadlines: list[float] = []

    def call(self, target: str, payload: Mapping[str, object] | bytes, until: float, *, retries: int = 0) -> dict[str, Any]:
        self.calls.append(target.partition(".")[2])
        self.payloads.append(payload)
        self.deadlines.append(until)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(target, payload) if callable(self.answer) else self.answer

    def prepare(self) -> None:
        """There is nothing to import."""


def down(kind: str = "timeout") -> AwsError:
    return AwsError(kind, "", f"{kind}, as a test wants it")


def assigner(
    client: Any,
    table: str = "assignments",
    *,
    queue: Any = None,
    queue_url: str = "http://queue",
    wall: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
    expose: Any = None,
    **settings: Any,
) -> Assigner:
    """On these clients (played or real); ``settings`` are those of ``AssignmentSettings``."""
    chosen = AssignmentSettings(table, **{**PATIENT, **settings})
    breaker = Breaker(chosen.failures, chosen.cool_down_ms, wall)
    store = AssignmentStore(client, chosen.table, breaker, wall)
    outbox = None
    if queue is not None:
        again = Breaker(chosen.failures, chosen.cool_down_ms, wall)
        outbox = Outbox(queue, queue_url, again, Sticky(chosen.sticky_entries, chosen.sticky_ttl_ms, wall))
    return Assigner(chosen, store, outbox, expose, Counter(), clock, wall)


def counted(made: Assigner) -> dict[str, int]:
    assert isinstance(made.counter, Counter)
    return made.counter.counts
