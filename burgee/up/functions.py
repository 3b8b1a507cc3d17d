"""Functions as Lambda runs them: sandboxes that come when they are needed, one invocation at a time in each. For ``burgee.up``.

A call goes to an idle sandbox, else to a new one, else (at the function's concurrency) it is throttled. Errors have Lambda's
names: ``Sandbox.Timedout``, ``Runtime.ExitError``, ``TooManyRequestsException``, what the handler raised, or what kept its
module from being imported.
"""

import asyncio
import collections
import importlib.util
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from burgee.trouble import Trouble
from burgee.up.runtime import Document
from burgee.up.sandbox import Call, Hooks, Plan, Sandbox

MAX_REQUEST_BYTES = 6 * 1024 * 1024
KEPT_LINES = 200
ROOT = Path(__file__).resolve().parent.parent.parent  # where the packages are: a function's task root

OnLine = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Invocation:
    """What became of one. Either ``payload`` (JSON) or ``error`` is there.

    ``duration_ms`` is from the event's delivery to the result; ``init_ms``, of a cold one, from the process's start to its
    being ready.
    """

    request_id: str
    payload: bytes | None
    error: Document | None
    duration_ms: float
    cold: bool
    init_ms: float | None = None

    @property
    def throttled(self) -> bool:
        return self.error is not None and self.error.get("errorType") == "TooManyRequestsException"

    def result(self) -> Any:
        """The payload, parsed; None if there is none."""
        return None if self.payload is None else json.loads(self.payload)


@dataclass(frozen=True, slots=True)
class State:
    """A function at one moment, for people to look at. ``sandboxes`` are (process id, what it is doing, invocations)."""

    name: str
    handler: str
    sandboxes: tuple[tuple[int | None, str, int], ...]
    invocations: int
    errors: int
    throttles: int
    cold_starts: int
    last_duration_ms: float | None
    lines: tuple[str, ...]


class Function:
    """One Lambda function. Not thread-safe: all calls on one event loop.

    ``handler`` is ``module.function``; ``environment`` its variables (region and credentials included; nothing else of this
    process's environment is passed on); ``concurrency`` the most sandboxes; ``on_line`` is called with (name, line) for each
    line that a sandbox prints. ``root`` is the directory with the code.
    """

    def __init__(
        self,
        name: str,
        handler: str,
        environment: dict[str, str],
        timeout_seconds: float,
        memory_mb: int = 512,
        concurrency: int = 10,
        *,
        root: Path = ROOT,
        on_line: OnLine | None = None,
    ) -> None:
        region = environment.get("AWS_REGION", "us-east-1")
        self.plan = Plan(name, handler, dict(environment), timeout_seconds, memory_mb, root, region)
        self.concurrency = concurrency
        self._on_line = on_line
        self._hooks = Hooks(self._idled, self._ended, self._again, self._line)
        self._sandboxes: set[Sandbox] = set()
        self._idle: list[Sandbox] = []  # the one used last is used first, as in Lambda
        self._starting: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._made = self._count = self._errors = self._throttles = self._cold = 0
        self._last_ms: float | None = None
        self._lines: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)

    @property
    def name(self) -> str:
        return self.plan.name

    async def start(self, warm: int = 0) -> None:
        """Makes it callable; ``warm`` sandboxes start at once. Raises Trouble when nothing could run here."""
        if importlib.util.find_spec("awslambdaric") is None:
            raise Trouble("running functions needs the package awslambdaric: pip install 'burgee[up]'")
        self._stopping = False
        for _ in range(min(warm, self.concurrency)):
            self._idle.append(self._new())

    async def stop(self) -> None:
        """Ends every sandbox, whatever it is doing, and waits until processes and scratch directories are gone."""
        self._stopping = True
        gone = {"errorType": "ServiceException", "errorMessage": f"the function {self.name} was stopped"}
        sandboxes = tuple(self._sandboxes)
        for sandbox in sandboxes:
            sandbox.kill(gone)
        for task in tuple(self._starting):
            await task
        for sandbox in sandboxes:
            await sandbox.over.wait()

    async def invoke(self, event: Document | bytes, deadline: float | None = None) -> Invocation:
        """Runs the handler with the event (JSON when bytes). Nothing that may go wrong in a function is raised.

        Raises TypeError or ValueError for an event that JSON can't express.
        ``deadline`` is loop time: the call ends there as if the function's own timeout had passed.
        """
        loop = asyncio.get_running_loop()
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        call = Call(str(uuid.uuid4()), data, loop.create_future(), deadline)
        self._route(call)
        payload, error = await call.outcome
        return self._done(call, payload, error)

    @property
    def state(self) -> State:
        """What to show of it now."""
        sandboxes = sorted(self._sandboxes, key=lambda sandbox: sandbox.pid or 0)
        return State(
            self.name,
            self.plan.handler,
            tuple((one.pid, _doing(one), one.invocations) for one in sandboxes),
            self._count,
            self._errors,
            self._throttles,
            self._cold,
            self._last_ms,
            tuple(self._lines),
        )

    # --- which sandbox ------------------------------------------------------------------------------------------------

    def _route(self, call: Call) -> None:
        """Assigns the call, or settles it with the reason why it can't be."""
        if self._stopping:
            self._refuse(call, "ServiceException", f"the function {self.name} was stopped")
        elif len(call.event) > MAX_REQUEST_BYTES:
            self._refuse(call, "RequestTooLargeException", f"Request must be smaller than {MAX_REQUEST_BYTES} bytes")
        elif self._idle:
            self._idle.pop().assign(call)
        elif len(self._sandboxes) < self.concurrency:
            self._new().assign(call)
        else:
            self._throttles += 1
            self._refuse(call, "TooManyRequestsException", "Rate Exceeded.")

    def _refuse(self, call: Call, kind: str, text: str) -> None:
        call.settle(None, {"errorType": kind, "errorMessage": text})

    def _new(self) -> Sandbox:
        self._made += 1
        sandbox = Sandbox(self.plan, self._made, self._hooks)
        self._sandboxes.add(sandbox)
        task = asyncio.create_task(sandbox.start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return sandbox

    def _done(self, call: Call, payload: bytes | None, error: Document | None) -> Invocation:
        duration = 0.0
        if call.delivered is not None and call.ended is not None:
            duration = (call.ended - call.delivered) * 1000
            self._last_ms = duration
        invocation = Invocation(call.request_id, payload, error, duration, call.cold, call.init_ms)
        if not invocation.throttled:
            self._count += 1
            self._errors += error is not None
            self._cold += call.cold
        return invocation

    # --- what sandboxes tell (sandbox.Hooks) --------------------------------------------------------------------------

    def _idled(self, sandbox: Sandbox) -> None:
        if not self._stopping:
            self._idle.append(sandbox)

    def _ended(self, sandbox: Sandbox) -> None:
        self._sandboxes.discard(sandbox)
        if sandbox in self._idle:
            self._idle.remove(sandbox)

    def _again(self, call: Call) -> None:
        """A call whose sandbox died before the call reached it."""
        self._route(call)

    def _line(self, sandbox: Sandbox, text: str) -> None:
        self._lines.append(text)
        if self._on_line is not None:
            self._on_line(self.name, text)


def _doing(sandbox: Sandbox) -> str:
    if sandbox.is_busy:
        return "busy" if sandbox.is_ready else "starting"
    return "idle" if sandbox.is_ready else "starting"
