"""From a host's name to a connection: addresses, TCP and TLS within one deadline.

For ``handlers._s3`` and ``handlers._credentials``. ``socket`` and ``ssl`` are imported when first needed: 3 ms and 4 ms after
what a Lambda's runtime client has loaded anyway, and the certificates of the public authorities 25 ms (decision 0010).
"""

from __future__ import annotations

from handlers._http_client import Connection, left
from handlers._origin import OriginError
from handlers._resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket
    from ssl import SSLContext

    Clock = Callable[[], float]

ADDRESSES_SECONDS = 60.0  # how long a name's addresses are used without asking again

_contexts: dict[str, SSLContext] = {}  # by the file of certificates; "" is the system's


class Host:
    """Where to connect: ``host`` a name or an address literal, ``port``, and whether by TLS."""

    __slots__ = ("_addresses", "_asked_at", "_clock", "host", "port", "tls")

    def __init__(self, host: str, port: int, tls: bool, clock: Clock) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self._clock = clock
        self._addresses: list[str] = []
        self._asked_at = 0.0

    @property
    def header(self) -> str:
        """The ``Host`` header's value."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"

    def connect(self, until: float) -> Connection:
        """A new connection. Raises OriginError: timeout, dns, refused or tls."""
        context = tls_context() if self.tls else None
        sock = self._tcp(until)
        try:
            return Connection(self._encrypt(sock, context, until) if context else sock, self._clock)
        except BaseException:
            sock.close()
            raise

    def prepare(self) -> None:
        """Imports what a connection needs and reads the certificates; sends nothing. Raises OriginError (tls)."""
        import socket  # noqa: F401

        if self.tls:
            tls_context()
            try:
                self.host.encode("idna")  # as ``ssl`` does with every name: a codec to import
            except ValueError as error:
                raise OriginError("tls", f"{self.host[:80]!r} can't be a certificate's name: {_words(error)}") from None

    def forget(self) -> None:
        """Drops the addresses."""
        self._addresses = []

    # --- TCP ----------------------------------------------------------------------------------------------------------

    def _tcp(self, until: float) -> socket:
        """Tries the addresses in turn; each but the last may take half of the time that is left."""
        addresses = self._resolve(until)
        failed: OSError | None = None
        for number, address in enumerate(addresses, 1):
            share = 1 if number == len(addresses) else 2
            try:
                return _dial(address, self.port, left(until, self._clock) / share)
            except OSError as error:
                failed = error
                self._addresses = [*(other for other in self._addresses if other != address), address]  # the last next time
        self._addresses = []
        if isinstance(failed, TimeoutError):
            raise OriginError("timeout", f"no connection to {self.host}:{self.port} within the time of this read")
        raise OriginError("refused", f"no connection to {self.host}:{self.port}: {_words(failed)}")

    def _resolve(self, until: float) -> list[str]:
        """What is known and young; else what is found out; else what is known and old, for which half of the time is kept."""
        now, known = self._clock(), self._addresses
        if known and now - self._asked_at < ADDRESSES_SECONDS:
            return known
        try:
            self._addresses = resolve(self.host, now + (until - now) / 2 if known else until, self._clock)
        except OriginError:
            if not known:
                raise
        self._asked_at = now
        return self._addresses

    # --- TLS ----------------------------------------------------------------------------------------------------------

    def _encrypt(self, sock: socket, context: SSLContext, until: float) -> socket:
        from ssl import SSLError

        try:
            sock.settimeout(left(until, self._clock))
            return context.wrap_socket(sock, server_hostname=self.host)
        except TimeoutError:
            raise OriginError("timeout", f"no TLS handshake with {self.host} within the time of this read") from None
        except (SSLError, ValueError) as error:
            raise OriginError("tls", f"the TLS handshake with {self.host} failed: {_words(error)}") from None
        except OSError as error:
            raise OriginError("refused", f"{self.host} ended the TLS handshake: {_words(error)}") from None


def split_url(url: str) -> tuple[bool, str, int, str]:
    """Whether by TLS, the host, the port, and path with query, of ``http://…`` or ``https://…``. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    place, _, target = rest.partition("/")
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    number = (
        int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0 if port else 443 if scheme == "https" else 80
    )
    if scheme not in ("http", "https") or not 0 < number < 65536 or not _is_host(host) or not _is_text(target):
        raise ValueError(f"{url!r:.200} isn't http://HOST:PORT or https://HOST:PORT")
    return scheme == "https", host, number, "/" + target


def _is_host(host: str) -> bool:
    return _is_text(host) and host != "" and not set(host) & set("@?#%\\")


def _is_text(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def tls_context() -> SSLContext:
    """Checks certificates and the name in them; ``AWS_CA_BUNDLE`` or OpenSSL's ``SSL_CERT_FILE`` say by which authorities.

    Made once in a process for each file; it holds nothing of any connection. Raises OriginError when the file can't be read.
    """
    from os import environ
    from ssl import create_default_context

    bundle = environ.get("AWS_CA_BUNDLE", "")
    if bundle not in _contexts:
        try:
            _contexts[bundle] = create_default_context(cafile=bundle or None)
        except OSError as error:
            raise OriginError("tls", f"the certificates that AWS_CA_BUNDLE names can't be read: {_words(error)}") from None
    return _contexts[bundle]


def _dial(address: str, port: int, seconds: float) -> socket:
    from socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket

    sock = socket(AF_INET6 if ":" in address else AF_INET, SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect((address, port))
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


def _words(error: BaseException | None) -> str:
    """What the system says of an error, in one line; nothing in it is ours to hide."""
    return f"{type(error).__name__} {error}"[:160]
