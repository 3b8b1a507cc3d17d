"""The pure core's hashes and encodings against published vectors, and both cores against them through a whole evaluation."""

import hashlib
import json
import math
import random
from types import ModuleType
from typing import Any

import cbor2
import pytest

from evaluator._pure import hashing
from evaluator._pure.buckets import bucket_of
from evaluator.snapshot import opcodes as codes
from tests.conftest import conformance_data, spec_data
from tests.evaluator.builder import Tables

SMHASHER = 0x9747B28C


def vectors() -> list[dict[str, Any]]:
    place = spec_data("hash_vectors.json")
    if place is None:
        pytest.skip("the requirements' hash vectors are not on this machine")
    found: list[dict[str, Any]] = json.loads(place.read_text())
    return found


def bucket_of_unit(implementation: ModuleType, unit: str, **how: Any) -> int:
    """The bucket that a whole evaluation reports."""
    tables = Tables()
    variant = tables.variant("a", 1)
    if "suffix" in how:
        how["suffix"], how["suffix_length"] = tables.text(how["suffix"])
    split = tables.split(tables.attribute("targetingKey"), [(2**64 - 1, variant)], **how)
    tables.flag("f", split, [], [variant])
    bucket = implementation.Evaluator(tables.snapshot()).evaluate("f", {"targetingKey": unit}).bucket
    assert isinstance(bucket, int)
    return bucket


def test_hash_01_md5_vectors(implementation: ModuleType) -> None:
    found = vectors()
    assert found
    for vector in found:
        suffix = f":{vector['salt']}"
        assert hashing.hash_bytes(codes.HASH_MD5_LE32, (vector["user_id"] + suffix).encode(), 0) == vector["md5_le32"]
        for total, expected in ((100, "md5_mod100"), (10_000, "md5_mod10000")):
            how = {"hash": codes.HASH_MD5_LE32, "space": codes.SPACE_MODULO, "total": total, "suffix": suffix}
            assert bucket_of_unit(implementation, vector["user_id"], **how) == vector[expected]


def test_hash_02_murmur_vectors(implementation: ModuleType) -> None:
    found = vectors()
    assert found
    for vector in found:
        data = bytes.fromhex(vector["input_utf8_hex"])
        expected = vector["murmur3_x86_32_seed_9747b28c"]
        assert hashing.murmur3_32(data, SMHASHER) == expected
        assert bucket_of_unit(implementation, vector["user_id"], seed=SMHASHER, suffix=f":{vector['salt']}") == expected


def test_hash_02_murmur_known_answers(implementation: ModuleType) -> None:
    for text, seed, expected in (
        ("test", SMHASHER, 0x704B81DC),
        ("abc", SMHASHER, 0xC84A62DD),
        ("", 0, 0),
        ("", 1, 0x514E28B7),
    ):
        assert hashing.murmur3_32(text.encode(), seed) == expected
        assert bucket_of_unit(implementation, text, seed=seed) == expected


def test_hash_02_the_public_murmur_vectors(implementation: ModuleType) -> None:
    place = conformance_data("murmur3", "vectors.json")
    if place is None:
        pytest.skip("the public MurmurHash3 vectors are not on this machine")
    cases = json.loads(place.read_text())["cases"]
    assert len(cases) > 100
    for case in cases:
        data = bytes.fromhex(case["hex"])
        assert hashing.murmur3_32(data, case["seed"]) == case["x86_32"]
        if case["seed"] == 0:
            assert hashing.checksum(data) == int(case["x64_128_h1"])
        if case.get("utf8") is not None:
            assert bucket_of_unit(implementation, case["utf8"], seed=case["seed"]) == case["x86_32"]


def test_hash_04_half_of_ten_thousand_users(implementation: ModuleType) -> None:
    tables = Tables()
    variant = tables.variant("on", True)
    suffix, length = tables.text(":rollout_50")
    how = {"hash": codes.HASH_MD5_LE32, "space": codes.SPACE_MODULO, "total": 100, "suffix": suffix, "suffix_length": length}
    tables.flag("f", tables.split(tables.attribute("targetingKey"), [(49, variant)], **how), [], [variant])
    evaluator = implementation.Evaluator(tables.snapshot())
    assert sum(evaluator.boolean("f", {"targetingKey": f"user_{number}"}, False) for number in range(10_000)) == 4_969


def test_hash_17_independent_seeds_and_prefixes(implementation: ModuleType) -> None:
    found = {bucket_of_unit(implementation, "user", seed=seed) for seed in range(50)}
    assert len(found) == 50
    assert bucket_of_unit(implementation, "a:b", suffix=":c") != bucket_of_unit(implementation, "a", suffix=":b:d")


@pytest.mark.parametrize(
    ("digest", "bucket"), [(0, 0), (1, 1), (2**31 - 1, 2**31 - 1), (2**31, 2**31), (2**31 + 1, 2**31 - 1), (2**32 - 1, 1)]
)
def test_the_absolute_space(digest: int, bucket: int) -> None:
    assert bucket_of(codes.SPACE_ABSOLUTE, 0, digest) == bucket


# Published (RFC 3174, FIPS 180-4; FNV: Noll's test_fnv.c; MD5: RFC 1321), and JavaScript's charCodeAt outside Latin-1.
KNOWN_ANSWERS = [
    (codes.HASH_MD5_BE32, "abc", 0x90015098),
    (codes.HASH_MD5_BE32, "", 0xD41D8CD9),
    (codes.HASH_SHA1_28, "abc", 0xA9993E3),
    (codes.HASH_SHA1_60, "abc", 0xA9993E364706816),
    (codes.HASH_SHA1_60, "", 0xDA39A3EE5E6B4B0),
    (codes.HASH_SHA1_60, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 0x84983E441C3BD26),
    (codes.HASH_SHA1_60, "a" * 1_000_000, 0x34AA973CD4C4DAA),
    (codes.HASH_FNV1A_32, "", 0x811C9DC5),
    (codes.HASH_FNV1A_32, "a", 0xE40C292C),
    (codes.HASH_FNV1A_32, "foobar", 0xBF9CF968),
]


@pytest.mark.parametrize(("code", "text", "expected"), KNOWN_ANSWERS, ids=lambda part: str(part)[:40])
def test_known_answers_of_other_hashes(implementation: ModuleType, code: int, text: str, expected: int) -> None:
    assert hashing.hash_bytes(code, text.encode(), 0) == expected
    assert bucket_of_unit(implementation, text, hash=code) == expected


@pytest.mark.parametrize("length", [*range(0, 200), 1_000, 4_095, 4_096, 100_000])
def test_other_hashes_of_every_length(implementation: ModuleType, length: int) -> None:
    """Around the ends of blocks (55, 56, 63, 64, 65, 119, 120 …) padding differs; the suffix moves them about."""
    unit = "".join(map(chr, random.Random(length).choices(range(32, 127), k=length)))
    for suffix in ("", ".salt"):
        data = (unit + suffix).encode()
        sha1 = hashlib.sha1(data).hexdigest()
        assert bucket_of_unit(implementation, unit, hash=codes.HASH_SHA1_60, suffix=suffix) == int(sha1[:15], 16)
        assert bucket_of_unit(implementation, unit, hash=codes.HASH_SHA1_28, suffix=suffix) == int(sha1[:7], 16)
        md5 = int(hashlib.md5(data).hexdigest()[:8], 16)
        assert bucket_of_unit(implementation, unit, hash=codes.HASH_MD5_BE32, suffix=suffix) == md5


def javascript_fnv1a(text: str) -> int:
    """The loop that GrowthBook's SDKs run: xor a code unit, then add shifted copies instead of multiplying."""
    data, value = text.encode("utf-16-le"), 0x811C9DC5
    for low, high in zip(data[::2], data[1::2], strict=True):
        value ^= low | high << 8
        value = (value + (value << 1) + (value << 4) + (value << 7) + (value << 8) + (value << 24)) & 0xFFFFFFFF
    return value


WIDTHS = "a\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffffz"  # around the ends of each length in UTF-8 and UTF-16


@pytest.mark.parametrize("unit", ["", "1", "user-1", "ß", "日本語", "\U0001f600", WIDTHS])
def test_fnv1a_of_utf16_code_units(implementation: ModuleType, unit: str) -> None:
    for suffix in ("", "-é-\U0001f680"):
        once = javascript_fnv1a(unit + suffix)
        assert bucket_of_unit(implementation, unit, hash=codes.HASH_FNV1A_32, suffix=suffix) == once
        twice = javascript_fnv1a(str(once))
        assert bucket_of_unit(implementation, unit, hash=codes.HASH_FNV1A_32_DECIMAL, suffix=suffix) == twice


def json_values(chance: random.Random, depth: int = 3) -> Any:
    kind = chance.randrange(9 if depth else 7)
    if kind < 3:
        return chance.choice(
            [None, True, False, chance.getrandbits(chance.choice([4, 8, 16, 32, 64])), -chance.getrandbits(40)]
        )
    if kind < 5:
        return chance.choice([chance.random(), chance.randrange(10**6) / 8, chance.uniform(-1e300, 1e300), math.inf, 65504.5])
    if kind < 7:
        return "".join(chance.choice("ab€😀") for _ in range(chance.randrange(30)))
    if kind == 7:
        return [json_values(chance, depth - 1) for _ in range(chance.randrange(30))]
    return {str(json_values(chance, 0)): json_values(chance, depth - 1) for _ in range(chance.randrange(30))}


def without_whole_floats(value: Any) -> Any:
    """Whole floats as integers: what the format asks for and RFC 8949 doesn't."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [without_whole_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: without_whole_floats(item) for key, item in value.items()}
    return value


def bytewise(value: Any) -> Any:
    """Maps sorted by their encoded keys (RFC 8949, 4.2.1); cbor2's own canonical order is the older one, by length first."""
    if isinstance(value, list):
        return [bytewise(item) for item in value]
    if isinstance(value, dict):
        return {key: bytewise(value[key]) for key in sorted(value, key=cbor2.dumps)}
    return value


def test_canonical_cbor_is_what_another_encoder_writes() -> None:
    chance = random.Random(7)
    for _ in range(3_000):
        value = json_values(chance)
        encoded = hashing.canonical_cbor(value)
        plain = without_whole_floats(value)
        assert cbor2.loads(encoded) == plain
        expected = bytewise(plain)
        if not isinstance(plain, list | dict):
            assert encoded == cbor2.dumps(expected, canonical=True)
        assert list_order(cbor2.loads(encoded)) == list_order(expected)


def list_order(value: Any) -> Any:
    """A value as nested lists, so that the order of a map's keys counts in comparisons."""
    if isinstance(value, dict):
        return [[key, list_order(item)] for key, item in value.items()]
    return [list_order(item) for item in value] if isinstance(value, list) else value
