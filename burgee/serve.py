"""``burgee serve``: the edge endpoint on this machine, which follows its source.

A uvicorn server inside our own event loop and, beside it, a task that looks at the source four times a second. What doesn't
compile is reported and the last good snapshot keeps answering. For ``burgee.cli``.
"""

import asyncio
import contextlib
import json
import shlex
import socket
import sys
from urllib.parse import quote

from burgee.asgi import App
from burgee.listening import Server, address_of, listen
from burgee.project import Fingerprint, Loaded, fingerprint, load
from burgee.trouble import Trouble
from evaluator import Evaluator, SnapshotError
from handlers._http import Cors
from handlers.ofrep import FLAGS_PATH

POLL_SECONDS = 0.25
SHUTDOWN_SECONDS = 3


def serve(path: str, dialect: str, host: str, port: int, origins: tuple[str, ...]) -> int:
    """Serves until SIGINT or SIGTERM; returns the exit code. Raises Trouble when it can't begin."""
    seen = fingerprint(path)
    evaluator = _first(load(path, dialect), path)
    listener = listen(host, port)
    address = address_of(host, listener)
    _say(f"Burgee serves {path} ({_summary(evaluator)}) at {address}")
    _say(f"Try:\n  {_curl(address, evaluator)}\nIt follows changes of {path}. Ctrl-C stops it.")
    asyncio.run(_run(App(evaluator, Cors(origins)), listener, _Watch(path, dialect, evaluator, seen)))
    _say("Stopped.")
    return 0


async def _run(app: App, listener: socket.socket, watch: "_Watch") -> None:
    watcher = asyncio.create_task(watch.run())
    try:
        await Server(app, SHUTDOWN_SECONDS).serve(sockets=[listener])
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher


class _Watch:
    """Swaps the evaluator's snapshot when the source has changed and gives a new one."""

    def __init__(self, path: str, dialect: str, evaluator: Evaluator, seen: Fingerprint) -> None:
        self._path = path
        self._dialect = dialect
        self._evaluator = evaluator
        self._seen = seen  # what is served
        self._last = seen  # what the last look saw

    async def run(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._look()
            except Exception as error:  # whatever is wrong with the source, the endpoint goes on
                _say(f"Could not take the change: {error}. Still serving {self._evaluator.snapshot_version}.")

    async def _look(self) -> None:
        """Takes a change once two looks have seen the same: before that, somebody may still be writing."""
        now, last = fingerprint(self._path), self._last
        self._last = now
        if now == self._seen or now != last:
            return
        self._seen = now
        # Compiling takes its time, so it happens beside the loop; only the swap, which is quick, interrupts it.
        loaded = await asyncio.to_thread(load, self._path, self._dialect)
        self._take(loaded)

    def _take(self, loaded: Loaded) -> None:
        before = self._evaluator.snapshot_version
        problem = _swap(self._evaluator, loaded)
        _report(loaded)
        if problem is not None:
            _say(f"{self._path} changed, but {problem}. Still serving {before}.")
        elif self._evaluator.snapshot_version == before:
            _say(f"{self._path} changed, but not in meaning. Still serving {before}.")
        else:
            _say(f"{self._path} changed: now serving {_summary(self._evaluator)}.")


def _swap(evaluator: Evaluator, loaded: Loaded) -> str | None:
    """Puts the new snapshot in place; says why when it can't be."""
    if loaded.snapshot is None:
        return "it doesn't compile"
    try:
        evaluator.swap(loaded.snapshot)
    except SnapshotError as error:
        return f"its snapshot is not usable ({error})"
    return None


def _first(loaded: Loaded, path: str) -> Evaluator:
    _report(loaded)
    if loaded.snapshot is None:
        raise Trouble(f"{path} doesn't compile, so there is nothing to serve")
    try:
        return Evaluator(loaded.snapshot)
    except SnapshotError as error:
        raise Trouble(f"{path}: {error}") from error


def _report(loaded: Loaded) -> None:
    if loaded.diagnostics:
        print(loaded.rendered(), end="", file=sys.stderr, flush=True)


def _summary(evaluator: Evaluator) -> str:
    count = len(evaluator.flag_keys())
    return f"{count} flag{'' if count == 1 else 's'}, snapshot {evaluator.snapshot_version}"


def _curl(address: str, evaluator: Evaluator) -> str:
    """A command to try: one flag if there is one, else all."""
    keys = evaluator.flag_keys()
    path = f"{FLAGS_PATH}/{quote(keys[0], safe='')}" if keys else FLAGS_PATH
    body = json.dumps({"context": {"targetingKey": "user-1"}})
    return f"curl -s {shlex.quote(address + path)} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _say(text: str) -> None:
    print(text, flush=True)
