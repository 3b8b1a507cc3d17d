"""The embedded AWS as a child process: started, watched and ended. For ``burgee.up.platform``."""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from burgee.trouble import Trouble

START_SECONDS = 60.0  # importing moto on a busy machine
STOP_SECONDS = 2.0
ROOT = Path(__file__).resolve().parent.parent.parent  # where the package ``burgee`` is


class EmbeddedAws:
    """``burgee.up.aws`` in a process of its own. ``say`` gets what it writes to standard error, by lines."""

    def __init__(self, host: str, port: int, scratch: str, say: Callable[[str], None]) -> None:
        self._place = (host, port)
        self._scratch = scratch
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._errors: deque[str] = deque(maxlen=20)
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Its endpoint. Raises Trouble when it doesn't start."""
        host, port = self._place
        # Its standard input is a pipe that we alone hold: when we are gone, however we went, it ends. A group of its own, so
        # that Ctrl-C in the terminal reaches us and not it.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "burgee.up.aws", "--host", host, "--port", str(port), "--scratch", self._scratch),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            process_group=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
        )
        self._reading = asyncio.create_task(self._read_errors(self._process))
        with suppress(asyncio.TimeoutError):
            line = await asyncio.wait_for(self._first_line(self._process), START_SECONDS)
            word, _, endpoint = line.strip().partition(" ")
            if word == "ready":
                return endpoint
        raise Trouble(await self._why())

    async def ended(self) -> Trouble:
        """Waits until it ends and says so."""
        assert self._process is not None
        code = await self._process.wait()
        return Trouble(f"the embedded AWS has ended (exit code {code}); {self._last_words()}")

    async def stop(self) -> None:
        """Ends it and waits for its end. May be called whatever has happened before."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reading is not None:
            await self._reading

    async def _first_line(self, process: asyncio.subprocess.Process) -> str:
        assert process.stdout is not None
        return (await process.stdout.readline()).decode("utf-8", "replace")

    async def _read_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            text = line.decode("utf-8", "replace").rstrip()
            self._errors.append(text)
            self._say(text)

    async def _why(self) -> str:
        await self.stop()
        host, port = self._place
        if any("in use" in line for line in self._errors):
            return f"cannot listen on {host}:{port}: Address already in use. --aws-port chooses another port"
        return f"the embedded AWS didn't start; {self._last_words()}"

    def _last_words(self) -> str:
        return f"its last words: {self._errors[-1]}" if self._errors else "it said nothing"
