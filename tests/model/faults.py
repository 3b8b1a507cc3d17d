"""Faults between botocore and moto: requests are made and answered for real, unless the plan says otherwise.

Every HTTP request that a client of this process sends is a *step*. What a fault does to one:

- ``killed``: the process is gone before the request leaves;
- ``killed_after``: the request is carried out, and then the process is gone;
- ``lost``: carried out, but the answer doesn't arrive: the client sees a read timeout;
- ``unreachable``: not carried out, the client sees that it can't connect;
- ``refused``: not carried out, the service says that there is too much to do (in its own words, see ``REFUSALS``);
- ``slow``: carried out, and most of the invocation's time is over;
- ``meanwhile``: before it is carried out, another shard's batch is processed elsewhere, as it may be at any time;
- ``overtaken``: Lambda has given the invocation up and starts others; when they are done, this one goes on.

The clients' own retries see them as they would on a network. Sleeping and waiting only move ``Clock``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

KINDS = ("killed", "killed_after", "lost", "unreachable", "refused", "slow", "meanwhile", "overtaken")
KILLED, KILLED_AFTER, LOST, UNREACHABLE, REFUSED, SLOW, MEANWHILE, OVERTAKEN = KINDS

_JSON = '{{"__type":"com.amazonaws#{}","message":"not now"}}'
_SQS = '{"__type":"com.amazonaws.sqs#RequestThrottled","message":"not now"}'
_S3 = "<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>not now</Message></Error>"
_CANCELLED = (
    '{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"not now",'
    '"CancellationReasons":[{"Code":"TransactionConflict","Message":"not now"}]}'
)
_THROUGHPUT = (400, _JSON.format("ProvisionedThroughputExceededException"))
_CONFLICT = (400, _JSON.format("TransactionConflictException"))
_BUSY = (500, _JSON.format("InternalServerError"))
# What a refusal is, by service, or by operation where it has its own
REFUSALS: dict[str, tuple[tuple[int, str], ...]] = {
    "s3": ((503, _S3),),
    "sqs": ((403, _SQS), (500, _SQS)),
    "kinesis": ((400, _JSON.format("LimitExceededException")), _BUSY),
    "dynamodb": (_THROUGHPUT, (400, _JSON.format("ThrottlingException")), _BUSY),
    "UpdateItem": (_THROUGHPUT, _CONFLICT, _BUSY),
    "TransactWriteItems": (_THROUGHPUT, (400, _CANCELLED), (400, _JSON.format("TransactionInProgressException")), _BUSY),
}


_MOTO = BotocoreStubber.__call__


class Killed(BaseException):
    """The process is gone. No ``except Exception`` of the code under test can see it."""


class Clock:
    """Monotonic seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Step:
    """One request. ``name``: service and operation."""

    __slots__ = ("name", "operation", "service")

    def __init__(self, request: AWSPreparedRequest) -> None:
        url = urlsplit(request.url)
        target = request.headers.get("X-Amz-Target", b"")
        self.service = next((part for part in ("dynamodb", "sqs", "kinesis") if part in url.netloc), "s3")
        said = target.decode() if isinstance(target, bytes) else str(target)
        self.operation = said.rpartition(".")[2] or str(request.method)
        self.name = f"{self.service}.{self.operation}"


Decide = Callable[[Step], str]
Interrupt = Callable[[str], None]  # what happens elsewhere at such a fault


class Network:
    """What lies between botocore and moto. ``decide`` says what happens to a step; empty: nothing."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: tuple[list[str], list[str]] = ([], [])  # steps and faults of the invocation that ended last
        self.decide: Decide = lambda step: ""
        self.interrupt: Interrupt = lambda fault: None
        self.refusals = 0
        self.steps: list[str] = []
        self.faults: list[str] = []
        self.is_dead = False
        self.slow_seconds = 0.0
        self.call_seconds = 0.005

    @contextmanager
    def invocation(self, decide: Decide, interrupt: Interrupt) -> Iterator[None]:
        """A process runs meanwhile; one that is under way stands still."""
        before = self.decide, self.interrupt, self.steps, self.faults, self.is_dead
        self.decide, self.interrupt, self.steps, self.faults, self.is_dead = decide, interrupt, [], [], False
        try:
            with self._between():
                yield
        finally:
            self.told = self.steps, self.faults
            self.decide, self.interrupt, self.steps, self.faults, self.is_dead = before

    def send(self, request: AWSPreparedRequest, carry_out: Callable[[], Any]) -> Any:
        """moto's answer to a request, or what a fault makes of it."""
        if self.is_dead:
            raise Killed
        step = Step(request)
        fault = self.decide(step)
        self.steps.append(step.name)
        if fault:
            self.faults.append(f"{fault} {step.name}")
        self.clock.now += self.call_seconds
        if fault in (MEANWHILE, OVERTAKEN):
            self.interrupt(fault)
        if fault == KILLED:
            self.is_dead = True
            raise Killed
        if fault == UNREACHABLE:
            raise ConnectTimeoutError(endpoint_url=request.url)
        if fault == REFUSED:
            choices = REFUSALS.get(step.operation) or REFUSALS[step.service]
            status, body = choices[self.refusals % len(choices)]
            self.refusals += 1
            return AWSResponse(request.url, status, {"x-amzn-RequestId": "1"}, MockRawResponse(body))  # type: ignore[arg-type]
        answer = carry_out()
        if fault == KILLED_AFTER:
            self.is_dead = True
            raise Killed
        if fault == LOST:
            raise ReadTimeoutError(endpoint_url=request.url)
        if fault == SLOW:
            self.clock.now += self.slow_seconds
        return answer

    @contextmanager
    def _between(self) -> Iterator[None]:
        """While this lasts, clients are on this network; what the tests ask themselves isn't."""
        moto = BotocoreStubber.__call__
        if moto is not _MOTO:  # an invocation within another one
            yield
            return

        def stubbed(stubber: Any, event_name: str, request: AWSPreparedRequest, **more: Any) -> Any:
            return self.send(request, lambda: moto(stubber, event_name, request, **more))

        BotocoreStubber.__call__ = stubbed  # type: ignore[assignment, method-assign]
        try:
            yield
        finally:
            BotocoreStubber.__call__ = moto  # type: ignore[method-assign]
