"""What a store has published: the pointer, the versions before it, their snapshots. It only reads. For publishing and tools.

The layout is in docs/store.md. Everything that is read is checked against its name.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice

import msgspec

from config_sync.limits import MAX_SNAPSHOT_BYTES
from config_sync.store import Store, StoreError
from evaluator.errors import ManifestError, UnsupportedManifest
from evaluator.snapshot.manifest import MAX_MANIFEST_BYTES, POINTER, Envelope, Manifest, parse


class NoSuchVersion(StoreError):
    """The store has no such version."""


class Head(msgspec.Struct, frozen=True):
    """What a store serves now, and what the next version must follow.

    ``envelope``: the newest manifest, None if nothing was ever published; ``data``: its stored bytes; ``etag``: the pointer's
    tag, None if there is no pointer; ``version``: the number of the newest version, 0 if there is none.
    """

    envelope: Envelope | None
    data: bytes
    etag: str | None
    version: int

    @property
    def manifest(self) -> Manifest | None:
        return None if self.envelope is None else self.envelope.manifest


def read_head(store: Store) -> Head:
    """Reads the pointer. If it is missing, the newest manifest stands in: versions never begin again. Raises StoreError."""
    stored = store.get(POINTER, MAX_MANIFEST_BYTES)
    if stored is None:
        return _newest(store)
    try:
        envelope = parse(stored.data)
    except UnsupportedManifest as error:
        raise StoreError(f"{store.url}: {POINTER}: {error}; use the Burgee that wrote it, or a newer one") from error
    except ManifestError as error:
        advice = "delete it, and the next publish goes on after the newest version"
        raise StoreError(f"{store.url}: {POINTER} is damaged: {error}; {advice}") from error
    return Head(envelope, stored.data, stored.etag, envelope.manifest.version)


def _newest(store: Store) -> Head:
    names = store.names("manifests/")
    version = _number(names[-1]) if names else 0
    for name in reversed(names):
        try:
            stored = store.get(name, MAX_MANIFEST_BYTES)
            if stored is not None:
                return Head(parse(stored.data), stored.data, None, version)
        except ManifestError:
            continue
    return Head(None, b"", None, version)


def _number(name: str) -> int:
    """The version in a manifest's name; 0 for a name that is none."""
    digits = name.removeprefix("manifests/").partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def history(store: Store, limit: int | None = None) -> Iterator[Envelope]:
    """The versions from the newest on, each by the name that the next gives. Raises StoreError, also while it is read."""
    return islice(_chain(store), limit)


def _chain(store: Store) -> Iterator[Envelope]:
    envelope = read_head(store).envelope
    while envelope is not None:
        yield envelope
        if (name := envelope.manifest.previous) is None:
            return
        before = _manifest(store, name)
        if before.manifest.version >= envelope.manifest.version:
            raise StoreError(f"{store.url}: {name} isn't older than the version that follows it; the history is damaged there")
        envelope = before


def _manifest(store: Store, name: str) -> Envelope:
    stored = store.get(name, MAX_MANIFEST_BYTES)
    if stored is None:
        raise StoreError(f"{store.url}: {name} is missing; the history ends there")
    try:
        envelope = parse(stored.data)
    except ManifestError as error:
        raise StoreError(f"{store.url}: {name}: {error}; the history ends there") from error
    if envelope.name != name:
        raise StoreError(f"{store.url}: {name} holds another manifest; the history ends there")
    return envelope


def find(store: Store, version: int) -> Envelope:
    """The manifest of a version. Raises NoSuchVersion and StoreError."""
    head = read_head(store)
    if 1 <= version <= head.version:
        names = store.names(f"manifests/{version:010d}-")
        if len(names) == 1:
            return _manifest(store, names[0])
        # Writers that were killed, or were too late, left others of this number: the chain says which one was published.
        for envelope in history(store) if names else ():
            if envelope.manifest.version == version:
                return envelope
    newest = f"the newest is {head.version}" if head.version else "nothing is published there"
    raise NoSuchVersion(f"{store.url}: no version {version}; {newest}")


def read_snapshot(store: Store, manifest: Manifest) -> bytes | None:
    """A version's snapshot, None if it is missing or isn't what its name says. Raises StoreError."""
    stored = store.get(manifest.object_name, MAX_SNAPSHOT_BYTES)
    if stored is None or hashlib.sha256(stored.data).hexdigest() != manifest.object:
        return None
    return stored.data


def fetch(store: Store, version: int | None = None) -> tuple[Manifest, bytes]:
    """A version (None: the newest) and its snapshot. Raises NoSuchVersion and StoreError."""
    if version is None:
        manifest = read_head(store).manifest
        if manifest is None:
            raise NoSuchVersion(f"{store.url}: nothing is published there")
    else:
        manifest = find(store, version).manifest
    snapshot = read_snapshot(store, manifest)
    if snapshot is None:
        name = manifest.object_name
        raise StoreError(f"{store.url}: {name} is missing or damaged; publish again, or roll back to another version")
    return manifest, snapshot
