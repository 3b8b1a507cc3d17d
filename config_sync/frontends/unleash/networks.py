"""Networks as Unleash's engine reads them: an address, alone or with a prefix length or an IPv4 mask.

Used by the Unleash front end only.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from config_sync.ir import Network

_PREFIX = re.compile(r"\+?[0-9]{1,20}")


def network_in(text: str) -> Network | None:
    """``10.0.0.0/8``, ``10.0.0.0/255.0.0.0``, ``10.1.2.3``, ``2001:db8::/32``; None for what is none of these."""
    address, slash, length = text.partition("/")
    found = _address(address)
    if found is None:
        return None
    version, bits = found
    width = 32 if version == 4 else 128
    prefix = _prefix(length, version) if slash else width
    return Network(version, bits, prefix) if prefix is not None and prefix <= width else None


def _address(text: str) -> tuple[int, int] | None:
    if not text.isascii() or "%" in text:  # Python also takes zones, and other scripts' digits
        return None
    try:
        return (6, int(IPv6Address(text))) if ":" in text else (4, int(IPv4Address(text)))
    except AddressValueError:
        return None


def _prefix(text: str, version: int) -> int | None:
    """Digits, perhaps a ``+`` before them; or, for IPv4, a mask without gaps."""
    if _PREFIX.fullmatch(text):
        return int(text)
    mask = _address(text) if version == 4 and ":" not in text else None
    if mask is None:
        return None
    ones = mask[1].bit_count()
    return ones if mask[1] == (1 << 32) - (1 << (32 - ones)) else None
