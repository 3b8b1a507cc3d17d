"""Ed25519 signatures over manifests: the publisher's side. For the publisher and the command line.

A key is made with ``openssl genpkey -algorithm ed25519 -out key.pem``; docs/store.md says how readers get the public half.
"""

import hashlib
from base64 import b64encode
from os import PathLike
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from evaluator.errors import BurgeeError


class SigningError(BurgeeError):
    """A key that can't be used for signing. Says which, and what to do; nothing of the key itself."""


class Signer:
    """A private key. ``key_id``: the first 16 hex digits of the SHA-256 of the raw public key, the name of its signatures."""

    def __init__(self, pem: bytes, origin: str = "the signing key") -> None:
        """``pem``: an unencrypted PKCS #8 Ed25519 key; ``origin``: what errors call it. Raises SigningError."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise SigningError(f"{origin}: not an unencrypted private key in PEM; {_MAKE}") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningError(f"{origin}: not an Ed25519 key; {_MAKE}")
        self._key = key
        self.public_key: bytes = key.public_key().public_bytes_raw()
        self.key_id: str = key_id(self.public_key)

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> "Signer":
        """Raises SigningError, also when the file can't be read."""
        try:
            pem = Path(path).read_bytes()
        except OSError as error:
            raise SigningError(f"{path}: {error.strerror}; {_MAKE}") from error
        return cls(pem, str(path))

    @property
    def public_text(self) -> str:
        """The public key as readers take it: 32 raw bytes in base64."""
        return b64encode(self.public_key).decode()

    def sign(self, data: bytes) -> bytes:
        """64 bytes. Sign ``Envelope.signed``, never a bare payload."""
        return self._key.sign(data)


def key_id(public_key: bytes) -> str:
    """The name of a raw public key's signatures in a manifest."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def is_signed_by(public_key: bytes, signatures: dict[str, bytes], signed: bytes) -> bool:
    """Whether a manifest (``Envelope.signatures``, ``Envelope.signed``) carries this raw public key's valid signature."""
    signature = signatures.get(key_id(public_key))
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


_MAKE = "make one with: openssl genpkey -algorithm ed25519 -out key.pem"
