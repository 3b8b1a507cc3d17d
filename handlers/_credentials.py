"""AWS credentials for the reader: from the environment, or from the address that the environment names. For ``handlers._s3``.

A Lambda function has them in its environment; one that is restored from a snapshot (SnapStart) and a container have an address
to ask, and what that gives expires. Nothing is read when this module is imported or an object is made: a process that is
copied afterwards must not carry old ones. Profiles and login sessions of a developer's machine aren't looked for; ``burgee
up`` and ``burgee serve`` hand variables on.
"""

from __future__ import annotations

from os import environ
from time import monotonic, time

from handlers._connect import Host, split_url
from handlers._http_client import Broken
from handlers._origin import OriginError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Clock = Callable[[], float]

CONTAINER = "http://169.254.170.2"  # what AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is relative to
HOSTS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost", "::1")  # and 127.*: who may be asked without TLS
RENEW_SECONDS = 300.0  # before they expire
PATIENCE_SECONDS = 10.0  # between two tries to renew credentials that are still good
MAX_BYTES = 64 * 1024
ASKED = "the address in AWS_CONTAINER_CREDENTIALS_FULL_URI (or _RELATIVE_URI)"


class Credentials:
    """A key pair; ``token`` for temporary ones, ``expires`` in epoch seconds when it is known."""

    __slots__ = ("access_key", "expires", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str | None = None, expires: float | None = None) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires = expires

    def __repr__(self) -> str:
        return f"Credentials({self.access_key[:4]}…)"


class FromEnvironment:
    """The credentials that AWS gives a function or a container."""

    __slots__ = ("_clock", "_kept", "_not_before", "_wall")

    def __init__(self, clock: Clock = monotonic, wall: Clock = time) -> None:
        self._clock = clock
        self._wall = wall
        self._kept: Credentials | None = None
        self._not_before = 0.0

    def get(self, until: float) -> Credentials:
        """The credentials of now; ``until`` is the second of ``clock`` to be back by. Raises OriginError (credentials)."""
        access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if access_key and secret_key:
            return _checked(Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN") or None))
        url = _address()
        kept, now = self._kept, self._wall()
        if kept is None or kept.expires is None or kept.expires <= now:
            kept = None
        elif now < kept.expires - RENEW_SECONDS or self._clock() < self._not_before:
            return kept
        return self._renew(url, kept, until)

    def forget(self) -> None:
        """Drops what was fetched."""
        self._kept = None
        self._not_before = 0.0

    def _renew(self, url: str, kept: Credentials | None, until: float) -> Credentials:
        """New ones; ``kept`` when they can't be had, and then only half of the time goes into trying."""
        now = self._clock()
        try:
            self._kept = fresh = _fetch(url, now + (until - now) / 2 if kept else until, self._clock)
        except OriginError as error:
            if kept is None:
                raise OriginError("credentials", f"{ASKED} gives none: {error}") from None
            self._not_before = self._clock() + PATIENCE_SECONDS
            return kept
        return fresh


def _address() -> str:
    """Where the environment says that credentials are to be had."""
    if relative := environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        return CONTAINER + relative
    if full := environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        return full
    raise OriginError(
        "credentials",
        "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN when they are "
        "temporary), or AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )


def _fetch(url: str, until: float, clock: Clock) -> Credentials:
    try:
        tls, host, port, target = split_url(url)
    except ValueError:
        raise OriginError("credentials", "it isn't http://HOST:PORT/PATH or https://HOST:PORT/PATH") from None
    if not tls and host not in HOSTS and not host.startswith("127."):
        raise OriginError("credentials", "without TLS only this machine and AWS's own addresses are asked")
    return _read(_ask(Host(host, port, tls, clock), target, until))


def _ask(host: Host, target: str, until: float) -> bytes:
    token = _token()
    secret = f"authorization: {token}\r\n" if token else ""
    request = f"GET {target} HTTP/1.1\r\nhost: {host.header}\r\naccept: application/json\r\n{secret}connection: close\r\n\r\n"
    connection = host.connect(until)
    try:
        answer = connection.exchange(request.encode("ascii"), until, MAX_BYTES)
    except Broken:
        raise OriginError("refused", "it closed the connection without an answer") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise OriginError("credentials", f"it answers {answer.status}")
    if not answer.complete:
        raise answer.why or OriginError("protocol", "its answer is cut short")
    return answer.data


def _token() -> str | None:
    path = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    if not path:
        return _printable(environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"), "AWS_CONTAINER_AUTHORIZATION_TOKEN")
    try:
        with open(path, encoding="utf-8") as file:
            return _printable(file.read(MAX_BYTES).strip(), "the file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    except (OSError, UnicodeDecodeError):
        raise OriginError("credentials", "the file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE can't be read") from None


def _read(body: bytes) -> Credentials:
    """Nothing of the body goes into an error: it may hold half of a key."""
    from datetime import datetime
    from json import loads

    try:
        found = loads(body)
        expires = datetime.fromisoformat(found["Expiration"]) if found.get("Expiration") else None
        credentials = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found.get("Token"))
        if expires is not None:
            credentials.expires = expires.timestamp()
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise OriginError("credentials", "what it answers isn't credentials") from None
    return _checked(credentials)


def _checked(credentials: Credentials) -> Credentials:
    _printable(credentials.access_key or "\0", "the access key's id")  # a document may say null
    _printable(credentials.secret_key or "\0", "the secret key")
    _printable(credentials.token, "the session token")
    return credentials


def _printable(text: Any, what: str) -> str | None:
    """What a header can carry: anything else would be another header."""
    if text is not None and not (isinstance(text, str) and text.isascii() and text.isprintable()):
        raise OriginError("credentials", f"{what} has a character that can't be in it")
    found: str | None = text
    return found
