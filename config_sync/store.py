"""Where snapshots are published: a store of named objects with conditional writes. For the publisher, the sync and tools.

The layout and the protocol are in docs/store.md. ``DirectoryStore`` is a store on this machine; ``config_sync.store_s3`` has
the one in S3. Names are relative, with ``/`` between their parts.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from evaluator.errors import BurgeeError


class StoreError(BurgeeError):
    """The store couldn't be read or written, or holds what can't be used. Says what, where, and what to do."""


class Stored(msgspec.Struct, frozen=True):
    """An object's bytes, and the tag that a conditional write names them by."""

    data: bytes
    etag: str


class Store(Protocol):
    """What a publisher asks of a store. Every method raises StoreError when the store can't be used."""

    @property
    def url(self) -> str:
        """The store's name for people; ``open_store`` takes it."""

    def get(self, name: str, limit: int | None = None) -> Stored | None:
        """The object, None if there is none. More than ``limit`` bytes: StoreError."""

    def create(self, name: str, data: bytes) -> bool:
        """Writes a new object, whole or not at all. False: there is one already, and it was left alone."""

    def replace(self, name: str, data: bytes, etag: str | None) -> bool:
        """Writes the object if it is still the one with this tag (None: if there is none). False: it isn't."""

    def names(self, prefix: str = "") -> list[str]:
        """The names that begin so, sorted."""


def open_store(url: str) -> Store:
    """The store of ``s3://bucket/prefix``, or of a directory (made when something is published). Raises StoreError."""
    if url.startswith("s3://"):
        from config_sync.store_s3 import open_s3

        return open_s3(url)
    if "://" in url:
        raise StoreError(f"{url}: no such kind of store; a store is s3://bucket/prefix or a directory")
    return DirectoryStore(url)


_LOCK = ".lock"
_NEW = ".new"


class DirectoryStore:
    """A store in a directory. Writers of all processes take turns with ``flock``; readers need no lock.

    A write goes to one temporary file, is flushed to the disk and renamed. A writer that is killed leaves at most that file,
    and the next one writes over it.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root)

    @property
    def url(self) -> str:
        return str(self._root)

    def get(self, name: str, limit: int | None = None) -> Stored | None:
        path = self._path(name)
        try:
            with path.open("rb") as file:
                data = file.read() if limit is None else file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._error("can't read", name, error) from error
        check_size(self.url, name, len(data), limit)
        return Stored(data, _etag(data))

    def create(self, name: str, data: bytes) -> bool:
        path = self._path(name)
        with self._writing(name):
            if path.exists():
                return False
            self._write(path, data)
        return True

    def replace(self, name: str, data: bytes, etag: str | None) -> bool:
        path = self._path(name)
        with self._writing(name):
            found = self.get(name)
            if (None if found is None else found.etag) != etag:
                return False
            self._write(path, data)
        return True

    def names(self, prefix: str = "") -> list[str]:
        try:
            return sorted(name for name in self._files() if name.startswith(prefix))
        except OSError as error:
            raise self._error("can't list", prefix, error) from error

    def _files(self) -> Iterator[str]:
        for folder, _, files in os.walk(self._root):
            place = Path(folder).relative_to(self._root)
            yield from ((place / name).as_posix() for name in files if not name.startswith("."))

    def _path(self, name: str) -> Path:
        """Names come from manifests too: one that leads out of the store, or to the store's own files, isn't followed."""
        if any(part.startswith(".") or not part for part in name.split("/")) or "\0" in name:
            raise StoreError(f"{self.url}: {name!r} is no name of an object")
        return self._root / name

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with (self._root / _LOCK).open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a process that dies
                yield
        except OSError as error:
            raise self._error("can't write", name, error) from error

    def _write(self, path: Path, data: bytes) -> None:
        made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._root / _NEW
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        for folder in (path.parent, *(folder.parent for folder in made)):
            _flush(folder)

    def _error(self, what: str, name: str, error: OSError) -> StoreError:
        return StoreError(
            f"{self.url}: {what} {name or 'the directory'}: {error.strerror or error}; check its permissions and disk"
        )


def check_size(url: str, name: str, size: int, limit: int | None) -> None:
    """Raises StoreError when an object has more bytes than its reader takes."""
    if limit is not None and size > limit:
        raise StoreError(f"{url}: {name} has more than {limit} bytes; something else must have written it")


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _flush(folder: Path) -> None:
    """Makes a rename outlive a power cut: it is an entry of the directory."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
