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
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from evaluator.snapshot.manifest import POINTER, seal
from tests.aws import Aws
from tests.handlers.playing import Peer, Player
from tests.handlers.stores import manifest, snapshot

ROOT = Path(__file__).resolve().parents[2]
REFRESH_MS = 300
PATIENCE_SECONDS = 120.0


class Store:
    """A store that tests publish to; ``environment`` is what a reader of it needs."""

    def __init__(self, url: str, place: Path, environment: dict[str, str]) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "BURGEE_STORE": url,
            "BURGEE_SCRATCH": str(place / "scratch"),
            "BURGEE_REFRESH_MS": str(REFRESH_MS),
            "BURGEE_BUDGET_MS": "60000",  # this machine may be busy; the budget has tests of its own
            "BURGEE_FIRST_BUDGET_MS": "60000",
            **environment,
        }
        self.publish(1, "one")

    def publish(self, version: int, text: str) -> None:
        data = snapshot(text)
        made = manifest(version, data)
        self.put(made.object_name, data)
        self.put(POINTER, seal(made))

    def put(self, name: str, data: bytes) -> None:
        raise AssertionError("a kind of store says how")


class Directory(Store):
    def __init__(self, place: Path) -> None:
        self._place = place / "store"
        (self._place / "objects").mkdir(parents=True)
        super().__init__(str(self._place), place, {})

    def put(self, name: str, data: bytes) -> None:
        fresh = self._place / "fresh"
        fresh.write_bytes(data)
        fresh.replace(self._place / name)


class Bucket(Store):
    """In the embedded AWS, which closes every connection after an answer."""

    def __init__(self, place: Path, aws: Aws) -> None:
        self._client, self._bucket = aws.client("s3"), aws.bucket()
        super().__init__(f"s3://{self._bucket}/flags", place, aws.environment)

    def put(self, name: str, data: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=f"flags/{name}", Body=data)


class Kept(Store):
    """Behind a server that keeps connections open, as S3 does, and remembers who used which."""

    def __init__(self, place: Path) -> None:
        self._objects: dict[str, bytes] = {}
        self.player = Player(self._talk)
        environment = {"AWS_ENDPOINT_URL_S3": self.player.endpoint, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        super().__init__("s3://bucket/flags", place, environment)

    def put(self, name: str, data: bytes) -> None:
        self._objects[f"/bucket/flags/{name}"] = data

    def _talk(self, peer: Peer) -> None:
        while True:
            head = peer.hear()
            data = self._objects[head.split(" ")[1]]
            tag = f'"{sha256(data).hexdigest()}"'
            if f"if-none-match: {tag}" in head:
                peer.say(f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode())
            else:
                peer.say(f"HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Directory(tmp_path) if request.param == "directory" else Bucket(tmp_path, request.getfixturevalue("aws"))


@pytest.fixture
def bucket(aws: Aws, tmp_path: Path) -> Store:
    return Bucket(tmp_path, aws)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    with made.player:
        yield made


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


def test_a_forked_child_shares_no_connection_and_follows_by_itself(kept: Kept) -> None:
    with program("forked", kept.environment) as running:
        parent, child = running.line(), running.line()
        assert (parent["kept"], child["kept"]) == (1, 0)
        for version, text in ((2, "two"), (3, "three"), (4, "four")):
            kept.publish(version, text)
            time.sleep(1.5 * REFRESH_MS / 1000)
            both = [running.ask(), running.line()]
            assert {found["pid"] for found in both} == {parent["pid"], child["pid"]}
            assert [found["text"] for found in both] == [text, text]
    assert kept.player.connections == 2  # one each, kept open


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
def test_every_worker_that_gunicorn_forked_follows(worker: str, kept: Kept) -> None:
    command = ["gunicorn", "--preload", "--workers=2", f"--worker-class={worker}", "--threads=4", "--bind=fd://FD"]
    command += ["--no-control-socket"] if _has_control_socket() else []
    with served([*command, "tests.hosts.preloaded:wsgi"], kept.environment) as client:
        first = seen_by_all(client, "one", 2)
        for version, text in ((2, "two"), (3, "three")):
            kept.publish(version, text)
            assert set(seen_by_all(client, text, 2)) == set(first)  # the same two processes, none of which died
    assert kept.player.connections == 3  # the master's, in which the flags were loaded, and one for each worker


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
    with program("greenlets", bucket.environment | {"BURGEE_REFRESH_MS": "600000"}) as running:
        assert running.line()["text"] == "one"
        for version, text in ((2, "two"), (3, "three")):
            found = running.ask()
            assert found["checks"] == 1
            bucket.publish(version, text)
            found = running.ask()
            assert found["checks"] == 1
            assert text in found["texts"]
            assert len(found["texts"]) == 2  # while one revalidates, the others get the version before


# --- SnapStart --------------------------------------------------------------------------------------------------------


def test_a_restored_process_keeps_nothing_of_another_time_and_place(kept: Kept) -> None:
    with program("restored", kept.environment | {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}) as running:
        before, state, one, other = (running.line() for _ in range(4))
    assert (before["connections"], kept.player.connections) == (1, 3)
    assert state == {
        "connections": 0, "confirmed": None, "transfer": None, "due at once": True, "checks": 1, "version": 1,
    }  # fmt: skip
    assert one["pid"] != other["pid"]
    assert one["checks"] == other["checks"] == 2  # the first request after the restore looks
    assert one["interval_ns"] != other["interval_ns"]  # and then each waits its own time
