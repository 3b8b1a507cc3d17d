"""The stub resolver: which addresses a name has, and what it makes of nameservers that refuse, lie or talk nonsense."""

import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import _connect, _resolve
from handlers._connect import ADDRESSES_SECONDS, Host
from handlers._origin import OriginError
from handlers._resolve import resolve
from tests.handlers.playing import Player, http, nameserver, once
from tests.handlers.test_s3 import until

A, AAAA, CNAME = 1, 28, 5


def _name(packet: bytes) -> str:
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += packet[at] + 1
    return ".".join(labels)


def _kind(packet: bytes) -> int:
    return packet[packet.index(b"\0", 12) + 2]


def _record(kind: int, data: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    return name + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def _answer(packet: bytes, *records: bytes, code: int = 0) -> bytes:
    return (
        packet[:2] + bytes((0x81, 0x80 | code)) + struct.pack(">HHHH", 1, len(records), 0, 0) + packet[12:] + b"".join(records)
    )


def _ask(answer: Callable[[bytes], bytes | None], tmp_path: Path, host: str = "host.example", more: str = "") -> list[str]:
    configuration = tmp_path / "resolv.conf"
    configuration.write_text(f"# comment\nnameserver 127.0.0.1\n{more}")
    with nameserver(answer) as port:
        return resolve(host, until(), time.monotonic, hosts="", configuration=str(configuration), port=port)


def test_addresses_behind_an_alias(tmp_path: Path) -> None:
    def answer(packet: bytes) -> bytes:
        assert _name(packet) == "host.example"
        alias = _record(CNAME, b"\x01s\x07example\0")
        return _answer(packet, alias, _record(A, b"\x0a\0\0\x01", b"\x01s\xc0\x11"), _record(A, b"\x0a\0\0\x02"))

    assert _ask(answer, tmp_path) == ["10.0.0.1", "10.0.0.2"]


def test_a_host_without_ipv4_has_its_ipv6_addresses(tmp_path: Path) -> None:
    def answer(packet: bytes) -> bytes:
        return _answer(packet, *([_record(AAAA, bytes(15) + b"\x01")] if _kind(packet) == AAAA else []))

    assert _ask(answer, tmp_path) == ["::1"]


def test_search_domains_come_after_the_name_itself(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(packet: bytes) -> bytes:
        asked.append(_name(packet))
        known = asked[-1] == "store.svc.two.example"
        return _answer(packet, _record(A, b"\x0a\0\0\x01")) if known else _answer(packet, code=3)

    assert _ask(answer, tmp_path, "store.svc", "search one.example two.example\n") == ["10.0.0.1"]
    assert asked == ["store.svc", "store.svc.one.example", "store.svc.two.example"]


def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OriginError, match=r"host\.example has no address") as caught:
        _ask(lambda packet: _answer(packet, code=3), tmp_path)
    assert caught.value.kind == "dns"


def test_a_lost_packet_is_asked_for_again(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def answer(packet: bytes) -> bytes | None:
        asked.append(packet)
        return _answer(packet, _record(A, b"\x0a\0\0\x01")) if len(asked) == 2 else None

    configuration = tmp_path / "resolv.conf"
    configuration.write_text("nameserver 127.0.0.1")
    with nameserver(answer) as port:
        found = resolve("h.example", until(4), time.monotonic, hosts="", configuration=str(configuration), port=port)
    assert found == ["10.0.0.1"]
    assert len(asked) == 2


def test_a_nameserver_that_fails_is_followed_by_the_next(tmp_path: Path) -> None:
    """127.0.0.2 has nobody listening at this port."""
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("nameserver 127.0.0.2\nnameserver 127.0.0.1\n")
    codes = [2, 0]

    def answer(packet: bytes) -> bytes:
        return _answer(packet, _record(A, b"\x0a\0\0\x01"), code=codes.pop(0))

    with nameserver(answer) as port:
        found = resolve("h.example", until(), time.monotonic, hosts="", configuration=str(configuration), port=port)
    assert found == ["10.0.0.1"]
    assert codes == []


def test_nameservers_that_all_refuse(tmp_path: Path) -> None:
    with pytest.raises(OriginError, match="the code 5") as caught:
        _ask(lambda packet: _answer(packet, code=5), tmp_path)
    assert caught.value.kind == "dns"


def test_a_packet_for_another_question_is_passed_over(tmp_path: Path) -> None:
    forged = _record(A, b"\x06\x06\x06\x06")
    sent: list[bytes] = []

    def answer(packet: bytes) -> bytes:
        sent.append(packet)
        wrong_number = bytes((packet[0] ^ 1,)) + packet[1:]
        wrong_name = packet.replace(b"example", b"exbmple")
        tries = [wrong_number, wrong_name, packet]
        if len(sent) == 1:
            return _answer(tries[0], forged)
        return _answer(tries[1], forged) if len(sent) == 2 else _answer(packet, _record(A, b"\x0a\0\0\x01"))

    configuration = tmp_path / "resolv.conf"
    configuration.write_text("nameserver 127.0.0.1\nnameserver 127.0.0.1\n")
    with nameserver(answer) as port:
        found = resolve("h.example", until(8), time.monotonic, hosts="", configuration=str(configuration), port=port)
    assert found == ["10.0.0.1"]


@given(st.binary(max_size=80), st.integers(0, 60))
def test_an_answer_of_any_bytes_is_read_or_passed_over(noise: bytes, cut: int) -> None:
    question = _resolve._encode_name("h.example") + b"\0\x01\0\x01"
    head = b"ab\x81\x80\0\x01\0\x05\0\0\0\0" + question
    for packet in (noise, head + noise, (head + _record(A, b"\x0a\0\0\x01") + noise)[: len(head) + cut]):
        try:
            _, addresses = _resolve._read(packet, b"ab", question, A)
        except (_resolve._Malformed, IndexError):
            continue
        assert all(address.count(".") == 3 for address in addresses)


def test_the_hosts_file_comes_first(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 store\n10.0.0.7 other Store.example store # store\n#10.0.0.8 gone\n")

    def ask(host: str) -> list[str]:
        return resolve(host, until(), time.monotonic, hosts=str(hosts), configuration="")

    assert ask("store") == ask("STORE") == ask("store.example") == ["10.0.0.7"]
    assert resolve("localhost", until(), time.monotonic, hosts="", configuration="") == ["127.0.0.1"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3"])
def test_an_address_is_its_own(address: str) -> None:
    assert resolve(address, until(), time.monotonic, hosts="", configuration="") == [address]


@pytest.mark.parametrize("host", ["a..b", "x" * 64, ".".join(["abcdefg"] * 40)])
def test_what_can_be_no_name(host: str, tmp_path: Path) -> None:
    with pytest.raises(OriginError) as caught:
        _ask(lambda packet: None, tmp_path, host)
    assert caught.value.kind == "dns"


def test_without_a_configuration_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: bytes, port: None, type: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if host != b"known.example":
            raise socket.gaierror(-2, "Name or service not known")
        return [(2, 1, 6, "", ("10.0.0.1", 0)), (2, 1, 6, "", ("10.0.0.1", 0)), (2, 1, 6, "", ("10.0.0.2", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert resolve("known.example", until(), time.monotonic, hosts="", configuration="") == ["10.0.0.1", "10.0.0.2"]
    with pytest.raises(OriginError, match="not known"):
        resolve("unknown.example", until(), time.monotonic, hosts="", configuration="")


def test_addresses_are_asked_for_again_after_a_while_and_old_ones_outlive_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, asked, fails = 0.0, 0, False

    def look_up(host: str, until: float, clock: Callable[[], float]) -> list[str]:
        nonlocal asked
        asked += 1
        if fails:
            raise OriginError("dns", "no")
        return ["127.0.0.1"]

    monkeypatch.setattr(_connect, "resolve", look_up)
    with Player(once(http("404 Not Found"))) as player:
        host = Host("store.example", player.port, False, lambda: time.monotonic() + ahead)

        def connect() -> int:
            host.connect(until() + ahead).close()
            return asked

        assert [connect(), connect()] == [1, 1]
        ahead = ADDRESSES_SECONDS + 1
        assert [connect(), connect()] == [2, 2]
        ahead, fails = 2 * ahead, True
        assert [connect(), connect()] == [3, 3]
        host.forget()
        with pytest.raises(OriginError):
            connect()
