"""Freezes, forks, event loops, greenlets and restored processes: real hosts in processes of their own, real stores."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from evaluator.snapshot.manifest import POINTER, object_name, seal
from tests.aws import Aws
from tests.handlers.stores import lay_out, manifest, snapshot

ROOT = Path(__file__).resolve().parents[2]
REFRESH_MS = 300
PATIENCE_SECONDS = 20.0


class Store:
    """A store that tests publish to; ``environment`` is what a reader of it needs."""

    def __init__(self, place: Path, aws: Aws | None = None) -> None:
        self._place = place / "store"
        self._aws = aws
        self._bucket = None if aws is None else aws.bucket()
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "BURGEE_STORE": str(self._place) if aws is None else f"s3://{self._bucket}/flags",
            "BURGEE_SCRATCH": str(place / "scratch"),
            "BURGEE_REFRESH_MS": str(REFRESH_MS),
            "BURGEE_BUDGET_MS": "5000",  # this machine may be busy; the budget has tests of its own
            "BURGEE_FIRST_BUDGET_MS": "20000",
            **({} if aws is None else aws.environment),
        }

    def publish(self, version: int, text: str) -> None:
        made, data = manifest(version, snapshot(text)), snapshot(text)
        if self._aws is None:
            fresh = self._place.with_name(f"fresh-{version}")
            lay_out(fresh, seal(made), data)
            (self._place / "objects").mkdir(parents=True, exist_ok=True)
            (fresh / made.object_name).replace(self._place / made.object_name)
            (fresh / POINTER).replace(self._place / POINTER)
            return
        client = self._aws.client("s3")
        client.put_object(Bucket=self._bucket, Key=f"flags/{object_name(made.object)}", Body=data)
        client.put_object(Bucket=self._bucket, Key=f"flags/{POINTER}", Body=seal(made))


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    made = Store(tmp_path, request.getfixturevalue("aws") if request.param == "s3" else None)
    made.publish(1, "one")
    return made


@pytest.fixture
def bucket(aws: Aws, tmp_path: Path) -> Store:
    made = Store(tmp_path, aws)
    made.publish(1, "one")
    return made


class Program:
    """A running part of ``apps``, which answers lines with lines."""

    def __init__(self, part: str, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tests.hosts.apps", part]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1)

    def line(self) -> Any:
        """The next line that isn't a metric."""
        assert self.process.stdout is not None
        while True:
            text = self.process.stdout.readline()
            assert text, "the process ended"
            document = json.loads(text)
            if "_aws" not in document:
                return document

    def ask(self) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        return self.line()


@contextmanager
def program(part: str, environment: dict[str, str]) -> Iterator[Program]:
    running = Program(part, environment)
    try:
        yield running
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert running.process.wait(PATIENCE_SECONDS) == 0
    finally:
        running.process.kill()
        running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()


# --- freeze -----------------------------------------------------------------------------------------------------------


def test_the_first_request_after_a_freeze_looks_at_the_store(store: Store) -> None:
    """As Lambda freezes a sandbox between two requests: SIGSTOP for longer than the refresh interval, then SIGCONT."""
    with program("lines", store.environment) as running:
        assert running.ask()["text"] == "one"
        os.kill(running.process.pid, signal.SIGSTOP)
        store.publish(2, "two")
        time.sleep(2 * REFRESH_MS / 1000)
        os.kill(running.process.pid, signal.SIGCONT)
        assert running.ask()["text"] == "two"


# --- fork -------------------------------------------------------------------------------------------------------------


def test_a_forked_child_shares_no_connection_and_follows_by_itself(bucket: Store) -> None:
    with program("forked", bucket.environment) as running:
        parent = running.line()["pid"]
        child = running.line()
        assert child["kept"] == 0
        for version, text in ((2, "two"), (3, "three"), (4, "four")):
            bucket.publish(version, text)
            time.sleep(1.5 * REFRESH_MS / 1000)
            both = [running.ask(), running.line()]
            assert {found["pid"] for found in both} == {parent, child["pid"]}
            assert [found["text"] for found in both] == [text, text]


@contextmanager
def served(command: list[str], environment: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of a host that listens on a socket of ours, so that no port is taken twice and no start is raced."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        arguments = [part.replace("FD", str(listener.fileno())) for part in command]
        log = subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, pass_fds=[listener.fileno()], stdout=log, stderr=log
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=PATIENCE_SECONDS) as client:
                yield client
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(client: httpx.Client) -> Any:
    response = client.get("/", headers={"Connection": "close"})  # so that every request may meet another worker
    assert response.status_code == 200
    return response.json()


def seen_by_all(client: httpx.Client, text: str, workers: int) -> dict[int, Any]:
    """process -> its last answer, once that many processes give ``text``."""
    last: dict[int, Any] = {}
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        found = ask(client)
        last[found["pid"]] = found
        if sum(answer["text"] == text for answer in last.values()) == workers:
            return last
        time.sleep(0.01)
    raise AssertionError(f"not all of {workers} workers answer {text!r}: {last}")


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_every_worker_that_gunicorn_forked_follows(worker: str, bucket: Store) -> None:
    command = ["gunicorn", "--preload", "--workers=2", f"--worker-class={worker}", "--threads=4", "--bind=fd://FD"]
    command += ["--no-control-socket"] if _has_control_socket() else []
    with served([*command, "tests.hosts.preloaded:wsgi"], bucket.environment) as client:
        first = seen_by_all(client, "one", 2)
        for version, text in ((2, "two"), (3, "three")):
            bucket.publish(version, text)
            assert set(seen_by_all(client, text, 2)) == set(first)  # the same two processes, none of which died


def _has_control_socket() -> bool:
    from gunicorn.config import KNOWN_SETTINGS

    return any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS)


# --- event loops and greenlets ----------------------------------------------------------------------------------------


def test_it_runs_under_uvloop(bucket: Store) -> None:
    command = ["uvicorn", "--loop=uvloop", "--fd=FD", "--log-level=warning", "tests.hosts.apps:asgi"]
    with served(command, bucket.environment) as client:
        assert ask(client)["loop"].startswith("uvloop")
        bucket.publish(2, "two")
        seen_by_all(client, "two", 1)


def test_flg_22_two_hundred_greenlets_are_one_read(bucket: Store) -> None:
    """gevent switches greenlets in the midst of the reader's socket calls: the others answer from the old snapshot."""
    with program("greenlets", bucket.environment) as running:
        assert running.line()["text"] == "one"
        for version, text in ((2, "two"), (3, "three")):
            time.sleep(1.5 * REFRESH_MS / 1000)
            found = running.ask()
            assert found["checks"] == 1
            bucket.publish(version, text)
            time.sleep(1.5 * REFRESH_MS / 1000)
            found = running.ask()
            assert found["checks"] == 1
            assert text in found["texts"]
            assert len(found["texts"]) == 2  # while one revalidates, the others get the version before


# --- SnapStart --------------------------------------------------------------------------------------------------------


def test_a_restored_process_keeps_nothing_of_another_time_and_place(bucket: Store) -> None:
    with program("restored", bucket.environment | {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}) as running:
        state, one, other = (running.line() for _ in range(3))
    assert state == {
        "connections": 0, "confirmed": None, "transfer": None, "due at once": True, "checks": 1, "version": 1,
    }  # fmt: skip
    assert one["pid"] != other["pid"]
    assert one["checks"] == other["checks"] == 2  # the first request after the restore looks
    assert one["interval_ns"] != other["interval_ns"]  # and then each waits its own time
