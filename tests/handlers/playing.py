"""A server of a few lines that plays whatever peer a test wants, well-behaved or not, in threads of this process."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

Behaviour = Callable[["Peer"], None]
DRIP_SECONDS = 0.005
PATIENCE_SECONDS = 60.0


class Gone(Exception):
    """The client closed the connection."""


class Peer:
    """One connection as a behaviour sees it. ``number``: which connection of this server, from 0."""

    def __init__(self, channel: socket.socket, number: int, heard: list[str]) -> None:
        self.channel = channel
        self.number = number
        self._heard = heard
        self._buffer = b""

    def hear(self) -> str:
        """The next request's head."""
        while b"\r\n\r\n" not in self._buffer:
            piece = self.channel.recv(65536)
            if not piece:
                raise Gone
            self._buffer += piece
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        self._heard.append(head.decode("latin-1"))
        return self._heard[-1]

    def say(self, data: bytes) -> None:
        self.channel.sendall(data)

    def await_reader(self) -> None:
        """Returns when the client has read everything that was said: its socket, on this machine, holds nothing more."""
        (_, ours), (_, theirs) = self.channel.getsockname(), self.channel.getpeername()
        ends = (f"0100007F:{theirs:04X}", f"0100007F:{ours:04X}")  # local and remote, as the client's socket has them
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
            if [row[4].partition(":")[2] for row in rows if tuple(row[1:3]) == ends] == ["00000000"]:
                return
            time.sleep(0.005)
        raise AssertionError("the client doesn't read")

    def drip(self, data: bytes) -> None:
        """A byte at a time."""
        for byte in data:
            self.say(bytes((byte,)))
            time.sleep(DRIP_SECONDS)

    def reset(self) -> None:
        """Closes with a RST, not a FIN."""
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.channel.close()


class Player:
    """Listens on 127.0.0.1. Every connection gets a thread with the behaviour; what was asked is in ``requests``."""

    def __init__(self, behaviour: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self._behaviour = behaviour
        self._context = context
        self._channels: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.requests: list[str] = []
        self.connections = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def endpoint(self) -> str:
        return f"http{'s' if self._context else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *exception: object) -> None:
        for channel in (self._listener, *self._channels):
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
            channel.close()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                channel, _ = self._listener.accept()
                self._channels.append(channel)
                self.connections += 1
                self._start(self._talk, channel, self.connections - 1)

    def _talk(self, channel: socket.socket, number: int) -> None:
        try:
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                channel = self._context.wrap_socket(channel, server_side=True)
                self._channels.append(channel)
            self._behaviour(Peer(channel, number, self.requests))
        except (OSError, Gone, ValueError):
            pass  # the client or the test has closed it
        finally:
            channel.close()


def once(answer: bytes) -> Behaviour:
    """Hears one request, says this and closes."""

    def behave(peer: Peer) -> None:
        peer.hear()
        peer.say(answer)

    return behave


def each(answer: Callable[[int], bytes]) -> Behaviour:
    """Hears one request on each connection and says what ``answer`` makes of the connection's number."""

    def behave(peer: Peer) -> None:
        peer.hear()
        peer.say(answer(peer.number))

    return behave


def silence(peer: Peer) -> None:
    """Hears, and says nothing until the client has gone."""
    while True:
        peer.hear()


def forever(answer: bytes) -> Behaviour:
    """Says the same to every request of a connection."""

    def behave(peer: Peer) -> None:
        while True:
            peer.hear()
            peer.say(answer)

    return behave


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An answer with its Content-Length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def s3_error(status: str, code: str, *headers: str) -> bytes:
    """A refusal as S3 words it."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>No.</Message></Error>'.encode()
    return http(status, body, "Content-Type: application/xml", *headers)


@contextlib.contextmanager
def nameserver(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """The port of a UDP server on 127.0.0.1 that answers each packet with what ``answer`` makes of it, None for nothing."""
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    channel.bind(("127.0.0.1", 0))
    channel.settimeout(0.02)
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                packet, where = channel.recvfrom(4096)
            except TimeoutError:
                continue
            if (reply := answer(packet)) is not None:
                channel.sendto(reply, where)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield channel.getsockname()[1]
    finally:
        stopped.set()
        thread.join()
        channel.close()


def certificate(place: Path, host: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """A throwaway certificate for an address or a name: (its file, a server's context that shows it)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "throwaway")])
    now = datetime.datetime.now(datetime.UTC)
    shown = x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([shown]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(identifier, False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file, both = place / f"{host}.pem", place / f"{host}.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    both.write_bytes(private + file.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return file, context
