"""A host's addresses, within a deadline. For ``handlers._connect``.

The system's resolver (``getaddrinfo``) can't be given a deadline: without an answer it blocks for 5 seconds and more, and with
it the request that only wanted to look whether there is something new. So the question is put here, as any stub resolver puts
it: what ``/etc/hosts`` says, else UDP to the nameservers of ``/etc/resolv.conf``, the name itself first and then with the
search domains. Where there is no such file the system's resolver is asked, however long it takes. No other source of names is
known here.
"""

from __future__ import annotations

from handlers._origin import OriginError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Clock = Callable[[], float]

HOSTS = "/etc/hosts"
CONFIGURATION = "/etc/resolv.conf"
PORT = 53
MAX_SERVERS = 3
ROUNDS = 2  # UDP loses packets: each nameserver is asked so often
MAX_PACKET = 4096

_A, _AAAA, _IN = 1, 28, 1
_NO_ERROR, _NO_SUCH_NAME = 0, 3


class _Malformed(Exception):
    """Not an answer to this question."""


def resolve(
    host: str, until: float, clock: Clock, *, hosts: str = HOSTS, configuration: str = CONFIGURATION, port: int = PORT
) -> list[str]:
    """The addresses of ``host``, IPv4 if it has any. Raises OriginError: dns, or timeout when ``until`` passes first."""
    if _is_address(host):
        return [host]
    if known := _from_hosts(_text(hosts), host.lower()):
        return known
    servers, domains = _read_configuration(_text(configuration))
    if not servers:
        return _from_system(host)
    for name in (host, *(f"{host}.{domain}" for domain in domains)):
        for kind in (_A, _AAAA):
            found = _ask(servers, port, name, kind, until, clock)
            if found:
                return found
            if found is None:
                break  # the name doesn't exist: it has no address of the other kind either
    raise OriginError("dns", f"{host} has no address, says the nameserver")


def _is_address(host: str) -> bool:
    return ":" in host or (host.count(".") == 3 and host.replace(".", "").isdigit())


def _from_hosts(text: str, host: str) -> list[str]:
    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    found = [words[0] for words in lines if host in (word.lower() for word in words[1:])]
    return [address for address in found if ":" not in address] or found or (["127.0.0.1"] if host == "localhost" else [])


def _read_configuration(text: str) -> tuple[list[str], list[str]]:
    """The nameservers' addresses and the search domains. An address with a scope (``fe80::1%eth0``) is passed over."""
    lines = [line.split() for line in text.splitlines()]
    servers = [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1 and "%" not in words[1]]
    searched = [words[1:] for words in lines if words[:1] in (["search"], ["domain"])]
    return servers[:MAX_SERVERS], [domain.strip(".") for domain in searched[-1] if domain.strip(".")] if searched else []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(256 * 1024)
    except OSError:
        return ""


def _from_system(host: str) -> list[str]:
    from socket import SOCK_STREAM, getaddrinfo

    try:
        found = getaddrinfo(host.encode(), None, type=SOCK_STREAM)  # bytes: text would import the idna codec
    except OSError as error:
        raise OriginError("dns", f"{host} has no address: {error.strerror}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


# --- the question over UDP --------------------------------------------------------------------------------------------


def _ask(servers: list[str], port: int, name: str, kind: int, until: float, clock: Clock) -> list[str] | None:
    """The name's addresses of a kind, none if it has none of that kind; None if the name doesn't exist.

    Each question but the last may wait for its share of the time that is left.
    """
    questions = [server for _ in range(ROUNDS) for server in servers]
    refused = None
    for number, server in enumerate(questions):
        wait = (until - clock()) / (len(questions) - number)
        if wait <= 0:
            break
        try:
            code, addresses = _query(server, port, name, kind, clock() + wait, clock)
        except OSError as error:
            refused = error if not isinstance(error, TimeoutError) else refused
            continue
        if code == _NO_ERROR:
            return addresses
        if code == _NO_SUCH_NAME:
            return None
        refused = OSError(code, f"it answers with the code {code}")
    if refused is None or clock() >= until:
        raise OriginError("timeout", f"no nameserver said in time what the address of {name} is")
    raise OriginError("dns", f"no nameserver says what the address of {name} is: {refused.strerror}")


def _query(server: str, port: int, name: str, kind: int, until: float, clock: Clock) -> tuple[int, list[str]]:
    """One question to one server. Raises OSError, of which TimeoutError. Packets that aren't its answer are passed over."""
    from os import urandom
    from socket import AF_INET, AF_INET6, SOCK_DGRAM, socket

    question = _encode_name(name) + bytes((0, kind, 0, _IN))
    number = urandom(2)
    with socket(AF_INET6 if ":" in server else AF_INET, SOCK_DGRAM) as channel:
        channel.connect((server, port))  # so that only this server's packets are heard
        channel.send(number + b"\x01\x00\0\x01\0\0\0\0\0\0" + question)
        while (seconds := until - clock()) > 0:
            channel.settimeout(seconds)
            packet = channel.recv(MAX_PACKET)
            try:
                return _read(packet, number, question, kind)
            except (_Malformed, IndexError):
                continue
    raise TimeoutError


def _encode_name(name: str) -> bytes:
    labels = name.strip(".").encode("ascii").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) + len(labels) > 254:
        raise OriginError("dns", f"{name[:80]!r} can't be the name of a host")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _read(packet: bytes, number: bytes, question: bytes, kind: int) -> tuple[int, list[str]]:
    """The answer's code and the addresses in it. Aliases need no following: the nameserver has done it."""
    body = 12 + len(question)
    if packet[:2] != number or not packet[2] & 0x80 or packet[12:body].lower() != question.lower():
        raise _Malformed
    addresses, at = [], body
    for _ in range(_number(packet, 6)):
        at = _after_name(packet, at)
        what, data, size = _number(packet, at), at + 10, _number(packet, at + 8)
        at = data + size
        if at > len(packet):
            break  # cut short to fit a packet: what came before is good
        if what == kind and size == (4 if kind == _A else 16):
            addresses.append(_address(packet[data:at]))
    return packet[3] & 15, addresses


def _number(packet: bytes, at: int) -> int:
    return packet[at] << 8 | packet[at + 1]


def _after_name(packet: bytes, at: int) -> int:
    """Where a name ends: after its zero, or after a pointer to the rest of it."""
    while size := packet[at]:
        if size >= 0xC0:
            return at + 2
        at += size + 1
    return at + 1


def _address(data: bytes) -> str:
    from socket import AF_INET, AF_INET6, inet_ntop

    return inet_ntop(AF_INET if len(data) == 4 else AF_INET6, data)
