"""Subset construction: from the nondeterministic automaton to a table, one step per byte. Used by ``config_sync.regex`` only.

Anchors look one byte back and one ahead. A state is therefore the set of NFA states that wait for a byte or for an anchor's
right side, together with the kind of the byte before; anchors are decided when the next byte (or the end) is known. The
first match ends the walk, because only the fact matters.

Unicode's words take more than a byte: a tracker (``words``) knows the character before, and what the next one must be becomes a
*need* of the NFA state behind the anchor, which is dropped or freed of it when that character ends. So NFA states are *items*
here: ``3 * number + need``.
"""

from functools import cache
from typing import NamedTuple

from config_sync.regex.classes import ByteClasses, Kind, holds
from config_sync.regex.errors import UnsupportedPattern
from config_sync.regex.limits import MAX_AUTOMATON_BYTES, MAX_AUTOMATON_STATES, MAX_WORK
from config_sync.regex.nfa import MATCH, Bytes, Fork, Guard, Nfa
from config_sync.regex.syntax import WORDS, Anchor
from config_sync.regex.words import OTHER, WORD, tracker
from evaluator.snapshot.opcodes import AUTOMATON_ACCEPT, AUTOMATON_DEAD

_BACKWARD = (Anchor.BEGIN_TEXT, Anchor.BEGIN_LINE)  # known at once
_TOO_COMPLEX = "this pattern needs too large an automaton; lower its repeat counts, or anchor it with ^"
_NOTHING, _A_WORD, _NO_WORD = range(3)  # what the next character must be
_NEEDS = {None: _NOTHING, True: _A_WORD, False: _NO_WORD}
_MATCHED = 3 * MATCH + _NOTHING

Table = list[list[int]]
"""``table[state][class]`` is the next state; the last column is that of the end of the text: DEAD or ACCEPT."""

Core = frozenset[int]
Moves = dict[int, set[int]]


class Left(NamedTuple):
    """What stands before a position: the kind of the last byte, and the tracker's node (OTHER where nobody asks)."""

    kind: Kind
    node: int = OTHER


class Determiniser:
    """Builds ``table`` and ``start``. States DEAD and ACCEPT are rows that lead to themselves."""

    def __init__(self, nfa: Nfa, classes: ByteClasses) -> None:
        self._nfa = nfa
        self._classes = classes
        self._covered = cache(classes.covered)
        self._words = tracker() if nfa.asks_for_words else None
        self._near = _near_words(nfa)
        self._numbers: dict[tuple[Core, Left], int] = {}
        self._pending: list[tuple[Core, Left]] = []
        self._entered: dict[tuple[Core, Left], int] = {}
        self._work = 0
        columns = classes.count + 1
        self._most = min(MAX_AUTOMATON_STATES, MAX_AUTOMATON_BYTES // (2 * columns))
        self.table: Table = [[AUTOMATON_DEAD] * columns, [AUTOMATON_ACCEPT] * columns]
        self.start = self._enter(frozenset([3 * nfa.start]), Left(Kind.EDGE))
        for core, before in self._pending:  # grows while it is read
            self.table.append(self._row(core, before))

    def _enter(self, successors: Core, before: Left) -> int:
        """The number of the state reached when these items are entered after ``before``."""
        key = successors, before
        number = self._entered.get(key)
        if number is None:
            number = self._entered[key] = self._number(self._closure(successors, before, None), before)
        return number

    def _number(self, core: Core, before: Left) -> int:
        if _MATCHED in core:
            return AUTOMATON_ACCEPT
        if not core:
            return AUTOMATON_DEAD
        key = core, self._asked(core, before)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers) + 2
            self._pending.append(key)
            if number >= self._most:
                raise UnsupportedPattern(_TOO_COMPLEX)
        return number

    def _asked(self, core: Core, before: Left) -> Left:
        """``before``, without what nothing in the state will ask for."""
        if any(isinstance(self._nfa.states[item // 3], Guard) for item in core):
            return before
        if self._words is None or before.node <= WORD:
            return Left(Kind.OTHER)
        if any(item % 3 or item // 3 in self._near for item in core):
            return Left(Kind.OTHER, before.node)
        return Left(Kind.OTHER, self._words.somewhere(self._words.missing(before.node)))

    # --- without reading ----------------------------------------------------------------------------------------------

    def _closure(self, entered: Core, before: Left, after: Kind | None) -> Core:
        """The items reached without reading: those that read, those that have matched and, while ``after`` isn't known
        (None), the guards that need it."""
        seen, stack, core = set(entered), list(entered), set()
        while stack:
            item = stack.pop()
            number, need = divmod(item, 3)
            state = self._nfa.states[number]
            successors: list[int] = []
            if isinstance(state, Fork):
                successors = [3 * successor + need for successor in state.successors]
            elif isinstance(state, Guard) and state.unicode:
                successors = [3 * state.successor + wanted for wanted in _needs(state.anchor, before.node, need)]
            elif not isinstance(state, Guard) or (after is None and state.anchor not in _BACKWARD):
                core.add(item)
            elif holds(state.anchor, before.kind, after or Kind.OTHER):
                successors = [3 * state.successor + need]
            fresh = [successor for successor in successors if successor not in seen]
            seen.update(fresh)
            stack.extend(fresh)
        self._count(len(seen))
        return frozenset(core)

    def _count(self, work: int) -> None:
        self._work += work
        if self._work > MAX_WORK:
            raise UnsupportedPattern(_TOO_COMPLEX)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _row(self, core: Core, before: Left) -> list[int]:
        guarded = any(isinstance(self._nfa.states[item // 3], Guard) for item in core)
        by_kind: dict[Kind, tuple[Core, Moves]] = {}
        row = []
        for number, kind in enumerate(self._classes.kinds):
            after = kind if guarded else Kind.OTHER
            if after not in by_kind:
                decided = self._closure(core, before, after) if guarded else core
                by_kind[after] = decided, self._moves(decided)
            decided, moves = by_kind[after]
            if _MATCHED in decided:
                row.append(AUTOMATON_ACCEPT)
            else:
                successors = moves.get(number)
                row.append(self._read(successors, number, kind, before) if successors else AUTOMATON_DEAD)
        ended = self._closure(core, before, Kind.EDGE) if guarded else core
        row.append(AUTOMATON_ACCEPT if {_MATCHED, _MATCHED + _NO_WORD} & ended else AUTOMATON_DEAD)
        return row

    def _read(self, successors: set[int], number: int, kind: Kind, before: Left) -> int:
        """The state after a byte of class ``number`` has led to these items."""
        if self._words is None:
            return self._enter(frozenset(successors), Left(kind))
        node = self._words.steps[before.node][self._classes.first[number]]
        if node <= WORD:  # a character has ended: needs are met, or not
            met = (_NOTHING, _A_WORD if node == WORD else _NO_WORD)
            successors = {item - item % 3 for item in successors if item % 3 in met}
        return self._enter(frozenset(successors), Left(kind, node)) if successors else AUTOMATON_DEAD

    def _moves(self, core: Core) -> Moves:
        """The successors of the set for each class of bytes."""
        moves: Moves = {}
        for item in core:
            number, need = divmod(item, 3)
            state = self._nfa.states[number]
            if isinstance(state, Bytes):
                for low, high, successor in state.moves:
                    self._move(moves, low, high, 3 * successor + need)
            elif state is None and need:  # matched, if the next character is as it must be
                self._move(moves, 0, 255, item)
        return moves

    def _move(self, moves: Moves, low: int, high: int, successor: int) -> None:
        covered = self._covered(low, high)
        self._count(len(covered))
        for byte_class in covered:
            moves.setdefault(byte_class, set()).add(successor)


def _needs(anchor: Anchor, node: int, need: int) -> list[int]:
    """What the next character must be, by each way in which a Unicode anchor can hold behind ``node``: none inside one."""
    if node > WORD:
        return []
    wanted = [_NEEDS[after] for before, after in WORDS[anchor] if before in (None, node == WORD)]
    return [max(need, each) for each in wanted if _NOTHING in (need, each) or need == each]


def _near_words(nfa: Nfa) -> set[int]:
    """The states from which at most one character leads to an anchor about Unicode's words."""
    if not nfa.asks_for_words:
        return set()
    near = {number for number, state in enumerate(nfa.states) if isinstance(state, Guard) and state.unicode}
    _spread(nfa, near)
    for _ in range(4):  # bytes of a character
        near |= {
            number
            for number, state in enumerate(nfa.states)
            if isinstance(state, Bytes) and any(successor in near for _, _, successor in state.moves)
        }
        _spread(nfa, near)
    return near


def _spread(nfa: Nfa, near: set[int]) -> None:
    """Adds what leads there without reading."""
    grown = True
    while grown:
        grown = False
        for number, state in enumerate(nfa.states):
            if number in near:
                continue
            successors = state.successors if isinstance(state, Fork) else (state.successor,) if isinstance(state, Guard) else ()
            if any(successor in near for successor in successors):
                near.add(number)
                grown = True
