"""The writes of a release, each safe to be the last one a process ever does. For ``config_sync.release`` only.

Order is what makes them safe: the snapshot, then the manifest that names it, then the pointer. docs/store.md says why.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Protocol

from config_sync.limits import MAX_SNAPSHOT_BYTES
from config_sync.store import Store, StoreError
from config_sync.versions import Head
from evaluator.snapshot.manifest import MAX_MANIFEST_BYTES, POINTER, Manifest, object_name, parse, seal


class Signs(Protocol):
    """What is asked of a ``config_sync.signing.Signer``."""

    @property
    def key_id(self) -> str: ...

    def sign(self, data: bytes) -> bytes: ...


def put_object(store: Store, data: bytes) -> bytes:
    """Puts a snapshot under its name, reads it back and returns what was read. One that lies there damaged is replaced.

    Raises StoreError, also when the store doesn't give back what it was given.
    """
    name = object_name(hashlib.sha256(data).hexdigest())
    store.create(name, data)
    found = store.get(name, MAX_SNAPSHOT_BYTES)
    if found is not None and found.data != data and store.replace(name, data, found.etag):
        found = store.get(name, MAX_SNAPSHOT_BYTES)
    if found is None or found.data != data:
        raise StoreError(
            f"{store.url}: {name} was written and reads back otherwise; check who else writes there, and try again"
        )
    return found.data


def sealed(manifest: Manifest, signer: Signs | None) -> bytes:
    """A manifest's stored form, signed if there is a key."""
    bare = seal(manifest)
    return bare if signer is None else seal(manifest, {signer.key_id: signer.sign(parse(bare).signed)})


def flip(store: Store, head: Head, data: bytes) -> bool:
    """Keeps a sealed manifest under its own name and makes it the pointer. False: the pointer was replaced since ``head``."""
    name = parse(data).name
    if not store.create(name, data):
        found = store.get(name, MAX_MANIFEST_BYTES)  # ours, if an answer was lost on the way
        if found is None or found.data != data:
            raise StoreError(f"{store.url}: {name} holds something else; try again")
    return store.replace(POINTER, data, head.etag)


def touch(store: Store, head: Head, looked_at: int) -> bool:
    """Notes in the pointer that a build made at this instant (epoch ms) had the same content. False as in ``flip``.

    Without it, a slower publisher that began earlier could still replace the pointer with what the source held before. The
    note is in the second line: the manifest and its signatures stay as they are.
    """
    payload, seal_line, _ = head.data.split(b"\n")
    fields: Mapping[str, object] = json.loads(seal_line) | {"looked_at": looked_at, "nonce": os.urandom(8).hex()}
    return store.replace(POINTER, b"\n".join((payload, json.dumps(fields, separators=(",", ":")).encode(), b"")), head.etag)
