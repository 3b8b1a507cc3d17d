"""From ranges of code points to ranges of UTF-8 bytes (RFC 3629). Used by ``config_sync.regex`` only."""

from config_sync.regex.syntax import Ranges

ByteSequence = tuple[tuple[int, int], ...]

_LASTS = (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)  # the last code point of each encoded length


def byte_sequences(ranges: Ranges) -> list[ByteSequence]:
    """Sequences of byte ranges that together match exactly the encodings of the set, in ascending order.

    Surrogates have no encoding and are left out. Two sequences that begin with a common byte have the same first range.
    """
    sequences: list[ByteSequence] = []
    for low, high in ranges:
        _split(low, min(high, 0xD7FF), sequences)
        _split(max(low, 0xE000), high, sequences)
    return sequences


def _split(low: int, high: int, sequences: list[ByteSequence]) -> None:
    """Cut at changes of length, then until only one byte varies beside wholly free ones after it."""
    if low > high:
        return
    for last in _LASTS:
        if low <= last < high:
            _split(low, last, sequences)
            _split(last + 1, high, sequences)
            return
    for tail in range(1, _length(high)):
        mask = (1 << (6 * tail)) - 1
        if low & ~mask == high & ~mask:
            continue
        if low & mask:
            _split(low, low | mask, sequences)
            _split((low | mask) + 1, high, sequences)
            return
        if high & mask != mask:
            _split(low, (high & ~mask) - 1, sequences)
            _split(high & ~mask, high, sequences)
            return
    sequences.append(tuple(zip(chr(low).encode(), chr(high).encode(), strict=True)))


def _length(point: int) -> int:
    return next(length for length, last in enumerate(_LASTS, 1) if point <= last)
