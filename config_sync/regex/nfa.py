"""From the syntax tree to a nondeterministic automaton over bytes (Thompson's construction). For ``config_sync.regex`` only.

It is built from the end backwards, so that every node knows its successors when it is made, and equal byte nodes are one
node: that shares the tails of UTF-8 sequences. Loops are the one place where a successor is filled in later.
"""

from dataclasses import dataclass
from itertools import groupby

from config_sync.regex.errors import UnsupportedPattern
from config_sync.regex.limits import MAX_BUILD_STEPS, MAX_PATTERN_STATES
from config_sync.regex.syntax import Alternate, Anchor, Assertion, Chars, Concat, Empty, Node, Ranges, Repeat
from config_sync.regex.utf8 import ByteSequence, byte_sequences


@dataclass(frozen=True, slots=True)
class Bytes:
    """Reads one byte: ``(low, high, successor)`` for disjoint, ascending byte ranges."""

    moves: tuple[tuple[int, int, int], ...]


@dataclass(slots=True)
class Fork:
    """Goes on at every successor without reading."""

    successors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Guard:
    """Goes on at ``successor`` where the anchor holds."""

    anchor: Anchor
    successor: int
    unicode: bool = False


State = Bytes | Fork | Guard | None
"""None is the one state that has matched, number ``MATCH``."""

MATCH = 0


class Nfa:
    """``states`` by number; a search begins at ``start``, which also reads anything and stays where it is.

    ``asks_for_words``: some guard is about Unicode's words.
    """

    def __init__(self, tree: Node) -> None:
        self.states: list[State] = [None]
        self._known: dict[Bytes | Guard, int] = {}
        self._sets: dict[tuple[Ranges, int], int] = {}
        self._sequences: dict[Ranges, list[ByteSequence]] = {}
        self._steps = 0
        loop = self._fork()
        skip = self._intern(Bytes(((0, 255, loop),)))
        self.start = self._patch(loop, (self._build(tree, MATCH), skip))
        self.asks_for_words = any(isinstance(state, Guard) and state.unicode for state in self.states)

    def _add(self, state: State) -> int:
        if len(self.states) >= MAX_PATTERN_STATES:
            raise UnsupportedPattern(f"this needs more than {MAX_PATTERN_STATES} states; shorten it or lower its repeat counts")
        self.states.append(state)
        return len(self.states) - 1

    def _intern(self, state: Bytes | Guard) -> int:
        number = self._known.get(state)
        if number is None:
            number = self._known[state] = self._add(state)
        return number

    def _fork(self, *successors: int) -> int:
        return self._add(Fork(successors))

    def _patch(self, fork: int, successors: tuple[int, ...]) -> int:
        self.states[fork] = Fork(successors)
        return fork

    def _build(self, node: Node, after: int) -> int:
        """The number of a state from which ``node`` leads to ``after``."""
        self._steps += 1
        if self._steps > MAX_BUILD_STEPS:
            raise UnsupportedPattern("this pattern's repetitions multiply; lower their counts")
        match node:
            case Empty():
                return after
            case Chars(ranges):
                return self._set(ranges, after)
            case Assertion(anchor, unicode):
                return self._intern(Guard(anchor, after, unicode))
            case Concat(items):
                for item in reversed(items):
                    after = self._build(item, after)
                return after
            case Alternate(items):
                return self._fork(*[self._build(item, after) for item in items])
            case Repeat():
                return self._repeat(node, after)

    def _repeat(self, node: Repeat, after: int) -> int:
        """``x{2,4}`` is ``xx(x(x)?)?`` and ``x{2,}`` is ``xx+``: optional copies inside each other keep state sets small."""
        low = node.low
        if node.high is None:
            loop = self._fork()
            body = self._build(node.item, loop)
            self._patch(loop, (body, after))
            low, after = (low - 1, body) if low else (0, loop)
        else:
            end = after
            for _ in range(node.high - low):
                after = self._fork(self._build(node.item, after), end)
        for _ in range(low):
            after = self._build(node.item, after)
        return after

    def _set(self, ranges: Ranges, after: int) -> int:
        number = self._sets.get((ranges, after))
        if number is None:
            if ranges not in self._sequences:
                self._sequences[ranges] = byte_sequences(ranges)
            number = self._sets[ranges, after] = self._tree(self._sequences[ranges], after)
        return number

    def _tree(self, sequences: list[ByteSequence], after: int) -> int:
        """A state that reads any of the sequences: one move per first byte range, equal neighbours joined."""
        moves: list[tuple[int, int, int]] = []
        for (low, high), group in groupby(sequences, key=lambda sequence: sequence[0]):
            tails = [sequence[1:] for sequence in group]
            successor = self._tree(tails, after) if tails[0] else after
            joins = moves and moves[-1][2] == successor and moves[-1][1] == low - 1
            moves.append((moves.pop()[0] if joins else low, high, successor))
        return self._intern(Bytes(tuple(moves)))
