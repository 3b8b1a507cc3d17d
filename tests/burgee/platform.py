"""A running ``burgee up`` in its own process, for tests."""

import os
import pty
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, Self

import boto3
import httpx

from tests.burgee.projects import command
from tests.burgee.server import PATIENCE_SECONDS, until
from tests.conftest import ROOT

# What a change in a table may take to be seen at the edge: ten seconds by the requirement, which has tests with clocks of their
# own, and some more on a busy machine. Without the tables' streams the schedule would bring it within a minute.
VISIBLE_SECONDS = 40.0


class Up:
    """``burgee up`` on free ports. ``temporary``: its directory for temporary files. ``terminal``: on one, with the view."""

    def __init__(self, project: Path, temporary: Path, *options: str, terminal: bool = False) -> None:
        self.temporary = temporary
        self.lines = Path(os.devnull)  # where --lines puts them, if whoever starts it says so
        self.printed = ""
        self._terminal, output = pty.openpty() if terminal else (None, subprocess.PIPE)
        self.process = subprocess.Popen(
            command("up", str(project), "--port", "0", "--aws-port", "0", *options),
            stdin=output if terminal else subprocess.DEVNULL,
            stdout=output,
            stderr=output if terminal else subprocess.STDOUT,
            cwd=ROOT,
            env=environment(temporary),
            start_new_session=not terminal,
            preexec_fn=_take_terminal if terminal else None,  # noqa: PLW1509
        )
        if terminal:
            os.close(output)
        self._reader = Thread(target=self._read)
        self._reader.start()
        try:
            self.wait_for("Ctrl-C")
            self.url = re.findall(r"http://127\.0\.0\.1:\d+", self.printed)[0]
            self.endpoint = re.findall(r"its AWS at (http://127\.0\.0\.1:\d+)", self.printed)[0]
        except BaseException:
            self.end(signal.SIGKILL)
            raise
        self.settings = dict(re.findall(r"(AWS_\w+)=(\S+)", self.printed))
        self.flags = self.client("dynamodb")

    def _read(self) -> None:
        file = self._terminal
        if file is None:
            assert self.process.stdout is not None
            file = self.process.stdout.fileno()
        with suppress(OSError):  # a terminal whose other end is gone
            while data := os.read(file, 65_536):
                self.printed += data.decode("utf-8", "replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end(signal.SIGINT)

    def press(self, keys: bytes) -> None:
        """Types at the terminal."""
        assert self._terminal is not None
        os.write(self._terminal, keys)

    def end(self, number: int | None = None) -> int:
        """Signals it, unless it is ending already, and waits; its exit code."""
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None
        return code

    def wait_for(self, text: str, after: int = 0) -> None:
        """Waits until it has printed the text, looking from a place in ``printed`` on."""
        until(lambda: text in self.printed[after:] or self.process.poll() is not None)
        assert text in self.printed[after:], self.printed

    # --- from outside -------------------------------------------------------------------------------------------------

    def client(self, service: str) -> Any:
        session = boto3.session.Session(
            self.settings["AWS_ACCESS_KEY_ID"], self.settings["AWS_SECRET_ACCESS_KEY"], region_name=self.settings["AWS_REGION"]
        )
        return session.client(service, endpoint_url=self.settings["AWS_ENDPOINT_URL"])

    def post(self, key: str, **context: Any) -> httpx.Response:
        body = {"context": {"targetingKey": "user-1", **context}}
        return httpx.post(f"{self.url}/ofrep/v1/evaluate/flags/{key}", json=body, trust_env=False, timeout=PATIENCE_SECONDS)

    def value(self, key: str) -> Any:
        return self.post(key).json().get("value")

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Any request to the evaluation URL."""
        return httpx.request(method, self.url + path, trust_env=False, timeout=PATIENCE_SECONDS, **more)

    def put(self, item: dict[str, Any]) -> None:
        self.flags.put_item(TableName="feature-flags", Item=item)

    def get(self, key: str) -> dict[str, Any]:
        item: dict[str, Any] = self.flags.get_item(TableName="feature-flags", Key={"key": {"S": key}})["Item"]
        return item

    def set_default(self, key: str, variant: str) -> None:
        self.put({**self.get(key), "default": {"S": variant}})

    def run(self, *arguments: str, seconds: float = PATIENCE_SECONDS) -> subprocess.CompletedProcess[str]:
        """A ``burgee`` command as somebody would give it who has pasted the printed exports."""
        return subprocess.run(
            command(*arguments), cwd=ROOT, env={**os.environ, **self.settings}, capture_output=True, text=True, check=False,
            timeout=seconds,
        )  # fmt: skip

    def soon(self, condition: Any) -> None:
        """Asserts that it becomes true in the time in which a change must be visible."""
        deadline = time.monotonic() + VISIBLE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)


def environment(temporary: Path) -> dict[str, str]:
    """This process's, with the directory for temporary files, by which ``remains`` knows who belongs to it."""
    return {**os.environ, "TMPDIR": str(temporary)}


def _take_terminal() -> None:
    """Makes standard input the controlling terminal, so that Ctrl-C there is a signal to the whole foreground group."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def remains(temporary: Path) -> list[str]:
    """What a platform has left behind: processes that know its directory, and what is in that."""
    found = [str(path) for path in temporary.iterdir()]
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and str(temporary).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
