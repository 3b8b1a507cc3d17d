"""The manifest: which snapshot a store serves, as its publisher wrote and perhaps signed it. For publishers and readers.

A store holds ``objects/<SHA-256>.burgee`` (snapshots, never changed), ``manifests/<version>-<digest>.json`` (one manifest per
version, never changed) and ``manifest.json``, the pointer: a copy of the newest manifest, and the only object that is ever
replaced. The bytes are described in docs/store.md. Standard library only: every Lambda reads manifests.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from json import dumps, loads

from evaluator.errors import ManifestError, UnsupportedManifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

POINTER = "manifest.json"
FORMAT = 1
KINDS = ("publish", "rollback", "resume")
MAX_MANIFEST_BYTES = 16 * 1024
MAX_VERSION = 10**10 - 1  # what the ten digits in an object's name hold
SIGNED_PREFIX = b"burgee-manifest\n"
"""Goes before the payload when it is signed, so that the signature of anything else is none of ours."""

_HEX = frozenset("0123456789abcdef")


class Manifest:
    """What one version is. Times are epoch milliseconds.

    ``object``: the snapshot's SHA-256 in hex; ``size``: its bytes; ``snapshot_version``: the 16 hex digits it calls itself by;
    ``kind``: "publish", "rollback" or "resume"; ``of``: the version a rollback goes back to, else None; ``held``: whether the
    sync must leave this version in place until somebody resumes; ``previous``: the name of the manifest before this one, None
    for the first; ``tombstones``: how many of the ``flags`` could not be compiled.
    """

    __slots__ = (
        "flags", "held", "kind", "message", "object", "of", "previous", "published_at", "size", "snapshot_version",
        "tombstones", "version",
    )  # fmt: skip

    def __init__(
        self,
        version: int,
        object: str,
        size: int,
        snapshot_version: str,
        flags: int,
        published_at: int,
        *,
        tombstones: int = 0,
        kind: str = "publish",
        of: int | None = None,
        held: bool = False,
        message: str = "",
        previous: str | None = None,
    ) -> None:
        self.version = version
        self.object = object
        self.size = size
        self.snapshot_version = snapshot_version
        self.flags = flags
        self.published_at = published_at
        self.tombstones = tombstones
        self.kind = kind
        self.of = of
        self.held = held
        self.message = message
        self.previous = previous

    @property
    def object_name(self) -> str:
        """The snapshot's name in the store."""
        return object_name(self.object)

    def __repr__(self) -> str:
        return f"Manifest(version={self.version}, object={self.object!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and to_payload(self) == to_payload(other)

    __hash__ = None  # type: ignore[assignment]


class Envelope:
    """A manifest as it is stored: ``payload``, the exact bytes that signatures are over, and ``signatures`` by key id."""

    __slots__ = ("manifest", "payload", "signatures")

    def __init__(self, manifest: Manifest, payload: bytes, signatures: dict[str, bytes]) -> None:
        self.manifest = manifest
        self.payload = payload
        self.signatures = signatures

    @property
    def digest(self) -> str:
        """The payload's SHA-256 in hex."""
        return sha256(self.payload).hexdigest()

    @property
    def name(self) -> str:
        """The name it is kept under in the store."""
        return manifest_name(self.manifest.version, self.digest)

    @property
    def signed(self) -> bytes:
        """What an Ed25519 signature is made and checked over."""
        return SIGNED_PREFIX + self.payload


def object_name(digest: str) -> str:
    """Where the snapshot with this SHA-256 lies."""
    return f"objects/{digest}.burgee"


def manifest_name(version: int, digest: str) -> str:
    """Where the manifest of a version lies; ``digest``: its payload's SHA-256. Names sort as versions do."""
    return f"manifests/{version:010d}-{digest[:16]}.json"


def to_payload(manifest: Manifest) -> bytes:
    """One line of JSON: the bytes to sign."""
    fields: dict[str, Any] = {"format": FORMAT}
    fields |= {name: getattr(manifest, name) for name in _FIELDS if getattr(manifest, name) is not None}
    return dumps(fields, separators=(",", ":"), ensure_ascii=True).encode()


def seal(manifest: Manifest, signatures: dict[str, bytes] | None = None) -> bytes:
    """The stored form: the payload, and a second line with its digest and the signatures over ``SIGNED_PREFIX + payload``."""
    payload = to_payload(manifest)
    written = {key: b2a_base64(value, newline=False).decode() for key, value in (signatures or {}).items()}
    seal_line = dumps({"sha256": sha256(payload).hexdigest(), "signatures": written}, separators=(",", ":"))
    return payload + b"\n" + seal_line.encode() + b"\n"


def parse(data: bytes) -> Envelope:
    """Reads the stored form. Signatures aren't checked here.

    Raises ManifestError when the bytes aren't as somebody wrote them (cut short, damaged), so that reading them again may
    help; UnsupportedManifest when they are, and say something that this reader doesn't take.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise ManifestError(f"the manifest has more than {MAX_MANIFEST_BYTES} bytes")
    lines = data.split(b"\n")
    if len(lines) != 3 or lines[2]:
        raise ManifestError("the manifest isn't two lines")
    payload = lines[0]
    fields, seal_fields = _object(payload), _object(lines[1])
    if seal_fields.get("sha256") != sha256(payload).hexdigest():
        raise ManifestError("the manifest's digest doesn't match its content")
    return Envelope(_manifest(fields), payload, _signatures(seal_fields.get("signatures")))


def _object(line: bytes) -> dict[str, Any]:
    try:
        document = loads(line)
    except (ValueError, RecursionError) as error:
        raise ManifestError("the manifest isn't JSON") from error
    if type(document) is not dict:
        raise ManifestError("the manifest isn't made of JSON objects")
    return document


def _manifest(fields: dict[str, Any]) -> Manifest:
    """A newer format may add fields: those are passed over. A format with another number may mean anything."""
    if fields.get("format") != FORMAT:
        raise UnsupportedManifest(f"manifest format {fields.get('format')!r} is not {FORMAT}")
    for name, holds in _FIELDS.items():
        if not holds(fields.get(name)):
            raise UnsupportedManifest(f"the manifest's {name} can't be {fields.get(name)!r:.80}")
    known = {name: fields[name] for name in _FIELDS if name in fields}
    return Manifest(**known)


def _signatures(written: Any) -> dict[str, bytes]:
    if type(written) is not dict:
        raise UnsupportedManifest("the manifest's signatures aren't a JSON object")
    try:
        return {key: a2b_base64(value, strict_mode=True) for key, value in written.items()}
    except (Base64Error, ValueError, TypeError) as error:
        raise UnsupportedManifest("a signature of the manifest isn't base64") from error


# --- what a field may hold --------------------------------------------------------------------------------------------


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_version(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_VERSION


def _hex(value: Any, digits: int) -> bool:
    return type(value) is str and len(value) == digits and _HEX.issuperset(value)


def _text(value: Any) -> bool:
    return value is None or type(value) is str


_FIELDS: dict[str, Any] = {
    "version": _is_version,
    "object": lambda value: _hex(value, 64),
    "size": _count,
    "snapshot_version": lambda value: _hex(value, 16),
    "flags": _count,
    "tombstones": _count,
    "published_at": _count,
    "kind": lambda value: value in KINDS,
    "of": lambda value: value is None or _is_version(value),
    "held": lambda value: type(value) is bool,
    "message": _text,
    "previous": _text,
}
