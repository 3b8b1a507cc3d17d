"""The manifest's bytes: what is written is read again, and nothing else is taken for a manifest."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.errors import BurgeeError, ManifestError, UnsupportedManifest
from evaluator.snapshot.manifest import (
    KINDS,
    MAX_MANIFEST_BYTES,
    MAX_VERSION,
    SIGNED_PREFIX,
    Manifest,
    manifest_name,
    object_name,
    parse,
    seal,
    to_payload,
)

_HEX = "0123456789abcdef"
_counts = st.integers(0, 2**53 - 1)
_versions = st.integers(1, MAX_VERSION)
_texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
MANIFESTS = st.builds(
    Manifest,
    _versions,
    st.text(_HEX, min_size=64, max_size=64),
    _counts,
    st.text(_HEX, min_size=16, max_size=16),
    _counts,
    _counts,
    tombstones=_counts,
    kind=st.sampled_from(KINDS),
    of=st.none() | _versions,
    held=st.booleans(),
    message=_texts,
    previous=st.none() | _texts,
)
SIGNATURES = st.dictionaries(st.text(_HEX, min_size=16, max_size=16), st.binary(min_size=64, max_size=64), max_size=3)


def manifest(**fields: Any) -> Manifest:
    basic = {"version": 3, "object": "ab" * 32, "size": 10, "snapshot_version": "cd" * 8, "flags": 2, "published_at": 5}
    return Manifest(**{**basic, **fields})


def stored(payload: bytes, **more: Any) -> bytes:
    """Any payload with a seal that fits."""
    seal_line = {"sha256": hashlib.sha256(payload).hexdigest(), "signatures": {}, **more}
    return payload + b"\n" + json.dumps(seal_line).encode() + b"\n"


def altered(**fields: Any) -> bytes:
    return stored(json.dumps({**json.loads(to_payload(manifest())), **fields}).encode())


@given(MANIFESTS, SIGNATURES)
def test_what_is_sealed_is_read_again(written: Manifest, signatures: dict[str, bytes]) -> None:
    envelope = parse(seal(written, signatures))
    assert envelope.manifest == written
    assert envelope.signatures == signatures
    assert envelope.payload == to_payload(written)
    assert envelope.signed == SIGNED_PREFIX + to_payload(written)
    assert envelope.name == manifest_name(written.version, hashlib.sha256(envelope.payload).hexdigest())


@given(MANIFESTS)
def test_it_is_two_lines_of_ascii(written: Manifest) -> None:
    data = seal(written)
    assert data.isascii() and data.count(b"\n") == 2 and data.endswith(b"\n")


@given(MANIFESTS, MANIFESTS)
def test_equal_manifests_have_equal_bytes(left: Manifest, right: Manifest) -> None:
    assert (left == right) == (seal(left) == seal(right))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_manifest_or_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse(data)


@given(MANIFESTS, st.data())
def test_a_changed_byte_is_damage(written: Manifest, draw: st.DataObject) -> None:
    """Damage of the seal's own line that leaves it a seal isn't seen: the payload is what counts."""
    data = bytearray(seal(written))
    at = draw.draw(st.integers(0, len(to_payload(written))))
    data[at] ^= draw.draw(st.integers(1, 255))
    with pytest.raises(ManifestError) as caught:
        parse(bytes(data))
    assert type(caught.value) is ManifestError, "reading it again may help"


def test_cut_short_at_any_byte_is_damage() -> None:
    data = seal(manifest(message="ü"), {"0" * 16: b"x" * 64})
    for length in range(len(data)):
        with pytest.raises(ManifestError) as caught:
            parse(data[:length])
        assert type(caught.value) is ManifestError, f"{length} bytes"


def test_more_than_it_is_damage() -> None:
    data = seal(manifest())
    for more in (b"x", b"\n", b" ", data):
        with pytest.raises(ManifestError):
            parse(data + more)


def test_a_manifest_has_a_size_that_nothing_honest_reaches() -> None:
    assert len(parse(seal(manifest(message="x" * 10_000))).manifest.message) == 10_000
    with pytest.raises(ManifestError, match=f"more than {MAX_MANIFEST_BYTES} bytes"):
        parse(seal(manifest(message="x" * MAX_MANIFEST_BYTES)))


# --- what a later Burgee may write ------------------------------------------------------------------------------------


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert parse(altered(region="eu", object2=[1, {}])).manifest == manifest()
    seal_line = stored(to_payload(manifest()), looked_at=7, nonce="0")
    assert parse(seal_line).manifest == manifest()


def test_another_format_is_unsupported() -> None:
    for number in (0, 2, "1", None, 1.5):
        with pytest.raises(UnsupportedManifest, match=r"manifest format .* is not 1"):
            parse(altered(format=number))


def test_fields_that_are_missing() -> None:
    """The first format's required fields stay required."""
    fields = json.loads(to_payload(manifest(of=2, previous="p")))
    for name in fields:
        payload = json.dumps({key: value for key, value in fields.items() if key != name}).encode()
        if name in ("of", "previous", "message"):
            parse(stored(payload))
        else:
            with pytest.raises(UnsupportedManifest):
                parse(stored(payload))


WRONG: dict[str, tuple[Any, ...]] = {
    "version": (0, -1, MAX_VERSION + 1, 1.0, "1", True, None),
    "object": ("", "ab" * 31, "AB" * 32, "../" + "a" * 61, 5, None),
    "size": (-1, 2**53, 1.5, "1", None),
    "snapshot_version": ("", "x" * 16, "a" * 17, 1),
    "flags": (-1, None, [1]),
    "tombstones": (-1, "0"),
    "published_at": (-1, 2**60, None),
    "kind": ("", "deleted", None),
    "of": (0, "1", -4),
    "held": (0, "no", None),
    "message": (5, ["x"]),
    "previous": (5, {}),
}


@pytest.mark.parametrize("name", WRONG)
def test_fields_that_say_something_impossible(name: str) -> None:
    for value in WRONG[name]:
        with pytest.raises(UnsupportedManifest, match=f"the manifest's {name} can't be"):
            parse(altered(**{name: value}))


@pytest.mark.parametrize("signatures", [None, [], "x", {"k": 5}, {"k": "not base64!"}, {"k": "YQ"}, {"k": "ü"}])
def test_signatures_that_are_none(signatures: Any) -> None:
    with pytest.raises(UnsupportedManifest):
        parse(stored(to_payload(manifest()), signatures=signatures))


@pytest.mark.parametrize("payload", [b"[]", b"1", b"null", b'"x"', b"{", b"\xff", b"[" * 10_000])
def test_a_payload_that_is_no_object_is_damage(payload: bytes) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(stored(payload))
    assert type(caught.value) is ManifestError


def test_numbers_beyond_json_are_refused() -> None:
    for text in (b"NaN", b"Infinity", b"1e400"):
        payload = to_payload(manifest()).replace(b'"size":10', b'"size":' + text)
        with pytest.raises(UnsupportedManifest):
            parse(stored(payload))


def test_integers_of_any_length_are_an_error_and_not_a_crash() -> None:
    """Python refuses to convert more than some thousands of digits."""
    payload = to_payload(manifest()).replace(b'"size":10', b'"size":' + b"9" * 10_000)
    with pytest.raises(ManifestError):
        parse(stored(payload))


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_sort_as_versions_do() -> None:
    versions = [1, 2, 9, 10, 11, 99, 100, 12_345, MAX_VERSION - 1, MAX_VERSION]
    names = [manifest_name(version, "ab" * 32) for version in versions]
    assert names == sorted(names)
    assert names[0] == "manifests/0000000001-abababababababab.json"
    assert object_name("ab" * 32) == f"objects/{'ab' * 32}.burgee"
    assert manifest().object_name == object_name("ab" * 32)


def test_errors_are_of_the_family() -> None:
    assert issubclass(UnsupportedManifest, ManifestError) and issubclass(ManifestError, BurgeeError)
