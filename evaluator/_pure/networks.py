"""IP addresses in text, and the networks they lie in (docs/snapshot-format.md, section 4.9). Used by ``_pure`` only."""

import re
from typing import Final, NamedTuple

_OCTET: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_GROUP: Final = re.compile(r"[0-9A-Fa-f]{1,4}")
_GROUPS: Final = 8


class Address(NamedTuple):
    """``version`` 4 or 6; ``bits``: 128 of them, IPv4 in the highest 32, so that prefixes compare alike."""

    version: int
    bits: int


def parse_address(text: str) -> Address | None:
    """The address that the whole text is, or None."""
    if ":" not in text:
        value = _ipv4(text)
        return None if value is None else Address(4, value << 96)
    groups = _ipv6(text)
    if groups is None:
        return None
    bits = 0
    for group in groups:
        bits = bits << 16 | group
    return Address(6, bits)


def _ipv4(text: str) -> int | None:
    """Four decimal numbers without leading zeros."""
    parts = text.split(".")
    if len(parts) != 4 or not all(_OCTET.fullmatch(part) and int(part) < 256 for part in parts):
        return None
    return int.from_bytes(bytes(map(int, parts)), "big")


def _ipv6(text: str) -> list[int] | None:
    """Eight groups; ``::`` stands for at least one of them that is zero, and may occur once."""
    head, gap, tail = text.partition("::")
    left, right = _part(head, last=not gap), _part(tail, last=True)
    if left is None or right is None:
        return None
    if not gap:
        return left if len(left) == _GROUPS else None
    missing = _GROUPS - len(left) - len(right)
    return [*left, *[0] * missing, *right] if missing > 0 else None


def _part(text: str, last: bool) -> list[int] | None:
    """The groups between colons; the last two may be written as an IPv4 address."""
    if text == "":
        return []
    groups: list[int] = []
    pieces = text.split(":")
    for number, piece in enumerate(pieces, 1):
        embedded = _ipv4(piece) if last and number == len(pieces) else None
        if embedded is not None:
            groups += [embedded >> 16, embedded & 0xFFFF]
        elif _GROUP.fullmatch(piece):
            groups.append(int(piece, 16))
        else:
            return None
    return groups


def is_in_network(address: Address, network: tuple[int, int, int]) -> bool:
    """Whether an address of the same version begins with the network's prefix; ``network`` as it lies in ``numbers``."""
    kind, high, low = network
    version, prefix = kind >> 8, kind & 0xFF
    return address.version == version and (address.bits ^ (high << 64 | low)) >> (128 - prefix) == 0


def is_network(kind: int) -> bool:
    """Whether a network's first number is one: a version and a prefix length that it has."""
    version, prefix = kind >> 8, kind & 0xFF
    return (version == 4 and prefix <= 32) or (version == 6 and prefix <= 128)
