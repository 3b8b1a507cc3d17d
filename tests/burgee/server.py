"""A running ``burgee serve`` in its own process, for tests."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import httpx

from tests.burgee.projects import command
from tests.conftest import ROOT

PATIENCE_SECONDS = 120.0


class Server:
    """``burgee serve PATH --port 0``; ``url`` is the address it printed, ``printed`` everything it has printed."""

    def __init__(self, path: Path, *options: str) -> None:
        self._process = subprocess.Popen(
            command("serve", str(path), "--port", "0", *options),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
        )
        self.printed = ""
        self._reader = Thread(target=self._read)
        self._reader.start()
        try:
            until(lambda: "Ctrl-C" in self.printed or self._process.poll() is not None)
            found = re.search(r"http://\S+?:\d+", self.printed)
            assert found, self.printed
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        self.url = found[0]

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.printed += line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Signals the process and waits; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(PATIENCE_SECONDS)
        self._reader.join()
        return code

    def post(self, path: str, context: Any, **headers: str) -> httpx.Response:
        """POSTs ``{"context": …}`` to a path below ``/ofrep/v1/evaluate/flags``."""
        url = f"{self.url}/ofrep/v1/evaluate/flags{path}"
        return httpx.post(url, json={"context": context}, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS)

    def value(self, key: str, **context: Any) -> Any:
        return self.post(f"/{key}", context).json().get("value")


def until(condition: Callable[[], object]) -> None:
    """Waits for the condition; fails when it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
