"""Small projects to publish, stores that fail when they are told to, and what must be true of every store at every moment."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from config_sync.compile import CompileResult, compile_project
from config_sync.release import history, publish
from config_sync.signing import Signer
from config_sync.store import Store, Stored, StoreError
from evaluator import Evaluator
from evaluator.snapshot.manifest import POINTER, Manifest, parse

T0 = 1_750_000_000_000


def boolean(on: bool, **more: Any) -> dict[str, Any]:
    return {"type": "boolean", "variants": {"on": True, "off": False}, "default": "on" if on else "off", **more}


def project(mark: int = 0, flags: int = 4, **more: Any) -> dict[str, Any]:
    """Flags f0, f1, … of which none changes; ``mark`` is a value that tells one content from another."""
    marker = {"type": "integer", "variants": {"it": mark}, "default": "it"}
    return {"flags": {"mark": marker, **{f"f{number}": boolean(True) for number in range(flags)}, **more}}


def build(mark: int = 0, **more: Any) -> Callable[[], CompileResult]:
    return lambda: compile_project(project(mark, **more))


def mark_of(snapshot: bytes) -> int:
    """Which content a snapshot has."""
    mark: int = Evaluator(snapshot).integer("mark", {}, -1)
    return mark


def ticking() -> Callable[[], int]:
    """A clock that goes on by a second each time."""
    ticks = itertools.count(T0, 1_000)
    return lambda: next(ticks)


def new_signer() -> Signer:
    """A key of its own."""
    key = Ed25519PrivateKey.generate()
    return Signer(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def published(store: Store, *marks: int) -> Store:
    """The store with these contents published in turn."""
    clock = ticking()
    for mark in marks:
        assert publish(store, build(mark), clock=clock).status == "published"
    return store


def served(store: Store) -> tuple[Manifest, bytes] | None:
    """What a reader that trusts nothing finds: None if nothing was ever published. Fails if it finds anything unsound."""
    pointer = store.get(POINTER)
    if pointer is None:
        return None
    envelope = parse(pointer.data)
    copy = store.get(envelope.name)
    assert copy is not None, "the pointer's manifest isn't kept under its own name"
    assert parse(copy.data).payload == envelope.payload
    snapshot = store.get(envelope.manifest.object_name)
    assert snapshot is not None, "the pointer names a snapshot that isn't there"
    assert hashlib.sha256(snapshot.data).hexdigest() == envelope.manifest.object
    assert len(snapshot.data) == envelope.manifest.size
    assert Evaluator(snapshot.data).snapshot_version == envelope.manifest.snapshot_version
    return envelope.manifest, snapshot.data


def versions_of(store: Store) -> list[int]:
    """The versions in the chain, oldest first."""
    return [envelope.manifest.version for envelope in history(store)][::-1]


class Crash(Exception):
    """The process is gone: nothing after this happens."""


class Failing:
    """A store whose operation number ``at`` (from 0) fails: before it does anything, or after. ``kind``: what it raises."""

    def __init__(self, store: Store, at: int, after: bool = False, kind: Callable[[], Any] | None = None) -> None:
        self._store = store
        self._at = at
        self._after = after
        self._kind = kind or self._crash
        self.operations: list[str] = []

    @staticmethod
    def _crash() -> None:
        raise Crash

    @property
    def url(self) -> str:
        return self._store.url

    def _do(self, what: str, operation: Callable[[], Any]) -> Any:
        due = len(self.operations) == self._at
        self.operations.append(what)
        if due and not self._after:
            self._kind()
        result = operation()
        if due and self._after:
            self._kind()
        return result

    def get(self, name: str, limit: int | None = None) -> Stored | None:
        return self._do(f"get {name}", lambda: self._store.get(name, limit))  # type: ignore[no-any-return]

    def create(self, name: str, data: bytes) -> bool:
        return self._do(f"create {name}", lambda: self._store.create(name, data))  # type: ignore[no-any-return]

    def replace(self, name: str, data: bytes, etag: str | None) -> bool:
        return self._do(f"replace {name}", lambda: self._store.replace(name, data, etag))  # type: ignore[no-any-return]

    def names(self, prefix: str = "") -> list[str]:
        return self._do(f"names {prefix}", lambda: self._store.names(prefix))  # type: ignore[no-any-return]


def unavailable() -> None:
    """What a store raises that can't be reached."""
    raise StoreError("the store: can't be reached; try again later")


def files_below(root: Path) -> Iterator[str]:
    return (path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file())
