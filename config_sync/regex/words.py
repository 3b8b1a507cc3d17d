"""Where Unicode's words begin and end, a byte at a time. Used by ``config_sync.regex`` only.

A word boundary asks about the characters on its two sides, and a character is one to four bytes. A tracker follows the text: at
the end of a character it knows whether that one is a word's; inside one it knows what may still become of it.
"""

from functools import lru_cache

from config_sync.regex.charsets import unicode_perl
from config_sync.regex.utf8 import ByteSequence, byte_sequences

OTHER, WORD = 0, 1  # the nodes between characters: after none of a word (or nothing), after a word's

_Inside = tuple[tuple[ByteSequence, ...], int]  # what would make it a word's character, and how many bytes are missing


class WordTracker:
    """``steps[node][byte]`` is the next node; those above WORD are inside a character. The text must be UTF-8.

    ``alike[byte]``: the same number for bytes that lead to the same node from every node.
    """

    def __init__(self) -> None:
        self._sequences = tuple(byte_sequences(unicode_perl("w")))
        self._known: dict[_Inside, int] = {}
        self._insides: list[_Inside] = []
        self.steps: list[list[int]] = [self._row(self._sequences, None)]
        self.steps.append(self.steps[0])
        for tails, missing in self._insides:  # grows while it is read
            self.steps.append(self._row(tails, missing))
        numbers: dict[tuple[int, ...], int] = {}
        self.alike = [numbers.setdefault(column, len(numbers)) for column in zip(*self.steps, strict=True)]

    def _row(self, tails: tuple[ByteSequence, ...], missing: int | None) -> list[int]:
        return [self._after(tails, byte, missing) for byte in range(256)]

    def _after(self, tails: tuple[ByteSequence, ...], byte: int, missing: int | None) -> int:
        left = (_length(byte) if missing is None else missing) - 1
        rest = tuple(tail[1:] for tail in tails if tail[0][0] <= byte <= tail[0][1])
        if left <= 0:
            return WORD if rest else OTHER
        return self._node((rest, left))

    def _node(self, inside: _Inside) -> int:
        number = self._known.get(inside)
        if number is None:
            self._insides.append(inside)
            number = self._known[inside] = len(self._insides) + WORD
        return number

    def missing(self, node: int) -> int:
        """How many bytes are missing until the end of the character; 0 between characters."""
        return 0 if node <= WORD else self._insides[node - WORD - 1][1]

    def somewhere(self, missing: int) -> int:
        """A node inside a character that won't be a word's; OTHER for no missing bytes."""
        return self._known.get(((), missing), OTHER) if missing else OTHER


def _length(lead: int) -> int:
    """Of a character, by its first byte."""
    return 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


@lru_cache(maxsize=1)
def tracker() -> WordTracker:
    """The one there is; it takes a moment to make."""
    return WordTracker()
