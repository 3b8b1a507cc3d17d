"""Where faults are injected: functions are invoked, what they print and what AWS would measure of them is collected.

``FAULTS`` has, by alarm, what trips it. Each is told whether it shall be broken, and gives what happens once a period: the same
with the fault and without it.
"""

import importlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from handlers import _edge, _snapshots, assignments, events, ingest, results
from infra.alarms import LAMBDA, MINUTE, SQS, Alarm
from infra.functions import function
from tests.aws import Aws
from tests.handlers.streams import Context
from tests.infra.alarming import Cloud

Happen = Callable[[], object]
Fault = Callable[["Stage", str, bool], Happen]

FAULTS: dict[str, tuple[Fault, str]] = {}


def trips(alarm: str, *of: str) -> Callable[[Fault], Fault]:
    """The function below trips this alarm; where ``of`` names functions or queues, the alarm of each."""

    def register(fault: Fault) -> Fault:
        for one in of or ("",):
            FAULTS[alarm.format(one)] = (fault, one)
        return fault

    return register


class Lambda(Context):
    """What Lambda says of a function besides."""

    memory_limit_in_mb = "512"

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(seconds)
        self.function_name = name
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"


class Stage:
    """One alarm's test. ``clock`` (seconds) measures invocations, as Lambda's ``Duration`` does."""

    def __init__(self, aws: Aws, patch: pytest.MonkeyPatch, place: Path, request: pytest.FixtureRequest) -> None:
        self.aws = aws
        self.patch = patch
        self.place = place
        self.fixture: Callable[[str], Any] = request.getfixturevalue
        self.capture: pytest.CaptureFixture[str] = self.fixture("capfd")
        self.cloud = Cloud(aws)
        self.troubles: list[Any] = []  # answers that nobody would like; None: it raised
        self.clock: Callable[[], float] = time.perf_counter
        self._endings: list[Callable[[], object]] = []

    def ending(self, work: Callable[[], object]) -> None:
        """What is to be done when the test is over."""
        self._endings.append(work)

    def end(self) -> None:
        while self._endings:
            self._endings.pop()()

    def state(self, alarm: Alarm, happen: Happen) -> str:
        """Lets it happen once in each of the alarm's periods, and says what the alarm is in then."""
        minutes = alarm.period_s // MINUTE
        for period in range(alarm.periods):
            self.cloud.minute = period * minutes
            happen()
        return self.cloud.state(alarm)

    def invoke(self, of: str, event: Any, seconds: float = 30.0) -> Any:
        """One invocation in this process; what it returned, None if it failed. The event is JSON, as on Lambda."""
        row = function(of)
        handler = getattr(importlib.import_module(row.module), row.handler.rpartition(".")[2])
        self.capture.readouterr()
        started, failed, answer = self.clock(), 0, None
        try:
            answer = handler(json.loads(json.dumps(event)), Lambda(of, seconds))
        except Exception:
            failed = 1
        if not is_fine(answer):
            self.troubles.append(answer)
        took_ms = (self.clock() - started) * 1_000
        self.cloud.lines(self.capture.readouterr().out)
        for name, value in (("Invocations", 1), ("Errors", failed), ("Duration", took_ms)):
            self.cloud.measured(LAMBDA, name, of, value)
        return answer

    def queue(self, **attributes: str) -> str:
        """A new queue's URL."""
        made = self.aws.client("sqs").create_queue(QueueName=self.aws.name("queue"), Attributes=attributes)
        return str(made["QueueUrl"])

    def depth(self, queue: str, url: str) -> int:
        """Measures how many messages wait there."""
        name = "ApproximateNumberOfMessages"
        found = self.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
        self.cloud.measured(SQS, "ApproximateNumberOfMessagesVisible", queue, int(found[name]))
        return int(found[name])

    def setenv(self, **variables: str) -> None:
        for name, value in (self.aws.environment | variables).items():
            self.patch.setenv(name, value)
        forget()


def is_fine(answer: Any) -> bool:
    """Whether a function did what it was asked for."""
    return answer is not None and answer.get("statusCode", 200) < 400 and not answer.get("batchItemFailures")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the local platform's mappings are told of an invocation."""

    answer: Any = None
    error: str | None = None
    throttled: bool = False

    def result(self) -> Any:
        return self.answer


class InProcess:
    """A function as the local platform's mappings invoke it, but in this process. ``throttled``: it isn't invoked now."""

    def __init__(self, stage: Stage, of: str, throttled: Callable[[], bool] = lambda: False) -> None:
        self.stage = stage
        self.name = of
        self._throttled = throttled

    async def invoke(self, event: Any) -> Outcome:
        if self._throttled():
            return Outcome(error="TooManyRequestsException", throttled=True)
        answer = self.stage.invoke(self.name, event)
        return Outcome(error="Unhandled") if answer is None else Outcome(answer)


def forget() -> None:
    """As in new sandboxes."""
    _edge.reset_edge()
    _snapshots.reset_reader()
    assignments.reset_assigner()
    ingest.reset_ingest()
    results.reset_results()
    events.reset()


class Moment:
    """Stands for the module ``time``: by hand, in seconds."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return 1_000 + self.passed

    def time(self) -> float:
        return 1_800_000_000 + self.passed

    def time_ns(self) -> int:
        return int(self.time() * 1_000_000_000)
