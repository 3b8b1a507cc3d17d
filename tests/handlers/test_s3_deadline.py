"""A read is back when it promised to be, whatever the server does: its peers here go on for ever, or for much longer."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from handlers import _connect
from handlers._origin import OriginError, Reply
from handlers._resolve import resolve
from handlers._s3 import S3
from tests.handlers.playing import Behaviour, Peer, Player, certificate, http, nameserver, once, silence
from tests.handlers.test_s3 import Fixed

GIVEN = 1.0
SLACK = 15.0  # for a busy machine; who drips goes on for longer than that
PLENTY = 60.0


@contextmanager
def _in_time() -> Iterator[float]:
    """The second to be back by; fails when the block takes longer than that and the slack."""
    start = time.monotonic()
    yield start + GIVEN
    assert time.monotonic() - start < GIVEN + SLACK


def _read(behaviour: Behaviour) -> Reply | OriginError:
    with Player(behaviour) as player, _in_time() as until:
        return _ask(player, until, 10_000_000)


def _ask(player: Player, until: float, limit: int) -> Reply | OriginError:
    try:
        return S3("bucket", "", "eu-central-1", player.endpoint, Fixed()).get("name", until=until, limit=limit)
    except OriginError as error:
        return error


def _endless(first: bytes, more: Callable[[int], bytes], pause: float = 0.0) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.hear()
        peer.say(first)
        for number in count():
            peer.say(more(number))
            time.sleep(pause)

    return behave


def _drip_head(peer: Peer) -> None:
    peer.hear()
    peer.drip(http("200 OK", b"x", "X-Long: " + "x" * 10_000))


def _drip_body(peer: Peer) -> None:
    peer.hear()
    peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nETag: t\r\n\r\n")
    peer.drip(b"x" * 5000)


def _drip_chunks(peer: Peer) -> None:
    peer.hear()
    peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        peer.say(b"1\r\nx\r\n")
        time.sleep(0.005)


def _drip_error(peer: Peer) -> None:
    peer.hear()
    peer.say(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 4000\r\n\r\n")
    peer.drip(b"x" * 4000)


@pytest.mark.parametrize(
    "behaviour",
    [
        silence,
        _drip_head,
        _endless(b"HTTP/1.1 200 OK\r\n", lambda number: b"X-%d: y\r\n" % number, 0.005),
        _endless(b"", lambda number: b"HTTP/1.1 100 Continue\r\n\r\n", 0.4),
    ],
    ids=["silence", "a dripping head", "slow headers without end", "slow interim answers"],
)
def test_no_answer_in_time(behaviour: Behaviour) -> None:
    error = _read(behaviour)
    assert isinstance(error, OriginError)
    assert error.kind == "timeout"


@pytest.mark.parametrize("behaviour", [_drip_body, _drip_chunks], ids=["a length", "chunks"])
def test_what_came_in_time_is_kept(behaviour: Behaviour) -> None:
    reply = _read(behaviour)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.complete) == (200, False)
    assert 0 < len(reply.data) < 5_000
    assert reply.data == b"x" * len(reply.data)


def test_a_body_that_never_begins() -> None:
    error = _read(_endless(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", lambda number: b"", 0.05))
    assert isinstance(error, OriginError)
    assert error.kind == "timeout"


def test_a_refusal_counts_although_its_text_drips() -> None:
    error = _read(_drip_error)
    assert isinstance(error, OriginError)
    assert error.kind == "server"
    assert "503" in str(error)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (_endless(b"HTTP/1.1 200 OK\r\n", lambda number: b"X-%d: %s\r\n" % (number, b"y" * 500)), "protocol"),
        (_endless(b"HTTP/1.1 200 OK\r\nX: ", lambda number: b"y" * 5000), "protocol"),
        (_endless(b"", lambda number: b"HTTP/1.1 100 Continue\r\n\r\n"), "protocol"),
        (_endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", lambda number: bytes(100_000)), "limit"),
        (_endless(b"HTTP/1.1 200 OK\r\n\r\n", lambda number: bytes(100_000)), "limit"),
        (
            _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", lambda number: b"8\r\n12345678\r\n" * 500),
            "limit",
        ),
        (_endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", lambda number: b"8" * 1000), "protocol"),
        (_endless(b"HTTP/1.1 403 No\r\n\r\n", lambda number: bytes(100_000)), "denied"),
    ],
    ids=["headers", "one header", "interim answers", "length", "no length", "chunks", "a chunk's line", "a refusal's text"],
)
def test_without_end_and_quick_is_given_up_at_a_limit(behaviour: Behaviour, kind: str) -> None:
    with Player(behaviour) as player:
        error = _ask(player, time.monotonic() + PLENTY, 20_000)
    assert isinstance(error, OriginError)
    assert error.kind == kind


@pytest.mark.parametrize("drip", [False, True])
def test_a_tls_handshake_that_goes_nowhere(drip: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate(tmp_path)[0]))

    def behave(peer: Peer) -> None:
        peer.channel.recv(1)
        peer.drip(b"\x16\x03\x03\x40\x00" + bytes(16_384) if drip else b"")
        peer.hear()

    with Player(behave) as player:
        s3 = S3("bucket", "", "eu-central-1", f"https://127.0.0.1:{player.port}", Fixed())
        s3.prepare()
        with _in_time() as until, pytest.raises(OriginError) as caught:
            s3.get("name", until=until, limit=9)
    assert caught.value.kind == "timeout"


def test_a_host_that_takes_no_connection() -> None:
    """A listener whose queue is full: the system drops what knocks."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        crowd = [socket.socket() for _ in range(8)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        s3 = S3("bucket", "", "eu-central-1", f"http://127.0.0.1:{listener.getsockname()[1]}", Fixed())
        with _in_time() as until, pytest.raises(OriginError) as caught:
            s3.get("name", until=until, limit=9)
        for one in crowd:
            one.close()
    assert caught.value.kind == "timeout"


def test_a_nameserver_that_says_nothing(tmp_path: Path) -> None:
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("nameserver 127.0.0.1\nsearch one.example two.example\n")
    with nameserver(lambda packet: None) as port, _in_time() as until, pytest.raises(OriginError) as caught:
        resolve("host.example", until, time.monotonic, configuration=str(configuration), hosts="", port=port)
    assert caught.value.kind == "timeout"


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[tuple[str, float]] = []

    def dial(address: str, port: int, seconds: float) -> socket.socket:
        dialled.append((address, seconds))
        if address == "127.0.0.9":
            raise TimeoutError
        return socket.create_connection((address, port), seconds)

    monkeypatch.setattr(_connect, "_dial", dial)
    monkeypatch.setattr(_connect, "resolve", lambda *arguments: ["127.0.0.9", "127.0.0.1"])
    with Player(once(http("404 Not Found"))) as player:
        s3 = S3("bucket", "", "eu-central-1", f"http://store.example:{player.port}", Fixed())
        for _ in range(2):
            assert s3.get("name", until=time.monotonic() + PLENTY, limit=9).status == 404
    assert [address for address, _ in dialled] == ["127.0.0.9", "127.0.0.1", "127.0.0.1"], (
        "and the next time the good one first"
    )
    assert 0 < dialled[0][1] <= PLENTY / 2 and dialled[1][1] > dialled[0][1], "half of the time, then the rest"


def test_no_time_at_all_is_a_timeout() -> None:
    with Player(silence) as player, pytest.raises(OriginError) as caught:
        S3("bucket", "", "eu-central-1", player.endpoint, Fixed()).get("name", until=time.monotonic() - 1, limit=9)
    assert caught.value.kind == "timeout"
