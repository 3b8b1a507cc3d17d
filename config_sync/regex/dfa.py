"""Subset construction: from the nondeterministic automaton to a table, one step per byte. Used by ``config_sync.regex`` only.

Anchors look one byte back and one ahead. A state is therefore the set of NFA states that wait for a byte or for an anchor's
right side, together with the kind of the byte before; anchors are decided when the next byte (or the end) is known. The
first match ends the walk, because only the fact matters.
"""

from functools import cache

from config_sync.regex.classes import ByteClasses, Kind, holds
from config_sync.regex.errors import UnsupportedPattern
from config_sync.regex.limits import MAX_AUTOMATON_BYTES, MAX_AUTOMATON_STATES, MAX_WORK
from config_sync.regex.nfa import MATCH, Bytes, Fork, Guard, Nfa
from config_sync.regex.syntax import Anchor
from evaluator.snapshot.opcodes import AUTOMATON_ACCEPT, AUTOMATON_DEAD

_BACKWARD = (Anchor.BEGIN_TEXT, Anchor.BEGIN_LINE)  # known at once
_TOO_COMPLEX = "this pattern needs too large an automaton; lower its repeat counts, or anchor it with ^"

Table = list[list[int]]
"""``table[state][class]`` is the next state; the last column is that of the end of the text: DEAD or ACCEPT."""

Core = frozenset[int]
Moves = dict[int, set[int]]


class Determiniser:
    """Builds ``table`` and ``start``. States DEAD and ACCEPT are rows that lead to themselves."""

    def __init__(self, nfa: Nfa, classes: ByteClasses) -> None:
        self._nfa = nfa
        self._classes = classes
        self._covered = cache(classes.covered)
        self._numbers: dict[tuple[Core, Kind], int] = {}
        self._pending: list[tuple[Core, Kind]] = []
        self._entered: dict[tuple[Core, Kind], int] = {}
        self._work = 0
        columns = classes.count + 1
        self._most = min(MAX_AUTOMATON_STATES, MAX_AUTOMATON_BYTES // (2 * columns))
        self.table: Table = [[AUTOMATON_DEAD] * columns, [AUTOMATON_ACCEPT] * columns]
        self.start = self._enter(frozenset([nfa.start]), Kind.EDGE)
        for core, before in self._pending:  # grows while it is read
            self.table.append(self._row(core, before))

    def _enter(self, successors: Core, before: Kind) -> int:
        """The number of the state reached when these NFA states are entered after a byte of kind ``before``."""
        key = successors, before
        number = self._entered.get(key)
        if number is None:
            number = self._entered[key] = self._number(self._closure(successors, before, None), before)
        return number

    def _number(self, core: Core, before: Kind) -> int:
        if MATCH in core:
            return AUTOMATON_ACCEPT
        if not core:
            return AUTOMATON_DEAD
        if not any(isinstance(self._nfa.states[number], Guard) for number in core):
            before = Kind.OTHER  # nothing will ask for it
        key = core, before
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers) + 2
            self._pending.append(key)
            if number >= self._most:
                raise UnsupportedPattern(_TOO_COMPLEX)
        return number

    def _closure(self, entered: Core, before: Kind, after: Kind | None) -> Core:
        """The states reached without reading: those that read, those that have matched and, while ``after`` isn't
        known (None), the guards that need it."""
        seen, stack, core = set(entered), list(entered), set()
        while stack:
            number = stack.pop()
            state = self._nfa.states[number]
            successors: tuple[int, ...] = ()
            if isinstance(state, Fork):
                successors = state.successors
            elif not isinstance(state, Guard) or (after is None and state.anchor not in _BACKWARD):
                core.add(number)
            elif holds(state.anchor, before, after or Kind.OTHER):
                successors = (state.successor,)
            fresh = [successor for successor in successors if successor not in seen]
            seen.update(fresh)
            stack.extend(fresh)
        self._count(len(seen))
        return frozenset(core)

    def _count(self, work: int) -> None:
        self._work += work
        if self._work > MAX_WORK:
            raise UnsupportedPattern(_TOO_COMPLEX)

    def _row(self, core: Core, before: Kind) -> list[int]:
        guarded = any(isinstance(self._nfa.states[number], Guard) for number in core)
        by_kind: dict[Kind, tuple[Core, Moves]] = {}
        row = []
        for number, kind in enumerate(self._classes.kinds):
            after = kind if guarded else Kind.OTHER
            if after not in by_kind:
                decided = self._closure(core, before, after) if guarded else core
                by_kind[after] = decided, self._moves(decided)
            decided, moves = by_kind[after]
            if MATCH in decided:
                row.append(AUTOMATON_ACCEPT)
            else:
                successors = moves.get(number)
                row.append(self._enter(frozenset(successors), kind) if successors else AUTOMATON_DEAD)
        ended = self._closure(core, before, Kind.EDGE) if guarded else core
        row.append(AUTOMATON_ACCEPT if MATCH in ended else AUTOMATON_DEAD)
        return row

    def _moves(self, core: Core) -> Moves:
        """The successors of the set for each class of bytes."""
        moves: Moves = {}
        for number in core:
            state = self._nfa.states[number]
            if isinstance(state, Bytes):
                for low, high, successor in state.moves:
                    covered = self._covered(low, high)
                    self._count(len(covered))
                    for byte_class in covered:
                        moves.setdefault(byte_class, set()).add(successor)
        return moves
