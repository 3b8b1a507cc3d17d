"""AWS Signature Version 4 for requests whose body is at hand. For ``handlers._s3`` and ``handlers._aws_json``.

Written here because the other ways to sign one GET import between 80 and 400 modules (decision 0010); checked against
botocore's own signer on generated requests, and against AWS's published examples. ``hashlib`` is imported with the first
signature.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Keyed = tuple[Any, Any]  # the inner and the outer hash of HMAC-SHA256, with the key in them

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The SHA-256 of no bytes: what a request without a body declares."""

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def encode_path(path: str) -> str:
    """The path percent-encoded once, as S3 signs it: ``/`` stays. Raises ValueError for half a surrogate."""
    return "".join([chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in path.encode()])


class Signer:
    """Signs for one region and service. Keeps the key that it derived last: it serves a whole day."""

    __slots__ = ("_derived", "_region", "_service")

    def __init__(self, region: str, service: str = "s3") -> None:
        self._region = region
        self._service = service
        self._derived: tuple[str, str, Keyed | None] = ("", "", None)

    def authorization(
        self,
        access_key: str,
        secret_key: str,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> str:
        """The ``Authorization`` header's value.

        ``path`` and ``query`` as they are sent (encoded; the query sorted). ``headers`` are what is signed, by lower-case name;
        ``x-amz-date`` must be among them (``20260131T235959Z``); ``x-amz-content-sha256``, which S3 wants, wins over ``body``.
        """
        from hashlib import sha256

        moment = headers["x-amz-date"]
        signed = ";".join(sorted(headers))
        scope = f"{moment[:8]}/{self._region}/{self._service}/aws4_request"
        content = headers.get("x-amz-content-sha256") or (sha256(body).hexdigest() if body else EMPTY_SHA256)
        canonical = _canonical_request(method, path, query, headers, signed, content)
        to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = _digest(self._key(secret_key, moment[:8]), to_sign.encode()).hex()
        return f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"

    def prepare(self) -> None:
        """Imports what signing needs."""
        import hashlib  # noqa: F401

    def forget(self) -> None:
        """Drops the derived key."""
        self._derived = ("", "", None)

    def _key(self, secret_key: str, date: str) -> Keyed:
        known_date, known_secret, key = self._derived  # read at once: another thread may replace it
        if key is None or known_date != date or known_secret != secret_key:
            key = _keyed(f"AWS4{secret_key}".encode())
            for part in (date, self._region, self._service, "aws4_request"):
                key = _keyed(_digest(key, part.encode()))
            self._derived = (date, secret_key, key)
        return key


def _keyed(key: bytes) -> Keyed:
    """HMAC-SHA256 (RFC 2104) with its key taken in: ``hmac.digest`` does that, and looks its hash up, at every call: 20 µs."""
    from hashlib import sha256

    block = (sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))


def _digest(key: Keyed, text: bytes) -> bytes:
    inner, outer = key[0].copy(), key[1].copy()
    inner.update(text)
    outer.update(inner.digest())
    found: bytes = outer.digest()
    return found


_INNER, _OUTER = bytes([byte ^ 0x36 for byte in range(256)]), bytes([byte ^ 0x5C for byte in range(256)])


def _canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], signed: str, content: str) -> str:
    """Runs of white space in a header's value count as one space, none at its ends."""
    lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers)])
    return f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{content}"
