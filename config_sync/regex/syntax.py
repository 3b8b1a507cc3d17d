"""The syntax tree of a pattern. Groups, names and laziness are gone: only the language matters. For this package only."""

from dataclasses import dataclass
from enum import Enum

Ranges = tuple[tuple[int, int], ...]
"""A set of code points or bytes: inclusive ranges, ascending, neither overlapping nor touching."""


class Syntax(Enum):
    """How a pattern is written: RE2's way, or that of Rust's regex crate, where classes and words are Unicode's."""

    RE2 = "RE2"
    RUST = "Rust"


class Anchor(Enum):
    """Assertions about a position."""

    BEGIN_TEXT = "begin of text"
    END_TEXT = "end of text"
    BEGIN_LINE = "begin of line"
    END_LINE = "end of line"
    WORD = "word boundary"
    NOT_WORD = "no word boundary"
    WORD_START = "start of a word"
    WORD_END = "end of a word"
    NOT_AFTER_WORD = "not after a word's character"
    NOT_BEFORE_WORD = "not before a word's character"


Side = bool | None
WORDS: dict[Anchor, tuple[tuple[Side, Side], ...]] = {
    Anchor.WORD: ((True, False), (False, True)),
    Anchor.NOT_WORD: ((True, True), (False, False)),
    Anchor.WORD_START: ((False, True),),
    Anchor.WORD_END: ((True, False),),
    Anchor.NOT_AFTER_WORD: ((False, None),),
    Anchor.NOT_BEFORE_WORD: ((None, False),),
}
"""Whether the characters before and after are a word's where these anchors hold: each pair is one way; None is either."""


@dataclass(frozen=True, slots=True)
class Empty:
    """Matches the empty string."""


@dataclass(frozen=True, slots=True)
class Chars:
    """Matches one code point of the set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Assertion:
    """Matches the empty string where the anchor holds. A word is ``[0-9A-Za-z_]``, or ``charsets.unicode_word()``."""

    anchor: Anchor
    unicode: bool = False


@dataclass(frozen=True, slots=True)
class Concat:
    """Matches its items one after the other; at least two, none of them empty."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Alternate:
    """Matches any of its items; at least two."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """Matches its item ``low`` to ``high`` times; ``high`` None is without end. The item isn't empty."""

    item: "Node"
    low: int
    high: int | None


Node = Empty | Chars | Assertion | Concat | Alternate | Repeat


def concat(items: list[Node]) -> Node:
    """The items one after the other, without the empty ones."""
    kept = tuple(item for item in items if not isinstance(item, Empty))
    if len(kept) > 1:
        return Concat(kept)
    return kept[0] if kept else Empty()


def alternate(items: list[Node]) -> Node:
    """Any of the items. Single code points become one set, whose automaton is much smaller."""
    sets = [item.ranges for item in items if isinstance(item, Chars)]
    kept: list[Node] = [item for item in dict.fromkeys(items) if not isinstance(item, Chars)]
    if sets:
        kept.append(Chars(union(*sets)))
    return kept[0] if len(kept) == 1 else Alternate(tuple(kept))


def repeat(item: Node, low: int, high: int | None) -> Node:
    """The item ``low`` to ``high`` times; repeating nothing, or nothing repeated, is empty."""
    if isinstance(item, Empty) or high == 0:
        return Empty()
    return Repeat(item, low, high)


def union(*sets: Ranges) -> Ranges:
    """The union, in the canonical form of ``Ranges``; its arguments need not be in it."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for ranges in sets for pair in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def intersect(left: Ranges, right: Ranges) -> Ranges:
    """The code points in both sets."""
    return negate(union(negate(left), negate(right)))


def negate(ranges: Ranges, last: int = 0x10FFFF) -> Ranges:
    """All code points up to ``last`` that aren't in the set."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= last:
        gaps.append((start, last))
    return tuple(gaps)
