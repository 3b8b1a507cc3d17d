"""Conditions as rows with jumps. Used by the lowering only.

A rule asks one question: is its condition *definitely true*? That question distributes over and/or, and through ``not`` it
becomes *is it definitely false?* (Kleene's three-valued logic). So each test is asked one of the two, and its four possible
results (true, false, unknown, missing) lead to one of two places. Rows are generated from the last to the first: where a
row jumps to is then already there, every jump goes forward, and short circuits need no patching.
"""

from typing import NamedTuple

from config_sync import ir
from config_sync.lower.expressions import add_expression
from config_sync.lower.operands import Leaf, Operands, sees_null
from config_sync.lower.outcomes import VariantRows, add_bucket_test
from config_sync.lower.tables import Tables
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.layout import CONDITION, NUMBER

_MATCH, _FAIL = -1, -2  # places besides rows
_OPPOSITE = {ir.TRUE: ir.FALSE, ir.FALSE: ir.TRUE}
_NULL_GUARD = Leaf(codes.OP_IS_NULL)


class Target(NamedTuple):
    """A flag as a prerequisite names it: its row, and its variants' rows."""

    row: int
    variants: VariantRows


class _Row(NamedTuple):
    leaf: Leaf
    attribute: int
    on_false: int
    on_true: int
    on_unknown: int
    on_missing: int


class ConditionWriter:
    """Turns the condition of one rule at a time into rows of ``conditions``."""

    def __init__(self, tables: Tables, operands: Operands, targets: dict[str, Target]) -> None:
        self._tables = tables
        self._operands = operands
        self._targets = targets
        self._rows: list[_Row] = []  # of the rule in hand, last row first

    def write(self, condition: ir.Condition) -> tuple[int, int] | bool:
        """First row and number of rows, or the answer itself when it is the same for every context."""
        self._rows = []
        entry = self._ask(condition, ir.TRUE, _MATCH, _FAIL)
        if entry < 0:
            return entry == _MATCH
        order = self._reachable(entry)
        place = {row: number for number, row in enumerate(order)}
        packed = b"".join(self._pack(row, place) for row in order)
        return self._tables.conditions.intern_run(packed), len(order)  # jumps are relative: equal rules share their rows

    # --- from conditions to rows --------------------------------------------------------------------------------------

    def _ask(self, condition: ir.Condition, question: int, yes: int, no: int) -> int:
        """Where to go to ask: is the condition definitely ``question`` (ir.TRUE or ir.FALSE)? Then ``yes``, else ``no``."""
        if isinstance(condition, ir.Test):
            return self._test(condition, question, yes, no)
        if isinstance(condition, ir.Not):
            return self._ask(condition.child, _OPPOSITE[question], yes, no)
        if isinstance(condition, (ir.All, ir.Any_)):
            return self._group(condition, question, yes, no)
        return self._other(condition, question, yes, no)

    def _group(self, group: ir.All | ir.Any_, question: int, yes: int, no: int) -> int:
        every = isinstance(group, ir.All) == (question == ir.TRUE)  # all children must say yes, or one is enough
        entry = yes if every else no
        for child in reversed(group.children):
            entry = self._ask(child, question, entry, no) if every else self._ask(child, question, yes, entry)
        return entry

    def _test(self, test: ir.Test, question: int, yes: int, no: int) -> int:
        held, failed = (yes, no) if (ir.FALSE if test.negate else ir.TRUE) == question else (no, yes)
        unknown = yes if test.mistyped == question else no
        missing = yes if test.missing == question else no
        attribute = self._tables.attribute(None if test.operator == "now" else test.attribute)
        chain = self._operands.chain(test)
        entry = failed
        if test.operator == "one_of" and not sees_null(chain):  # no list of one type: say "unknown" to a null here
            entry = self._add(_Row(_NULL_GUARD, attribute, failed, unknown, unknown, failed if chain else missing))
        for leaf in reversed(chain):
            last = entry == failed
            entry = self._add(_Row(leaf, attribute, entry, held, unknown if last else entry, missing))
        return entry

    def _other(self, condition: ir.Condition, question: int, yes: int, no: int) -> int:
        held, failed = (yes, no) if question == ir.TRUE else (no, yes)
        if isinstance(condition, ir.InBucket):
            missing = yes if condition.missing == question else no
            return self._bucket(condition, held, failed, missing)
        if isinstance(condition, ir.Prerequisite):
            error = yes if condition.error == question else no
            return self._add(_Row(self._prerequisite(condition), codes.NONE_16, failed, held, error, failed))
        if isinstance(condition, ir.Truthy):
            leaf = Leaf(codes.OP_EXPRESSION, offset=add_expression(self._tables, condition.expression))
            return self._add(_Row(leaf, codes.NONE_16, failed, held, no, no))  # one that fails is unknown
        raise ValueError(f"a condition that the link pass should have replaced: {condition!r}")

    def _prerequisite(self, condition: ir.Prerequisite) -> Leaf:
        target = self._targets[condition.flag]
        rows = sorted(target.variants[name] for name in set(condition.variants) if name in target.variants)
        first = self._tables.numbers.intern_run(b"".join(map(NUMBER.packer.pack, rows)))
        return Leaf(codes.OP_PREREQUISITE, 0, len(rows), first, 0, target.row)

    def _bucket(self, condition: ir.InBucket, held: int, failed: int, missing: int) -> int:
        leaf = Leaf(codes.OP_BUCKET, offset=add_bucket_test(self._tables, condition.bucketing, condition.ranges))
        return self._add(_Row(leaf, codes.NONE_16, failed, held, missing, missing))

    # --- from rows to bytes -------------------------------------------------------------------------------------------

    def _add(self, row: _Row) -> int:
        """Adds a row unless it makes no difference; gives the place to jump to."""
        if row.on_false == row.on_true == row.on_unknown == row.on_missing:
            return row.on_false
        self._rows.append(row)
        return len(self._rows) - 1

    def _reachable(self, entry: int) -> list[int]:
        """The rows that can be reached from the entry, in the order of the snapshot (constants can leave others behind)."""
        reached = {entry}
        for number in range(entry, -1, -1):
            if number in reached:
                reached.update(target for target in self._rows[number][2:] if target >= 0)
        return sorted(reached, reverse=True)

    def _pack(self, number: int, place: dict[int, int]) -> bytes:
        row = self._rows[number]
        here = place[number]
        jumps = (_jump(target, here, place) for target in row[2:])
        op, mode, count, offset, length, payload = row.leaf
        return CONDITION.packer.pack(op, mode, row.attribute, *jumps, count, offset, length, payload)


def _jump(target: int, here: int, place: dict[int, int]) -> int:
    if target == _MATCH:
        return codes.JUMP_MATCH
    return codes.JUMP_FAIL if target == _FAIL else place[target] - here
