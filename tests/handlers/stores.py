"""Stores, clocks and readers for the tests of hot loading: real snapshots, an origin in memory, time that moves by hand."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from evaluator.snapshot.manifest import POINTER, Manifest, object_name, parse, seal
from handlers._origin import OriginError, Reply
from handlers._settings import Settings
from handlers._snapshots import Reader
from tests.handlers.flags import constant, snapshot_of

MS = 1_000_000  # nanoseconds
SECOND = 1_000 * MS


@cache
def snapshot(text: str) -> bytes:
    """A snapshot whose flag ``which`` answers ``text``."""
    return snapshot_of(constant("which", text))


def manifest(version: int, data: bytes, **fields: Any) -> Manifest:
    words = {"flags": 1, "published_at": 1_700_000_000_000} | fields
    return Manifest(version, sha256(data).hexdigest(), len(data), f"{int.from_bytes(data[16:24], 'little'):016x}", **words)


class Clocks:
    """Monotonic and wall time in nanoseconds."""

    def __init__(self) -> None:
        self.mono = 1_000 * SECOND
        self.epoch = 1_800_000_000 * SECOND

    def pass_(self, milliseconds: float) -> None:
        self.mono += int(milliseconds * MS)
        self.epoch += int(milliseconds * MS)

    def monotonic(self) -> int:
        return self.mono

    def wall(self) -> int:
        return self.epoch


class Memory:
    """A store in memory with the readers' face. ``log`` has the names that were read; each read takes ``takes_ms``."""

    def __init__(self, clocks: Clocks, takes_ms: float = 5) -> None:
        self.clocks = clocks
        self.takes_ms = takes_ms
        self.objects: dict[str, bytes] = {}
        self.log: list[str] = []
        self.forgotten = 0
        self.prepared = 0
        self.trouble: dict[str, OriginError] = {}
        self.bytes_per_ms: float = 1e9

    def publish(self, version: int, text: str, signer: Any = None, data: bytes | None = None, **fields: Any) -> bytes:
        """Puts a snapshot and its pointer; gives the pointer's bytes."""
        body = snapshot(text) if data is None else data
        made = manifest(version, body, **fields)
        unsigned = seal(made)
        signatures = {signer.key_id: signer.sign(parse(unsigned).signed)} if signer else {}
        self.objects[object_name(made.object)] = body
        self.objects[POINTER] = seal(made, signatures)
        return self.objects[POINTER]

    def get(self, name: str, etag: str | None = None, start: int = 0, *, until: float, limit: int) -> Reply:
        self.log.append(name)
        if name in self.trouble:
            raise self.trouble[name]
        left_ms = until * 1e3 - self.clocks.mono / MS
        if left_ms <= self.takes_ms:
            self.clocks.pass_(max(left_ms, 0))
            raise OriginError("timeout", "the time was up")
        self.clocks.pass_(self.takes_ms)
        return self._reply(name, etag, start, left_ms - self.takes_ms, limit)

    def _reply(self, name: str, etag: str | None, start: int, left_ms: float, limit: int) -> Reply:
        data = self.objects.get(name)
        if data is None:
            return Reply(404)
        tag = f'"{sha256(data).hexdigest()[:32]}"'
        if start and etag != tag:
            return Reply(412, tag)
        if not start and etag == tag:
            return Reply(304, tag)
        rest = data[start:]
        if len(rest) > limit:
            raise OriginError("limit", "too large")
        came = rest[: int(left_ms * self.bytes_per_ms)]
        self.clocks.pass_(len(came) / self.bytes_per_ms)
        return Reply(206 if start else 200, tag, came, len(came) == len(rest), len(data), start)

    def prepare(self) -> None:
        self.prepared += 1

    def forget(self) -> None:
        self.forgotten += 1

    @property
    def pointer_reads(self) -> int:
        return self.log.count(POINTER)


class Reports(list[tuple[str, float, dict[str, Any]]]):
    """The metrics that a reader reported."""

    def __call__(self, name: str, value: float, unit: str, properties: Any) -> None:
        self.append((name, value, dict(properties)))

    def names(self) -> list[str]:
        return [name for name, _, _ in self]

    def last(self, name: str) -> dict[str, Any]:
        return next(properties for found, _, properties in reversed(self) if found == name)


class Rig:
    """A reader on a store in memory, with its clocks and its reports."""

    def __init__(self, takes_ms: float = 5, entropy: float = 0.5, clocks: Clocks | None = None, **settings: Any) -> None:
        self.clocks = Clocks() if clocks is None else clocks
        self.store = Memory(self.clocks, takes_ms)
        self.reports = Reports()
        self.entropy = entropy
        self.settings = Settings("s3://bucket/prefix", **settings)
        self.reader = self.make()

    def make(self) -> Reader:
        """Another process's reader, so to say."""
        return Reader(
            self.settings,
            self.store,
            clock=self.clocks.monotonic,
            wall=self.clocks.wall,
            entropy=lambda: self.entropy,
            report=self.reports,
        )

    def answer(self) -> str | None:
        """What a request gets."""
        evaluator = self.reader.current()
        return None if evaluator is None else evaluator.string("which", {}, "?")

    def wait(self, milliseconds: float) -> None:
        self.clocks.pass_(milliseconds)


def lay_out(place: Path, pointer: bytes, data: bytes) -> None:
    """Writes a pointer and its object to a directory as a store has them."""
    (place / "objects").mkdir(parents=True, exist_ok=True)
    (place / POINTER).write_bytes(pointer)
    (place / parse(pointer).manifest.object_name).write_bytes(data)
