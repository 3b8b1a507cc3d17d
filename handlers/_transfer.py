"""One object on its way from the store, over as many requests as it takes. For ``handlers._follow``."""

from __future__ import annotations

from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from evaluator.snapshot.manifest import Envelope, Manifest
    from handlers._origin import Reply

    class Origin(Protocol):
        """``handlers._origin`` says what these do."""

        def get(self, name: str, etag: str | None = None, start: int = 0, *, until: float, limit: int) -> Reply: ...

        def prepare(self) -> None: ...

        def forget(self) -> None: ...


LEAST_PROGRESS = (
    32 * 1024
)  # bytes of a whole step; a store that gives less is in trouble, and asking at once would only slow us


class Interrupted(Exception):
    """The time was up. What came is kept; ``is_slow``: it was next to nothing."""

    def __init__(self, is_slow: bool) -> None:
        super().__init__("the time was up")
        self.is_slow = is_slow


class Damaged(Exception):
    """All came, and it isn't the object. ``found``: the digest of what it is. Nothing is kept."""

    def __init__(self, found: bytes) -> None:
        super().__init__("the object isn't what its name says")
        self.found = found


class Broken(Exception):
    """The store has no (or no longer this) object. Nothing is kept. ``status``: its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Transfer:
    """The manifest whose object is wanted, and what has come of it.

    ``pointer``: the manifest's stored form, ``mark`` its payload's digest, ``etag`` its tag; ``is_stuck``: the last attempt
    failed, so the pointer is to be looked at before the next; ``data``: the whole object once it is taken, None if none was
    fetched.
    """

    __slots__ = ("_etag", "_hash", "_parts", "_size", "data", "envelope", "etag", "is_stuck", "mark", "pointer")

    envelope: Envelope
    _etag: str | None
    _parts: list[bytes]
    _size: int

    def __init__(self) -> None:
        self.pointer = b""
        self.mark = b""
        self.etag: str | None = None
        self.data: bytes | None = None
        self.is_stuck = False
        self._hash = sha256()
        self.restart()

    @property
    def manifest(self) -> Manifest:
        """What is wanted."""
        return self.envelope.manifest

    def concern(self, envelope: Envelope, pointer: bytes, mark: bytes, etag: str | None) -> None:
        """Says what is wanted: at first, and when the pointer has changed and names the same object."""
        self.envelope = envelope
        self.pointer = pointer
        self.mark = mark
        self.etag = etag

    def go_on(self, origin: Origin, until: float) -> bytes:
        """The whole object, its digest checked. Raises Interrupted, Damaged, Broken and OriginError."""
        manifest = self.manifest
        rest = manifest.size - self._size
        reply = origin.get(manifest.object_name, self._etag if self._size else None, self._size, until=until, limit=rest)
        self._take(reply)
        if self._size < manifest.size and not reply.complete:
            raise Interrupted(len(reply.data) < LEAST_PROGRESS)
        data, found = b"".join(self._parts), self._hash.digest()
        if found.hex() != manifest.object:
            self.restart()
            raise Damaged(found)
        return data

    def _take(self, reply: Reply) -> None:
        if reply.status not in (200, 206) or (reply.status == 206 and reply.start != self._size):
            self.restart()
            raise Broken(reply.status)
        if reply.status == 200 and self._size:  # from the beginning after all
            self.restart()
        if not self._size:
            self._etag = reply.etag
        self._parts.append(reply.data)
        self._size += len(reply.data)
        self._hash.update(reply.data)

    def restart(self) -> None:
        """Throws away what came."""
        self._etag = None
        self._parts = []
        self._size = 0
        self._hash = sha256()
