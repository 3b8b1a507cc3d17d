"""Where snapshots come from, as the reader sees it: the answer to one read of one object, and the one error there is.

For handlers: ``_s3`` and ``_directory`` are origins, ``_snapshots`` reads from either. On the cold path: imports only
``evaluator.errors``.

An origin has three methods. ``get(name, etag=None, start=0, *, until, limit)`` reads the object ``name`` of the store (its
name relative to the store's root, as in docs/store.md): ``until`` is the second of ``time.monotonic()`` it must be back by,
``limit`` the most bytes it may return. ``etag`` with ``start`` 0 makes the read conditional (304 when the object still has
this tag); with a ``start`` above 0 it asks for the rest of exactly that object (412 when it has changed since). ``prepare()``
does what needs no network and would cost the first read most: imports, and by TLS the certificates. ``forget()`` drops
whatever must not live on in a forked child or in a restored snapshot of the process.
"""

from __future__ import annotations

from evaluator.errors import BurgeeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

KINDS: Final = (
    "timeout",  # the time was up before there was an answer
    "dns",  # the host's name has no address
    "refused",  # no connection, or it was closed before there was an answer
    "tls",  # the certificate or the handshake
    "credentials",  # none, or none to be had
    "denied",  # the store refuses the request: permission, expired credentials, a clock that is wrong
    "region",  # the bucket lives in another region
    "missing",  # there is no such bucket or directory
    "throttled",  # the store asks for fewer requests
    "server",  # any other refusal of the store's
    "protocol",  # what came isn't an answer to what was asked
    "limit",  # the object is larger than the caller wants
)
"""What ``OriginError.kind`` can be: few words, fit for a metric's dimension."""


class OriginError(BurgeeError):
    """A read that gave nothing. ``kind``: one of ``KINDS``; the message is for a log and has no secret in it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Reply:
    """What a read gave.

    ``status``: 200 (the object, from its beginning), 206 (the rest of it, from ``start``), 304 (still the object of ``etag``),
    404 (no such object), 412 (the object whose rest was asked for has changed) or 416 (it has no byte at ``start``). ``etag``:
    the object's tag as the store writes it, None when it gave none. ``data``: the bytes that came, ``start`` the offset of the
    first one in the object; ``total``: the whole object's length, None when unknown. ``complete``: whether the object's last
    byte is among them; if not, the time was up or the connection broke, and reading again with ``start=start + len(data)`` and
    this ``etag`` gives the rest.
    """

    __slots__ = ("complete", "data", "etag", "start", "status", "total")

    def __init__(
        self,
        status: int,
        etag: str | None = None,
        data: bytes = b"",
        complete: bool = True,
        total: int | None = None,
        start: int = 0,
    ) -> None:
        self.status = status
        self.etag = etag
        self.data = data
        self.complete = complete
        self.total = total
        self.start = start

    def __repr__(self) -> str:
        whole = "" if self.complete else ", incomplete"
        return f"Reply({self.status}, {self.etag!r}, {len(self.data)} bytes from {self.start}{whole})"
