"""From a unit to its bytes and from bytes to a hash: the HASH_* and UNIT_* codes.

Made of mmh3 and hashlib, which share no line with the Cython core's hashes. Used by ``_pure`` only.
"""

import hashlib
import math
import struct
from typing import Any, Final

import mmh3

from evaluator._pure.values import EXACT_FLOATS, MAX_INTEGER_BITS, MISSING, UNUSABLE, _Missing, _Unusable, is_unicode, plain
from evaluator.snapshot.opcodes import (
    HASH_FNV1A_32,
    HASH_FNV1A_32_DECIMAL,
    HASH_MD5_BE32,
    HASH_MD5_INTEGER,
    HASH_MD5_LE32,
    HASH_MURMUR3_32,
    HASH_SHA1_28,
    HASH_SHA1_60,
    UNIT_CBOR,
    UNIT_STRING,
    UNIT_TEXT,
    UNIT_TRUTHY,
)

MAX_CBOR_DEPTH: Final = 64
_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_CBOR_WHOLE_FLOATS: Final = 2.0**63  # whole floats below this are encoded as integers

UnitBytes = bytes | _Missing | _Unusable


class NotCbor(Exception):
    """The value isn't JSON, isn't Unicode, or is nested too deep."""


def checksum(payload: bytes | memoryview) -> int:
    """The envelope's checksum: h1 of MurmurHash3_x64_128 with seed 0."""
    return mmh3.hash64(bytes(payload), seed=0, x64arch=True, signed=False)[0]


def murmur3_32(data: bytes, seed: int) -> int:
    """MurmurHash3_x86_32 (Austin Appleby, public domain), 0 .. 2**32-1."""
    return mmh3.hash(data, seed=seed, signed=False)


def hash_bytes(code: int, data: bytes, seed: int) -> int:
    """The hash with this HASH_* code: 32 bits, or as many as its name says (HASH_MD5_INTEGER: 128)."""
    if code == HASH_MURMUR3_32:
        return murmur3_32(data, seed)
    if code in (HASH_SHA1_28, HASH_SHA1_60):
        return int(hashlib.sha1(data, usedforsecurity=False).hexdigest()[: 7 if code == HASH_SHA1_28 else 15], 16)
    if code == HASH_FNV1A_32:
        return fnv1a_32(data.decode())
    if code == HASH_FNV1A_32_DECIMAL:
        return fnv1a_32(str(fnv1a_32(data.decode())))
    return _md5(code, hashlib.md5(data, usedforsecurity=False).digest())


def _md5(code: int, digest: bytes) -> int:
    if code == HASH_MD5_LE32:
        return int.from_bytes(digest[:4], "little")
    if code == HASH_MD5_BE32:
        return int.from_bytes(digest[:4], "big")
    if code == HASH_MD5_INTEGER:
        return int.from_bytes(digest, "big")
    raise ValueError(f"unknown hash code {code}")  # unreachable: the flags that use one answer UNSUPPORTED


def fnv1a_32(text: str) -> int:
    """FNV-1a, 32 bits (Fowler, Noll, Vo), of UTF-16 code units taken whole, as JavaScript's charCodeAt gives them."""
    units = text.encode("utf-16-le")
    digest = _FNV_OFFSET
    for at in range(0, len(units), 2):
        digest = (digest ^ int.from_bytes(units[at : at + 2], "little")) * _FNV_PRIME % 2**32
    return digest


def unit_bytes(code: int, value: object) -> UnitBytes:
    """The unit's bytes by a UNIT_* code; MISSING for one that doesn't count, UNUSABLE for one that can't be encoded."""
    value = plain(value)
    if value is MISSING or value is UNUSABLE:
        return value
    if value is None:
        return MISSING
    if code == UNIT_CBOR:
        return _cbor_or_unusable(value)
    if isinstance(value, str) and not (code == UNIT_TRUTHY and value == ""):
        return value.encode() if is_unicode(value) else UNUSABLE
    if code == UNIT_TRUTHY:
        return _truthy_or_unusable(value)
    if code == UNIT_TEXT:
        return _number_bytes(value)
    if code == UNIT_STRING:
        return MISSING
    raise ValueError(f"unknown unit code {code}")  # unreachable, as above


def _number_bytes(value: object) -> UnitBytes:
    """An integer, or a whole float, in decimals."""
    if isinstance(value, float) and abs(value) < EXACT_FLOATS and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value.bit_length() > MAX_INTEGER_BITS:
        return MISSING
    return str(value).encode()


def _truthy_or_unusable(value: object) -> UnitBytes:
    from evaluator._pure.ecmascript import truthy_text  # which the other units don't need

    try:
        text = truthy_text(value)
    except Exception:  # a list that is too long or too deep
        return UNUSABLE
    return text.encode() if isinstance(text, str) else MISSING


def _cbor_or_unusable(value: object) -> UnitBytes:
    try:
        return canonical_cbor(value)
    except NotCbor:
        return UNUSABLE


def canonical_cbor(value: Any, depth: int = 1) -> bytes:
    """Deterministic CBOR (RFC 8949, section 4.2.1) of a JSON value. Raises NotCbor."""
    value = plain(value)
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, float):
        if not (abs(value) < _CBOR_WHOLE_FLOATS and value.is_integer()):
            return _cbor_float(value)
        value = int(value)
    if isinstance(value, int):
        return _cbor_integer(value)
    if isinstance(value, str):
        return _cbor_text(value)
    return _cbor_container(value, depth)


def _cbor_container(value: Any, depth: int) -> bytes:
    if depth > MAX_CBOR_DEPTH:
        raise NotCbor
    if isinstance(value, list):
        value = tuple(list.__iter__(value))
    if isinstance(value, tuple):
        items = [canonical_cbor(item, depth + 1) for item in tuple.__iter__(value)]
        return _cbor_head(4, len(items)) + b"".join(items)
    if isinstance(value, dict):
        pairs = sorted((_cbor_key(key), canonical_cbor(item, depth + 1)) for key, item in dict.items(value))
        return _cbor_head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    raise NotCbor


def _cbor_key(key: object) -> bytes:
    key = plain(key)
    if not isinstance(key, str):
        raise NotCbor
    return _cbor_text(key)


def _cbor_text(text: str) -> bytes:
    if not is_unicode(text):
        raise NotCbor
    data = text.encode()
    return _cbor_head(3, len(data)) + data


def _cbor_head(major: int, argument: int) -> bytes:
    """Major type and argument in the shortest of the five forms."""
    if argument < 24:
        return bytes([major << 5 | argument])
    for information, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes([major << 5 | information]) + argument.to_bytes(size, "big")
    raise NotCbor  # unreachable: lengths and 64-bit integers fit


def _cbor_integer(value: int) -> bytes:
    """Major type 0 or 1; outside 64 bits a bignum (tags 2 and 3)."""
    negative, magnitude = value < 0, -1 - value if value < 0 else value
    if value.bit_length() > MAX_INTEGER_BITS:
        raise NotCbor
    if magnitude < 1 << 64:
        return _cbor_head(1 if negative else 0, magnitude)
    data = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")
    return (b"\xc3" if negative else b"\xc2") + _cbor_head(2, len(data)) + data


def _cbor_float(value: float) -> bytes:
    """The shortest of half, single and double precision that keeps the value."""
    if math.isnan(value):
        return b"\xf9\x7e\x00"
    for head, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            data = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, data)[0] == value:
            return head + data
    return b"\xfb" + struct.pack(">d", value)
