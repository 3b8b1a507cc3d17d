"""Reads objects of a store that is a directory: the bundle in a function's package, or a store on some disk.

For ``handlers._snapshots``; how to use it: ``handlers._origin``. On the cold path: imports next to nothing.
"""

from __future__ import annotations

from hashlib import sha256
from os import O_CLOEXEC, O_NONBLOCK, O_RDONLY, close, fstat, lseek, open, read
from stat import S_ISREG
from time import monotonic

from handlers._origin import OriginError, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from os import stat_result

    Clock = Callable[[], float]

SMALL_BYTES = 64 * 1024  # up to here an object's tag is its digest
READ_BYTES = 1024 * 1024
MAX_PARTS = 2

_FOREVER = float("inf")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")


class Directory:
    """The files below ``root``.

    The pointer is replaced by renaming, perhaps twice within the clock's granularity and with a file of the same size and
    inode, so a small file's etag is the SHA-256 of its content. A large one is never replaced; its etag says its size, inode
    and time.
    """

    __slots__ = ("_clock", "_root")

    def __init__(self, root: str, clock: Clock = monotonic) -> None:
        self._root = root
        self._clock = clock

    def get(self, name: str, etag: str | None = None, start: int = 0, *, until: float, limit: int) -> Reply:
        """Reads the file ``name``, or its rest from ``start``. Raises OriginError only.

        The deadline is looked at between reads of 1 MiB; a disk that doesn't answer at all can't be left waiting.
        """
        _check(name)
        try:
            descriptor = open(f"{self._root}/{name}", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return Reply(404)
        except OSError as error:
            raise _failure(name, error) from None
        try:
            return self._read(descriptor, name, etag, start, until, limit)
        except OSError as error:
            raise _failure(name, error) from None
        finally:
            close(descriptor)

    def prepare(self) -> None:
        """Nothing is needed."""

    def forget(self) -> None:
        """Nothing is kept."""

    def _read(self, descriptor: int, name: str, etag: str | None, start: int, until: float, limit: int) -> Reply:
        status = fstat(descriptor)
        if not S_ISREG(status.st_mode):
            raise OriginError("protocol", f"{name} in the store isn't a file")
        if status.st_size - start > limit:
            raise OriginError("limit", f"{name} has more than the {limit} bytes that may be read")
        if status.st_size <= SMALL_BYTES:
            return _small(self._bytes(descriptor, SMALL_BYTES, _FOREVER), etag, start)
        tag = _tag(status)
        if etag == tag and not start:
            return Reply(304, tag)
        if start and (refusal := _rest_refused(start, etag, tag, status.st_size)):
            return refusal
        lseek(descriptor, start, 0)
        data = self._bytes(descriptor, status.st_size - start, until)
        complete = start + len(data) == status.st_size
        if not data:
            raise OriginError("timeout", f"nothing of {name} could be read in time")
        return Reply(206 if start else 200, tag, data, complete, status.st_size, start)

    def _bytes(self, descriptor: int, most: int, until: float) -> bytes:
        pieces: list[bytes] = []
        while most > 0 and self._clock() < until:
            piece = read(descriptor, min(most, READ_BYTES))
            if not piece:
                break
            pieces.append(piece)
            most -= len(piece)
        return b"".join(pieces)


def _small(data: bytes, etag: str | None, start: int) -> Reply:
    tag = f'"{sha256(data).hexdigest()}"'
    if not start:
        return Reply(304, tag) if etag == tag else Reply(200, tag, data, True, len(data))
    return _rest_refused(start, etag, tag, len(data)) or Reply(206, tag, data[start:], True, len(data), start)


def _rest_refused(start: int, etag: str | None, tag: str, size: int) -> Reply | None:
    """The answer to a question for the rest when there is none of that object."""
    if etag is not None and etag != tag:
        return Reply(412, tag)
    return Reply(416, tag, total=size) if start >= size else None


def _tag(status: stat_result) -> str:
    return f'"{status.st_size:x}-{status.st_ino:x}-{status.st_mtime_ns:x}"'


def _check(name: str) -> None:
    """Names come from a manifest, which somebody wrote: none may lead out of the directory."""
    parts = name.split("/")
    if len(parts) > MAX_PARTS or any(not part or part[0] == "." or not _NAME.issuperset(part) for part in parts):
        raise OriginError("protocol", f"{name[:80]!r} can't be the name of an object in a store")


def _failure(name: str, error: OSError) -> OriginError:
    kind = "denied" if isinstance(error, PermissionError) else "server"
    return OriginError(kind, f"{name} can't be read: {error.strerror}")
