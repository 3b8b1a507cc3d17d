"""The reader with its real origins: what publishers write is followed, and the budget holds against real sockets."""

import time
from hashlib import sha256
from pathlib import Path

import pytest

from config_sync import compile_project
from config_sync.release import publish, rollback
from config_sync.store import open_store
from evaluator.snapshot.manifest import POINTER, seal
from handlers._settings import Settings
from handlers._snapshots import Reader, origin_of
from tests.handlers.flags import constant, snapshot_of
from tests.handlers.playing import Peer, Player, silence
from tests.handlers.stores import Reports, lay_out, manifest, snapshot

LATE_SECONDS = 15.0  # no budget is so long; this machine may be busy


def project(percent: int) -> dict[str, object]:
    return {"flags": {"sale": {"type": "boolean", "default": "off" if percent == 0 else "on"}}}


def test_flg_21_what_is_published_and_rolled_back_is_followed(tmp_path: Path) -> None:
    """The publisher's own writing, also when it notes in the pointer that nothing is new."""
    store = open_store(str(tmp_path / "store"))
    reports = Reports()
    settings = Settings(store.url, scratch=str(tmp_path / "scratch"), refresh_ms=1)
    reader = Reader(settings, origin_of(settings), report=reports)
    seen = []
    for step in (100, 100, 0, "back"):
        if step == "back":
            rollback(store)
        else:
            publish(store, lambda share=step: compile_project(project(share)))
        time.sleep(0.005)
        evaluator = reader.current()
        assert evaluator is not None
        seen.append((reader.version, evaluator.boolean("sale", {}, False)))
    assert seen == [(1, True), (1, True), (2, False), (3, True)]
    assert reports.names() == ["SnapshotSwapped"] * 3


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")


@pytest.mark.usefixtures("credentials")
def test_a_server_that_says_nothing_costs_a_request_the_budget(tmp_path: Path) -> None:
    lay_out(tmp_path, seal(manifest(1, snapshot("one"))), snapshot("one"))
    with Player(silence) as player:
        settings = Settings(
            "s3://bucket/p", bundle=str(tmp_path), endpoint=player.endpoint, budget_ms=50, first_budget_ms=60_000
        )
        reports = Reports()
        reader = Reader(settings, origin_of(settings), report=reports)
        begun = time.monotonic()
        evaluator = reader.current()
        assert 0.045 < time.monotonic() - begun < LATE_SECONDS
        assert evaluator is not None
        assert evaluator.string("which", {}, "?") == "one"
        assert reports.last("SnapshotRefreshFailed")["reason"] == "timeout"


class Slowly:
    """S3 with a narrow line: 20 kB every 5 ms."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def __call__(self, peer: Peer) -> None:
        while True:
            head = peer.hear()
            data = self.objects[head.split(" ")[1].removeprefix("/bucket/p/")]
            start = int(head.partition("range: bytes=")[2].partition("-")[0] or 0)
            tag, rest = f'"{sha256(data).hexdigest()}"', data[start:]
            span = f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}\r\n" if start else ""
            status = "206 Partial Content" if start else "200 OK"
            peer.say(f"HTTP/1.1 {status}\r\nETag: {tag}\r\n{span}Content-Length: {len(rest)}\r\n\r\n".encode())
            for place in range(0, len(rest), 20_000):
                peer.say(rest[place : place + 20_000])
                time.sleep(0.005)


@pytest.mark.usefixtures("credentials")
def test_a_large_snapshot_comes_over_several_requests_within_the_budget_of_each(tmp_path: Path) -> None:
    lay_out(tmp_path, seal(manifest(1, snapshot("one"))), snapshot("one"))
    data = snapshot_of(constant("which", "large"), constant("padding", "." * 4_000_000))
    made = manifest(2, data)
    with Player(Slowly({POINTER: seal(made), made.object_name: data})) as player:
        settings = Settings("s3://bucket/p", bundle=str(tmp_path), endpoint=player.endpoint, budget_ms=100, refresh_ms=50)
        reader = Reader(settings, origin_of(settings), report=Reports())
        requests, until = 0, time.monotonic() + 240
        while reader.version == 1:
            begun = time.monotonic()
            assert reader.current() is not None
            assert time.monotonic() - begun < LATE_SECONDS
            requests += 1
            assert begun < until
        assert requests > 3
        assert sum("range: bytes=" in head for head in player.requests) >= 2
        evaluator = reader.current()
        assert evaluator is not None
        assert evaluator.string("which", {}, "?") == "large"
