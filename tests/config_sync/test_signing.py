"""Signatures: keys as openssl makes them, one name per key, and no other bytes pass for signed ones."""

import hashlib
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest

from config_sync.signing import Signer, SigningError, is_signed_by, key_id
from evaluator.snapshot.manifest import SIGNED_PREFIX, Manifest, parse, seal


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key made as the documentation says."""
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)], check=True, capture_output=True)
    return path


def sealed(signer: Signer) -> bytes:
    manifest = Manifest(1, "0" * 64, 10, "0" * 16, 1, 1_750_000_000_000)
    return seal(manifest, {signer.key_id: signer.sign(parse(seal(manifest)).signed)})


def test_a_signature_is_checked_with_the_public_key(pem: Path) -> None:
    signer = Signer.from_file(pem)
    envelope = parse(sealed(signer))
    assert set(envelope.signatures) == {signer.key_id}
    assert is_signed_by(b64decode(signer.public_text), envelope.signatures, envelope.signed)


def test_openssl_accepts_the_signature(pem: Path, tmp_path: Path) -> None:
    """Nobody needs this project's code to check a manifest."""
    signer = Signer.from_file(pem)
    envelope = parse(sealed(signer))
    (tmp_path / "signed").write_bytes(SIGNED_PREFIX + envelope.payload)
    (tmp_path / "signature").write_bytes(envelope.signatures[signer.key_id])
    public = subprocess.run(["openssl", "pkey", "-in", str(pem), "-pubout"], check=True, capture_output=True).stdout
    (tmp_path / "public").write_bytes(public)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(tmp_path / "public"), "-rawin"]
    command += ["-in", str(tmp_path / "signed"), "-sigfile", str(tmp_path / "signature")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_the_public_key_is_what_openssl_prints(pem: Path) -> None:
    """docs/store.md: the last 32 bytes of the DER form, in base64."""
    der = subprocess.run(
        ["openssl", "pkey", "-in", str(pem), "-pubout", "-outform", "DER"], check=True, capture_output=True
    ).stdout
    signer = Signer.from_file(pem)
    assert b64decode(signer.public_text) == der[-32:]
    assert signer.key_id == hashlib.sha256(der[-32:]).hexdigest()[:16] == key_id(der[-32:])


def test_the_known_answer_of_rfc_8032() -> None:
    """Test 1 of RFC 8032, section 7.1: the empty message."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    prefix = bytes.fromhex("302e020100300506032b657004220420")
    from base64 import b64encode

    pem = b"-----BEGIN PRIVATE KEY-----\n" + b64encode(prefix + secret) + b"\n-----END PRIVATE KEY-----\n"
    signer = Signer(pem)
    assert signer.public_key.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert signer.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")


@pytest.mark.parametrize("at", [0, 20, -1])
def test_other_bytes_are_not_signed(pem: Path, at: int) -> None:
    signer = Signer.from_file(pem)
    envelope = parse(sealed(signer))
    spoiled = bytearray(envelope.signed)
    spoiled[at] ^= 1
    assert not is_signed_by(signer.public_key, envelope.signatures, bytes(spoiled))
    assert not is_signed_by(signer.public_key, envelope.signatures, envelope.payload)  # without its prefix
    assert not is_signed_by(signer.public_key, {}, envelope.signed)
    assert not is_signed_by(signer.public_key, {signer.key_id: b"short"}, envelope.signed)


def test_another_key_did_not_sign(pem: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(other)], check=True, capture_output=True)
    envelope, stranger = parse(sealed(Signer.from_file(pem))), Signer.from_file(other)
    assert not is_signed_by(stranger.public_key, envelope.signatures, envelope.signed)
    taken_over = {stranger.key_id: next(iter(envelope.signatures.values()))}
    assert not is_signed_by(stranger.public_key, taken_over, envelope.signed)


@pytest.mark.parametrize("arguments", [["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["-algorithm", "x25519"]])
def test_keys_of_another_kind_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", *arguments, "-out", str(path)], check=True, capture_output=True)
    with pytest.raises(SigningError, match=r"key\.pem: not an Ed25519 key; make one with: openssl genpkey"):
        Signer.from_file(path)


def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SigningError, match=r"nothing\.pem: No such file.*openssl"):
        Signer.from_file(tmp_path / "nothing.pem")
    with pytest.raises(SigningError) as caught:
        Signer(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "the secret SYNC_KEY")
    assert "SYNC_KEY" in str(caught.value) and "c2VjcmV0" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_encrypted_key_is_refused(pem: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked.pem"
    command = ["openssl", "pkcs8", "-topk8", "-in", str(pem), "-out", str(locked), "-passout", "pass:x"]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(SigningError, match="not an unencrypted private key"):
        Signer.from_file(locked)
