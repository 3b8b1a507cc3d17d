"""Snapshots on this machine: the bundle that was deployed with the code, and the scratch disk that outlives a process.

Both are laid out like a store (docs/store.md), so that any of Burgee's tools reads them. For ``handlers._snapshots``. On the
cold path: what only the scratch needs (hashing, manifests, signatures) is imported when there is something in it.
"""

from __future__ import annotations

import os
from json import loads

from evaluator import Evaluator, SnapshotError
from evaluator.errors import BurgeeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers._settings import Settings

    Failed = Callable[[str, str], None]  # where ("bundle", "scratch"), why

POINTER = "manifest.json"
UNNUMBERED = 0  # the version of a bundle that is a bare snapshot: any manifest is newer


class Served:
    """A snapshot that answers, and which one it is: never changed, replaced whole, so that one read sees all of it.

    ``version``: the manifest's, 0 for a bare bundle; ``object``: the SHA-256 in hex that the manifest names it by, "" for a
    bare bundle; ``payload``: the manifest's payload, b"" likewise; ``source``: "bundle", "scratch" or "store".
    """

    __slots__ = ("evaluator", "object", "payload", "source", "version")

    def __init__(self, evaluator: Evaluator, version: int, object: str, payload: bytes, source: str) -> None:
        self.evaluator = evaluator
        self.version = version
        self.object = object
        self.payload = payload
        self.source = source

    @property
    def snapshot_version(self) -> str:
        """The 16 hex digits that the snapshot calls itself by."""
        return self.evaluator.snapshot_version

    def __repr__(self) -> str:
        return f"Served(version={self.version}, snapshot_version={self.snapshot_version!r}, source={self.source!r})"


def load_local(settings: Settings, scratch: Scratch | None, failed: Failed) -> Served | None:
    """The newest usable snapshot of bundle and scratch, None if there is neither. Raises nothing; ``failed`` hears why not."""
    for load in _newest_first(settings, scratch):
        source = "scratch" if scratch is not None and load == scratch.load else "bundle"
        try:
            return load()
        except Exception as error:  # whatever lies there, the store may have better
            failed(source, type(error).__name__)
    return None


def _newest_first(settings: Settings, scratch: Scratch | None) -> list[Callable[[], Served]]:
    """How to load each of the places that hold something, newest first; the bundle before a scratch of the same version."""
    found: list[tuple[int, Callable[[], Served]]] = []
    path = settings.bundle
    if path is not None:
        found.append((_peek(path), lambda: load_bundle(path)))
    if scratch is not None and scratch.is_ours() and (version := _peek(scratch.path)) > UNNUMBERED:
        found.append((version, scratch.load))
    return [load for _, load in sorted(found, key=lambda pair: -pair[0])]


def _peek(path: str) -> int:
    """The version that the place says it has, unchecked; 0 for a bare snapshot and for what can't be read."""
    try:
        version = _pointer(path)["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return UNNUMBERED
    return version if type(version) is int else UNNUMBERED


def _pointer(path: str) -> dict[str, object]:
    """The manifest's first line as it is: nobody vouches for it. Raises OSError and ValueError."""
    with open(os.path.join(path, POINTER), "rb") as file:
        return dict(loads(file.readline()))


def load_bundle(path: str) -> Served:
    """The snapshot of a directory that is laid out like a store, or of a ``.burgee`` file.

    It came with the code and is trusted like the code: neither digests nor signatures are checked, only what the core checks.
    That saves a cold start the import of a hash library. Raises OSError, ValueError, KeyError and SnapshotError.
    """
    if not os.path.isdir(path):
        return Served(Evaluator(_read(path)), UNNUMBERED, "", b"", "bundle")
    with open(os.path.join(path, POINTER), "rb") as file:
        payload = file.readline().rstrip(b"\n")
    fields = loads(payload)
    data = _read(os.path.join(path, "objects", f"{fields['object']}.burgee"))
    return Served(Evaluator(data), int(fields["version"]), fields["object"], payload, "bundle")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class Unusable(BurgeeError):
    """What lies in the scratch isn't what its manifest says."""


class Scratch:
    """The last snapshot that was fetched, kept on disk for the next process of this sandbox. All writing is best effort."""

    __slots__ = ("_settings", "path")

    def __init__(self, settings: Settings, path: str) -> None:
        self._settings = settings
        self.path = path

    def is_ours(self) -> bool:
        """Whether the directory is there and nobody else can have written to it (others may share the parent directory)."""
        try:
            status = os.lstat(self.path)
        except OSError:
            return False
        return status.st_mode & 0o170022 == 0o040000 and status.st_uid == os.geteuid()

    def load(self) -> Served:
        """What was kept, checked as if it came from the store. Raises OSError, ManifestError, SnapshotError and Unusable."""
        from hashlib import sha256

        from evaluator.snapshot.manifest import parse

        envelope = parse(_read(os.path.join(self.path, POINTER)))
        if self._settings.public_keys:
            from handlers._signature import is_signed

            if not is_signed(envelope, self._settings.public_keys):
                raise Unusable("the manifest isn't signed by a key that is configured")
        manifest = envelope.manifest
        data = _read(os.path.join(self.path, manifest.object_name))
        if sha256(data).hexdigest() != manifest.object:
            raise SnapshotError("the snapshot isn't the one that the manifest names")
        return Served(Evaluator(data), manifest.version, manifest.object, envelope.payload, "scratch")

    def keep(self, pointer: bytes, object_name: str, data: bytes | None) -> bool:
        """Keeps a snapshot (None: one that was kept before) and the manifest's stored form; False when it couldn't.

        The object first, then the manifest, each renamed into place: a process that is killed in between leaves what was there.
        Nothing is flushed to the disk: what a power cut spoils, ``load`` finds out.
        """
        place = os.path.join(self.path, object_name)
        try:
            if data is not None:
                os.makedirs(self.path, 0o700, exist_ok=True)
                if not self.is_ours():
                    return False
                os.makedirs(os.path.dirname(place), 0o700, exist_ok=True)
                _write(place, data)
            elif not os.path.exists(place):
                return False
            _write(os.path.join(self.path, POINTER), pointer)
            self._remove_others(os.path.basename(place))
        except OSError:
            return False
        return True

    def _remove_others(self, kept: str) -> None:
        objects = os.path.join(self.path, "objects")
        for name in os.listdir(objects):
            if name != kept:
                _remove(os.path.join(objects, name))


def _write(path: str, data: bytes) -> None:
    """The whole file or nothing, also beside other processes that write the same one. Raises OSError."""
    fresh = f"{path}.{os.getpid()}.new"
    try:
        with open(fresh, "wb") as file:
            file.write(data)
        os.replace(fresh, path)
    except OSError:
        _remove(fresh)
        raise


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # another process was quicker, or the next one tries again


def scratch_of(settings: Settings) -> Scratch | None:
    """The scratch of these settings' store: a directory of its own, since other functions may share the parent."""
    if settings.scratch is None or settings.store is None:
        return None
    from mmh3 import hash_bytes

    return Scratch(settings, os.path.join(settings.scratch, hash_bytes(settings.store.encode("utf-8", "replace")).hex()))
