"""Which bytes a pattern can't tell apart, and what each means to an anchor. Used by ``config_sync.regex`` only."""

from collections.abc import Iterable
from enum import IntEnum

from config_sync.regex.nfa import Bytes, Guard, Nfa
from config_sync.regex.syntax import WORDS, Anchor
from config_sync.regex.words import tracker


class Kind(IntEnum):
    """What stands before or after a position, as far as anchors care. EDGE is the begin or the end of the text."""

    OTHER = 0
    WORD = 1
    NEWLINE = 2
    CONTINUATION = 3
    EDGE = 4


def kind_of(byte: int) -> Kind:
    if byte == 0x0A:
        return Kind.NEWLINE
    if 0x80 <= byte <= 0xBF:
        return Kind.CONTINUATION
    return Kind.WORD if byte < 0x80 and (chr(byte).isalnum() or byte == 0x5F) else Kind.OTHER


def holds(anchor: Anchor, before: Kind, after: Kind) -> bool:
    """Whether an anchor holds between two bytes. Inside a character, before a continuation byte, none does."""
    match anchor:
        case Anchor.BEGIN_TEXT:
            return before is Kind.EDGE
        case Anchor.BEGIN_LINE:
            return before in (Kind.EDGE, Kind.NEWLINE)
        case Anchor.END_TEXT:
            return after is Kind.EDGE
        case Anchor.END_LINE:
            return after in (Kind.EDGE, Kind.NEWLINE)
    sides = before is Kind.WORD, after is Kind.WORD
    fits = (all(wanted in (None, side) for wanted, side in zip(way, sides, strict=True)) for way in WORDS[anchor])
    return after is not Kind.CONTINUATION and any(fits)


class ByteClasses:
    """A partition of the 256 byte values: ``of[byte]`` is the class, ``first[class]`` its first byte, ``kinds[class]`` its
    kind; classes are numbered by their first bytes."""

    def __init__(self, nfa: Nfa) -> None:
        self.of = [0] * 256
        self._refine_by_moves(state for state in nfa.states if isinstance(state, Bytes))
        if any(isinstance(state, Guard) for state in nfa.states):
            self._refine([kind_of(byte) for byte in range(256)])
        if nfa.asks_for_words:
            self._refine(tracker().alike)
        self.count = max(self.of) + 1
        self.first = [self.of.index(number) for number in range(self.count)]
        self.kinds = [kind_of(byte) for byte in self.first]

    def _refine_by_moves(self, states: Iterable[Bytes]) -> None:
        """Counted repetitions copy states whose moves differ in their successors only: each shape is looked at once."""
        seen: set[tuple[tuple[int, int, int], ...]] = set()
        for state in states:
            order: dict[int, int] = {}
            shape = tuple((low, high, order.setdefault(successor, len(order) + 1)) for low, high, successor in state.moves)
            if shape in seen:
                continue
            seen.add(shape)
            marks = [0] * 256
            for low, high, mark in shape:
                marks[low : high + 1] = [mark] * (high - low + 1)
            self._refine(marks)

    def _refine(self, marks: Iterable[int]) -> None:
        numbers: dict[tuple[int, int], int] = {}
        self.of = [numbers.setdefault(pair, len(numbers)) for pair in zip(self.of, marks, strict=True)]

    def covered(self, low: int, high: int) -> list[int]:
        """The classes of the bytes ``low`` to ``high``, each once."""
        return list(dict.fromkeys(self.of[low : high + 1]))
