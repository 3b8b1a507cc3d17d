"""Whether a manifest was signed by somebody we trust: Ed25519 (RFC 8032), by ``cryptography``. For ``handlers``.

Imported only where public keys are configured: the import costs many times the check (docs/hot-loading.md has the figures).
"""

from __future__ import annotations

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from evaluator.snapshot.manifest import Envelope


def key_id(public_key: bytes) -> str:
    """What the key's signatures are filed under: the first 16 hex digits of the SHA-256 of its 32 raw bytes."""
    return sha256(public_key).hexdigest()[:16]


def is_signed(envelope: Envelope, public_keys: Iterable[bytes]) -> bool:
    """Whether one of these raw keys made the signature that the envelope holds under its id."""
    return any(_is_signed_by(envelope, key) for key in public_keys)


def _is_signed_by(envelope: Envelope, public_key: bytes) -> bool:
    signature = envelope.signatures.get(key_id(public_key))
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, envelope.signed)
    except (InvalidSignature, ValueError):  # ValueError: 32 bytes that are no point of the curve
        return False
    return True
