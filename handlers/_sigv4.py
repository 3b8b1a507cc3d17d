"""AWS Signature Version 4 for requests whose body is at hand. For ``handlers._s3`` and ``handlers._aws_json``.

Written here because the other ways to sign one GET import between 80 and 400 modules (decision 0010); checked against
botocore's own signer on generated requests, and against AWS's published examples. ``hmac`` and ``hashlib`` are imported with
the first signature.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

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
        self._derived: tuple[str, str, bytes] = ("", "", b"")

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
        from hmac import digest

        moment = headers["x-amz-date"]
        signed = ";".join(sorted(headers))
        scope = f"{moment[:8]}/{self._region}/{self._service}/aws4_request"
        content = headers.get("x-amz-content-sha256") or (sha256(body).hexdigest() if body else EMPTY_SHA256)
        canonical = _canonical_request(method, path, query, headers, signed, content)
        to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = digest(self._key(secret_key, moment[:8]), to_sign.encode(), "sha256").hex()
        return f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"

    def prepare(self) -> None:
        """Imports what signing needs."""
        import hashlib  # noqa: F401
        import hmac  # noqa: F401

    def forget(self) -> None:
        """Drops the derived key."""
        self._derived = ("", "", b"")

    def _key(self, secret_key: str, date: str) -> bytes:
        from hmac import digest

        known_date, known_secret, key = self._derived  # read at once: another thread may replace it
        if known_date != date or known_secret != secret_key:
            key = f"AWS4{secret_key}".encode()
            for part in (date, self._region, self._service, "aws4_request"):
                key = digest(key, part.encode(), "sha256")
            self._derived = (date, secret_key, key)
        return key


def _canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], signed: str, content: str) -> str:
    """Runs of white space in a header's value count as one space, none at its ends."""
    lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers)])
    return f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{content}"
