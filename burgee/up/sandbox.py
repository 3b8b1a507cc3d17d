"""One sandbox: a child process that runs a handler through ``awslambdaric``, one invocation at a time.

For ``burgee.up.functions``. The process gets Lambda's environment and nothing of this one's, and a scratch directory of its
own. It ends with its parent: an idle client stops when its Runtime API is gone, and on Linux the kernel kills it whatever it
does.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from burgee.up.runtime import Document, RuntimeApi, Work

# For importing the handler's module. Lambda's limit is 10, but a sandbox has a processor of its own there; here a dozen of them
# may start at once on two.
INIT_SECONDS = 60.0
MAX_LINE_BYTES = 256 * 1024
DRAIN_SECONDS = 1.0
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork


@dataclass(frozen=True)
class Plan:
    """What a function's sandboxes have in common. ``root`` holds the code; ``environment`` is the function's own."""

    name: str
    handler: str
    environment: dict[str, str]
    timeout_seconds: float
    memory_mb: int
    root: Path
    region: str = "us-east-1"

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:123456789012:function:{self.name}"

    def environment_of(self, sandbox: str, api: str, scratch: Path) -> dict[str, str]:
        """What the process sees: what Lambda sets, then the function's own, then what must hold here."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return (
            inherited
            | {
                "LANG": "en_US.UTF-8",
                "PYTHONUTF8": "1",
                "TZ": ":UTC",
                "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
                "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
            }
            | self.environment
            | {
                "AWS_LAMBDA_FUNCTION_NAME": self.name,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
                "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
                "AWS_LAMBDA_LOG_STREAM_NAME": sandbox,
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_RUNTIME_API": api,
                "LAMBDA_TASK_ROOT": str(self.root),
                "_HANDLER": self.handler,
                "TMPDIR": str(scratch),
                "BURGEE_SCRATCH": str(scratch / "burgee"),
            }
        )


@dataclass(slots=True)
class Call:
    """One invocation on its way. ``outcome`` gets (payload, error); ``deadline`` is loop time or None."""

    request_id: str
    event: bytes
    outcome: "asyncio.Future[tuple[bytes | None, Document | None]]"
    deadline: float | None = None
    delivered: float | None = None  # these two by perf_counter: a loop's own clock may be as coarse as milliseconds
    ended: float | None = None
    cold: bool = False
    init_ms: float | None = None  # of a cold one: from the process's start to its being ready

    def settle(self, payload: bytes | None, error: Document | None) -> None:
        """Tells the caller, unless it has gone away."""
        self.ended = time.perf_counter()
        if not self.outcome.done():
            self.outcome.set_result((payload, error))


@dataclass
class Hooks:
    """What a sandbox tells its function: that it can take another call, that it has ended, and each line it logged."""

    idle: Callable[["Sandbox"], None]
    ended: Callable[["Sandbox"], None]
    undelivered: Callable[[Call], None]
    line: Callable[["Sandbox", str], None]


class Sandbox:
    """Starts with ``start``, works with ``assign``, ends by itself or with ``kill``.

    Its transitions happen in callbacks, so a caller that goes away leaves it consistent.
    """

    def __init__(self, plan: Plan, number: int, hooks: Hooks) -> None:
        self.plan = plan
        self.name = f"{plan.name}-{number}"
        self.is_ready = False  # the handler's module is imported
        self.pid: int | None = None
        self.init_ms: float | None = None
        self.invocations = 0
        self._hooks = hooks
        self._loop = asyncio.get_running_loop()
        self._api = RuntimeApi(self)
        self._call: Call | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._scratch: Path | None = None
        self._verdict: Document | None = None  # why it is ending, once that is known
        self.over = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        return self._call is not None

    # --- beginning and end --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the process; ``assign`` may come before or after. What goes wrong is the assigned call's error."""
        try:
            api = await self._api.start()
            self._scratch = Path(tempfile.mkdtemp(prefix=f"burgee-{self.name}-"))
            self._started = time.perf_counter()
            limit = max(INIT_SECONDS, self.plan.timeout_seconds)
            self._timer = self._loop.call_later(limit, self._out_of_time, limit)
            transport, _ = await self._loop.subprocess_exec(
                lambda: _Process(self._line, self._kill_process, self._exited),
                *(sys.executable, "-m", "awslambdaric", self.plan.handler),
                stdin=asyncio.subprocess.DEVNULL,
                env=self.plan.environment_of(self.name, api, self._scratch),
                cwd=self.plan.root,
                start_new_session=True,  # a terminal's Ctrl-C is for the parent alone
                preexec_fn=_die_with(os.getpid()) if _LIBC is not None else None,
            )
            self.pid = transport.get_pid()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._line(f"the sandbox {self.name} could not be started: {error}")
            self._end(_error("Runtime.ExitError", self._call, "the sandbox could not be started"))
            return
        if self._verdict is not None:
            self._kill_process()

    def kill(self, verdict: Document) -> None:
        """Ends the process now; a call in hand gets ``verdict`` as its error."""
        if self._verdict is None:
            self._verdict = verdict
        self._kill_process()

    def _kill_process(self) -> None:
        self._api.close()
        if self.pid is None or self.over.is_set():
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # with whatever the handler has started

    def _exited(self, status: int | None) -> None:
        how = "unknown" if status is None else f"signal: {-status}" if status < 0 else f"exit status {status}"
        self._end(_error("Runtime.ExitError", self._call, f"Runtime exited with error: {how}"))

    def _end(self, why: Document) -> None:
        if self.over.is_set():
            return
        self.over.set()
        self._cancel_timer()
        self._api.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._hooks.ended(self)
        call, self._call = self._call, None
        if call is None:
            return
        if call.delivered is None and self.is_ready and self._verdict is None:
            self._hooks.undelivered(call)  # it died between two calls: none of this one's doing
        else:
            call.settle(None, self._verdict or why)

    # --- work ---------------------------------------------------------------------------------------------------------

    def assign(self, call: Call) -> None:
        """Gives it a call; only when it isn't busy."""
        call.cold = not self.is_ready
        self._call = call
        if self._api.is_asked:
            self._deliver(call)

    def _deliver(self, call: Call) -> None:
        seconds = self.plan.timeout_seconds
        if call.deadline is not None:
            seconds = max(0.0, min(seconds, call.deadline - self._loop.time()))
        call.delivered = time.perf_counter()
        call.init_ms = self.init_ms if call.cold else None
        self._cancel_timer()
        self._timer = self._loop.call_later(seconds, self._out_of_time, seconds)
        self._api.deliver(Work(call.request_id, call.event, int((time.time() + seconds) * 1000), self.plan.arn))

    def _out_of_time(self, seconds: float) -> None:
        text = f"Task timed out after {seconds:.2f} seconds"
        self._line(f"{self._call.request_id} {text}" if self._call else text)
        self.kill(_error("Sandbox.Timedout", self._call, text))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _line(self, text: str) -> None:
        self._hooks.line(self, text)

    # --- what the Runtime API hears (runtime.Listener) ----------------------------------------------------------------

    def asked(self) -> None:
        if not self.is_ready:
            self.is_ready = True
            self.init_ms = (time.perf_counter() - self._started) * 1000
            self._cancel_timer()
        if self._call is not None:
            self._deliver(self._call)  # again, if the client asks again without an answer: it lost its connection

    def answered(self, request_id: str, payload: bytes) -> bool:
        return self._settle(request_id, payload, None)

    def failed(self, request_id: str, error: Document) -> bool:
        return self._settle(request_id, None, error)

    def _settle(self, request_id: str, payload: bytes | None, error: Document | None) -> bool:
        call = self._call
        if call is None or call.request_id != request_id or call.delivered is None or self._verdict is not None:
            return False
        self._cancel_timer()
        self._call = None
        self.invocations += 1
        call.settle(payload, error)
        self._hooks.idle(self)
        return True

    def could_not_start(self, error: Document) -> None:
        self._verdict = self._verdict or error


def _error(kind: str, call: Call | None, text: str) -> Document:
    """An error as Lambda words it."""
    message = f"RequestId: {call.request_id} Error: {text}" if call is not None else text
    return {"errorType": kind, "errorMessage": message}


def _die_with(parent: int) -> Callable[[], None]:
    """What the child does before it becomes the handler's process: asks the kernel to be killed when the parent dies."""

    def ask() -> None:
        assert _LIBC is not None
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


class _Process(asyncio.SubprocessProtocol):
    """Cuts what the process prints into lines. Calls ``died`` when it is dead, ``over`` when all it printed was read, too.

    A process that the handler started in a session of its own may hold the pipes open; ``over`` doesn't wait for it.
    """

    def __init__(self, line: Callable[[str], None], died: Callable[[], None], over: Callable[[int | None], None]) -> None:
        self._line = line
        self._died = died
        self._over = over
        self._rest: dict[int, bytes] = {}
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, rest = (self._rest.get(fd, b"") + data).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            lines.append(rest)
            rest = b""
        self._rest[fd] = rest
        for line in lines:
            self._say(line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if rest := self._rest.pop(fd, b""):
            self._say(rest)

    def _say(self, line: bytes) -> None:
        """One entry of the log. Within one, awslambdaric marks the ends of lines by carriage returns."""
        self._line(line[:MAX_LINE_BYTES].decode("utf-8", "replace").rstrip("\r").replace("\r", "\n"))

    def process_exited(self) -> None:
        self._died()
        assert self._transport is not None
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over(None if self._transport is None else self._transport.get_returncode())
