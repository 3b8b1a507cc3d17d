"""The S3 client's connection: kept, replaced when it went stale, never shared, encrypted, and left alone by forked children."""

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from handlers import _connect
from handlers._origin import OriginError
from handlers._s3 import IDLE_SECONDS, S3
from tests.architecture.imports import ROOT
from tests.handlers.playing import Peer, Player, certificate, forever, http, once
from tests.handlers.test_s3 import Fixed, until

FOUND = http("200 OK", b"found")


def _client(player: Player, clock: Callable[[], float] = time.monotonic) -> S3:
    return S3("bucket", "", "eu-central-1", player.endpoint, Fixed(), clock)


def _get(s3: S3, name: str = "name") -> bytes:
    return s3.get(name, until=until(), limit=1_000_000).data


def test_the_connection_is_kept() -> None:
    with Player(forever(FOUND)) as player:
        s3 = _client(player)
        assert [_get(s3) for _ in range(3)] == [b"found"] * 3
        assert player.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"found", "Connection: close"),
        FOUND + b"more than was announced",
        FOUND.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["close", "left-over bytes", "HTTP/1.0"],
)
def test_a_connection_that_cannot_be_used_again_is_not(answer: bytes) -> None:
    with Player(forever(answer)) as player:
        s3 = _client(player)
        for expected in (1, 2):
            assert _get(s3) == b"found"
            assert player.connections == expected


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_unnoticed() -> None:
    with Player(once(FOUND)) as player:
        s3 = _client(player)
        for expected in (1, 2, 3):
            assert _get(s3) == b"found"
            assert player.connections == expected


def test_a_new_connection_is_tried_only_once() -> None:
    def behave(peer: Peer) -> None:
        peer.hear()
        if peer.number == 0:
            peer.say(FOUND)

    with Player(behave) as player:
        s3 = _client(player)
        assert _get(s3) == b"found"
        with pytest.raises(OriginError) as caught:
            _get(s3)
        assert caught.value.kind == "refused"
        assert len(player.requests) == player.connections == 2


def test_nothing_is_asked_again_once_an_answer_has_begun() -> None:
    def behave(peer: Peer) -> None:
        peer.hear()
        peer.say(FOUND)
        peer.hear()
        peer.say(b"H")

    with Player(behave) as player:
        s3 = _client(player)
        assert _get(s3) == b"found"
        with pytest.raises(OriginError) as caught:
            _get(s3)
        assert caught.value.kind == "protocol"
        assert len(player.requests) == 2


def test_a_connection_that_was_idle_for_long_is_not_trusted() -> None:
    ahead = 0.0
    with Player(forever(FOUND)) as player:
        s3 = _client(player, lambda: time.monotonic() + ahead)
        _get(s3)
        ahead = IDLE_SECONDS + 1
        assert s3.get("name", until=until() + ahead, limit=99).data == b"found"
        assert player.connections == 2


def test_after_an_error_the_next_read_has_a_new_connection() -> None:
    def behave(peer: Peer) -> None:
        peer.hear()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234" if peer.number == 0 else FOUND)
        peer.hear()
        peer.say(b"56789" + FOUND)

    with Player(behave) as player:
        s3 = _client(player)
        first = s3.get("name", until=time.monotonic() + 1.0, limit=99)
        assert (first.data, first.complete) == (b"01234", False)
        assert _get(s3) == b"found", "and not what was left of the answer before"


def test_threads_that_race_never_get_one_another_s_answers() -> None:
    def behave(peer: Peer) -> None:
        while True:
            peer.say(http("200 OK", peer.hear().split()[1].encode() * 200))

    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(40):
            name = f"{number}-{turn}"
            if (data := _get(s3, name)) != f"/bucket/{name}".encode() * 200:
                wrong.append((name, data[:20]))

    with Player(behave) as player:
        s3 = _client(player)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(player.requests) == 240


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_tls_with_a_certificate_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with Player(forever(FOUND), context) as player:
        s3 = _client(player)
        assert [_get(s3), _get(s3)] == [b"found"] * 2
        assert player.connections == 1
        assert player.requests[0].count("host: 127.0.0.1:") == 1


@pytest.mark.parametrize("trusted", ["another", "wrong name"])
def test_tls_with_a_certificate_that_is_not(trusted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = certificate(tmp_path, "127.0.0.1" if trusted == "another" else "elsewhere.example")
    if trusted == "another":
        (tmp_path / "other").mkdir()
        file, _ = certificate(tmp_path / "other")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with Player(forever(FOUND), context) as player:
        with pytest.raises(OriginError, match="certificate") as caught:
            _get(_client(player))
        assert caught.value.kind == "tls"
        assert player.requests == []


def test_tls_by_name_checks_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = certificate(tmp_path, "bucket.s3.eu-central-1.amazonaws.com")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    monkeypatch.setattr(_connect, "resolve", lambda host, until, clock: ["127.0.0.1"])
    dial = _connect._dial
    with Player(forever(FOUND), context) as player:
        monkeypatch.setattr(_connect, "_dial", lambda address, port, seconds: dial(address, player.port, seconds))
        assert _get(S3("bucket", "", "eu-central-1", None, Fixed())) == b"found"
        with pytest.raises(OriginError, match="certificate"):
            _get(S3("other", "", "eu-central-1", None, Fixed()))


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_bundle_that_cannot_be_read_is_an_origin_error(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(OriginError, match="AWS_CA_BUNDLE") as caught:
        _get(S3("bucket", "", "eu-central-1", None, Fixed()))
    assert caught.value.kind == "tls"


def test_a_server_that_speaks_no_tls() -> None:
    def behave(peer: Peer) -> None:
        peer.channel.recv(65536)
        peer.say(http("400 Bad Request"))

    with Player(behave) as player, pytest.raises(OriginError) as caught:
        _get(S3("bucket", "", "eu-central-1", f"https://127.0.0.1:{player.port}", Fixed()))
    assert caught.value.kind == "tls"


# --- processes --------------------------------------------------------------------------------------------------------


def _in_a_child(work: Callable[[], bool]) -> bool:
    """What ``work`` says in a forked child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the server's threads stay with the parent
        child = os.fork()
    if not child:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("tells", [True, False])
def test_a_forked_child_leaves_the_parent_s_connection_alone(
    tells: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By TLS, where a polite farewell from the child would end the parent's session. Not told, it finds out itself."""
    file, context = certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with Player(forever(FOUND), context) as player:
        s3 = _client(player)
        assert _get(s3) == b"found"

        def child() -> bool:
            if tells:
                s3.forget()
            return _get(s3) == b"found"

        assert _in_a_child(child)
        assert player.connections == 2, "the child has its own"
        assert _get(s3) == b"found"
        assert player.connections == 2, "the parent has the one from before"


def test_forgetting_closes_the_connection_and_drops_the_rest() -> None:
    credentials = Fixed()
    with Player(forever(FOUND)) as player:
        s3 = S3("bucket", "", "eu-central-1", player.endpoint, credentials)
        _get(s3)
        s3.forget()
        assert credentials.forgotten == 1
        assert _get(s3) == b"found"
        assert player.connections == 2


def test_importing_and_making_a_client_imports_no_network_code() -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import evaluator  # on either core
before = set(sys.modules)
from handlers._s3 import S3
S3("bucket", "prefix", "eu-central-1")
held = {{name.split(".")[0] for name in set(sys.modules) - before}}
network = {{"socket", "_socket", "ssl", "http", "select", "selectors", "hashlib", "hmac", "json", "email", "urllib"}}
assert not held & network, held
"""
    subprocess.run([sys.executable, "-I", "-c", program], check=True)


def test_preparing_imports_all_that_a_read_does(tmp_path: Path) -> None:
    """So that a read after it, on a function's processor share, finds everything there."""
    file, context = certificate(tmp_path)
    with Player(forever(FOUND), context) as player:
        program = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from handlers._s3 import S3
s3 = S3("bucket", "prefix", "eu-central-1", {player.endpoint!r})
s3.prepare()
before = set(sys.modules)
assert s3.get("name", until=time.monotonic() + 60, limit=99).data == b"found"
assert set(sys.modules) == before, set(sys.modules) - before
"""
        environment = {"AWS_CA_BUNDLE": str(file), "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        subprocess.run([sys.executable, "-I", "-c", program], check=True, env=environment)


def test_under_gevent_others_run_while_a_read_waits(tmp_path: Path) -> None:
    """By TLS, with everything patched: the read waits in the hub, and is back in time as it is elsewhere."""
    file, context = certificate(tmp_path)

    def behave(peer: Peer) -> None:
        peer.hear()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        peer.drip(b"x" * 10_000)  # for 50 seconds

    with Player(behave, context) as player:
        program = f"""
from gevent import monkey, sleep, spawn
monkey.patch_all()
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from handlers._s3 import S3
ticks = 0
def tick():
    global ticks
    while True:
        sleep(0.01)
        ticks += 1
s3 = S3("bucket", "prefix", "eu-central-1", {player.endpoint!r})
s3.prepare()
spawn(tick)
start = time.monotonic()
reply = s3.get("name", until=start + 1.5, limit=99999)
assert not reply.complete and reply.data
assert time.monotonic() - start < 20
assert ticks > 5, ticks
"""
        environment = {"AWS_CA_BUNDLE": str(file), "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        subprocess.run([sys.executable, "-I", "-c", program], check=True, env=environment)


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "prefix", "region", "endpoint", "host", "path"),
    [
        ("b1", "p", "eu-central-1", None, "b1.s3.eu-central-1.amazonaws.com", "/p/n"),
        ("b1", "", "cn-north-1", None, "b1.s3.cn-north-1.amazonaws.com.cn", "/n"),
        ("b.1", "/p/q/", "eu-central-1", None, "s3.eu-central-1.amazonaws.com", "/b.1/p/q/n"),
        ("b1", "p", "eu-central-1", "http://127.0.0.1:9000", "127.0.0.1:9000", "/b1/p/n"),
        ("b1", "p", "eu-central-1", "https://minio.example/", "minio.example", "/b1/p/n"),
        ("b1", "p", "eu-central-1", "http://[::1]:80", "[::1]", "/b1/p/n"),
        ("b1", "p", "eu-central-1", "http://[::1]:8080", "[::1]:8080", "/b1/p/n"),
    ],
)
def test_where_an_object_is_asked_for(
    bucket: str, prefix: str, region: str, endpoint: str | None, host: str, path: str
) -> None:
    s3 = S3(bucket, prefix, region, endpoint, Fixed())
    head = s3._request("n", None, 0, Fixed().credentials).decode()
    assert head.startswith(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n")
    assert "accept-encoding: identity\r\n" in head


@pytest.mark.parametrize(
    ("bucket", "region", "endpoint"),
    [
        ("", "eu-central-1", None),
        ("a/b", "eu-central-1", None),
        ("a\r\nb", "eu-central-1", None),
        ("b", "", None),
        ("b", "eu central", None),
        ("b", "eu-central-1", "127.0.0.1:9000"),
        ("b", "eu-central-1", "ftp://127.0.0.1"),
        ("b", "eu-central-1", "http://127.0.0.1:x"),
        ("b", "eu-central-1", "http://127.0.0.1:0"),
        ("b", "eu-central-1", "http://127.0.0.1:70000"),
        ("b", "eu-central-1", "http://user:pw@host"),
        ("b", "eu-central-1", "http://host/path"),
        ("b", "eu-central-1", "http://"),
        ("b", "eu-central-1", "http://höst"),
        ("b" * 64, "eu-central-1", None),
    ],
)
def test_what_can_be_no_store_is_said_at_once(bucket: str, region: str, endpoint: str | None) -> None:
    with pytest.raises(ValueError, match=r"can't be|isn't"):
        S3(bucket, "", region, endpoint)
