"""Which flags' answers may differ between two snapshots: those whose rows, followed to everything they refer to, differ, and
those that have such a flag as a prerequisite. Used by ``provider`` only; reads snapshots with the pure core, in milliseconds.
"""

import struct
from collections.abc import Callable
from typing import Any

from evaluator._pure.load import load
from evaluator._pure.operands import networks_of
from evaluator._pure.program import Program
from evaluator._pure.rows import ConditionRow, FlagRow
from evaluator.snapshot import opcodes as codes

Content = Any
"""Nested tuples of plain values, equal when two flags mean the same; row numbers and offsets never occur in it."""

_TEXT_OPS = frozenset((codes.OP_EQ_TEXT, codes.OP_CONTAINS_TEXT, codes.OP_STARTS_WITH, codes.OP_ENDS_WITH, codes.OP_VERSION))


def changed_flags(old: bytes, new: bytes) -> list[str]:
    """The keys, in order, of flags that were added, removed or changed. Raises SnapshotError."""
    before, after = _Contents(load(old)), _Contents(load(new))
    keys = before.flags.keys() | after.flags.keys()
    changed = {key for key in keys if before.flags.get(key) != after.flags.get(key)}
    while (
        more := {key for contents in (before, after) for key, needed in contents.prerequisites.items() if needed & changed}
        - changed
    ):
        changed |= more
    return sorted(changed)


class _Contents:
    """The content of every flag of a program, by key, and the keys that each has as prerequisites."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.prerequisites: dict[str, set[str]] = {}
        self._operands: dict[int, Callable[[ConditionRow], Content]] = {
            codes.OP_MATCHES: lambda row: self._automaton(row.payload * 8),
            codes.OP_IN_TEXT_SMALL: self._small_set,
            codes.OP_IN_TEXT_TABLE: lambda row: self._table_set(row.offset * 8),
            codes.OP_IN_INTEGER: self._numbers,
            codes.OP_IN_FLOAT: self._numbers,
            codes.OP_EQ_VALUE: lambda row: self._value(row.offset),
            codes.OP_CONTAINS_ALL: lambda row: self._value(row.offset),
            codes.OP_CONTAINS_ANY: lambda row: self._value(row.offset),
            codes.OP_ORDER: lambda row: self._value(row.offset),
            codes.OP_WITHIN: lambda row: self._value(row.offset),
            codes.OP_MODULO: lambda row: (row.payload, self._numbers(row)),
            codes.OP_PATH: lambda row: (tuple(program.paths[row.offset]), self._value(row.length)),
            codes.OP_DISTANCE: lambda row: tuple(program.places[row.offset]),
            codes.OP_WINDOW: lambda row: self._window(row.offset),
            codes.OP_IN_NETWORK: lambda row: tuple(networks_of(program, row)),
            codes.OP_BUCKET: lambda row: self._outcome(row.offset),
            codes.OP_EXPRESSION: lambda row: self._node(row.offset),
        }
        self._key = ""
        self.flags = {key: self._flag(key, flag) for key, flag in zip(program.flag_keys, program.flags, strict=True)}

    def _flag(self, key: str, flag: FlagRow) -> Content:
        self._key = key
        self.prerequisites[key] = set()
        rules = self._program.rules[flag.first_rule : flag.first_rule + flag.rule_count]
        return (
            flag.state,
            flag.default_reason,
            self._outcome(flag.default_outcome),
            tuple(self._variant(index) for index in range(flag.first_variant, flag.first_variant + flag.variant_count)),
            tuple(
                (
                    rule.reason,
                    self._rule_id(rule.id),
                    self._outcome(rule.outcome),
                    self._conditions(rule.first_condition, rule.condition_count),
                )
                for rule in rules
            ),
            self._value(flag.metadata),
        )

    def _conditions(self, first: int, count: int) -> Content:
        rows = self._program.conditions[first : first + count]
        return tuple(
            (
                (row.op, row.mode, row.on_false, row.on_true, row.on_unknown, row.on_missing),
                self._attribute(row.attribute),
                self._operand(row),
            )
            for row in rows
        )

    def _operand(self, row: ConditionRow) -> Content:
        if row.op in _TEXT_OPS:
            return self._program.slice(row.offset, row.length)
        if row.op == codes.OP_PREREQUISITE:
            needed = self._program.flag_keys[row.payload]
            self.prerequisites[self._key].add(needed)
            return needed, tuple(self._variant(index) for index in self._numbers(row))
        special = self._operands.get(row.op)
        return special(row) if special else (row.count, row.offset, row.length, row.payload)

    def _outcome(self, index: int) -> Content:
        row = self._program.outcomes[index]
        if row.kind == codes.OUTCOME_CONSTANT:
            return row.kind, self._variant(row.variant)
        if row.kind == codes.OUTCOME_EXPRESSION:
            return row.kind, self._node(row.node)
        if row.kind != codes.OUTCOME_SPLIT:
            return row.kind
        uses_variant = codes.ON_VARIANT in (row.on_missing, row.past_end)
        ranges = self._program.ranges[row.first_range : row.first_range + row.range_count]
        return (
            (row.kind, row.hash, row.space, row.unit, row.on_missing, row.past_end, row.seed, row.total),
            self._attribute(row.attribute) if row.node == codes.NONE else self._node(row.node),
            self._variant(row.variant) if uses_variant else None,
            self._program.slice(row.prefix, row.prefix_length),
            self._program.slice(row.suffix, row.suffix_length),
            tuple((item.last, self._target(item.target)) for item in ranges),
        )

    def _target(self, target: int) -> Content:
        return target if target in (codes.TARGET_NEXT_RULE, codes.TARGET_NO_ANSWER) else self._variant(target)

    def _variant(self, index: int) -> Content:
        if index >= len(self._program.variants):  # an operator's operand may hold anything
            return index
        row = self._program.variants[index]
        return self._program.variant_names[row.name], self._value(row.value), row.flags

    def _attribute(self, index: int) -> Content:
        if index >= len(self._program.attributes):
            return None
        row = self._program.attributes[index]
        path = None if row.path == codes.NONE else tuple(self._program.paths[row.path])
        return self._program.attribute_names[row.name], path, row.flags, self._attribute(row.fallback)

    def _node(self, index: int) -> Content:
        row = self._program.nodes[index]
        value: Content = self._value(row.value) if row.op == codes.NODE_CONSTANT else None
        if row.op == codes.NODE_MATCHES:
            value = self._automaton(row.value * 8)
        return (
            row.op,
            row.mode,
            value,
            tuple(self._node(child) for child in range(row.first_child, row.first_child + row.count)),
        )

    def _rule_id(self, index: int) -> str | None:
        return None if index == codes.NONE else self._program.rule_ids[index]

    def _value(self, index: int) -> Content:
        """As text, because 1, 1.0 and True are equal in Python and aren't here."""
        return None if index >= len(self._program.values) else repr(self._program.values[index])

    def _numbers(self, row: ConditionRow) -> tuple[int, ...]:
        return tuple(self._program.numbers[row.offset : row.offset + row.count])

    def _small_set(self, row: ConditionRow) -> Content:
        refs = self._program.text_refs[row.offset : row.offset + row.count]
        return tuple(self._program.slice(ref.offset, ref.length) for ref in refs)

    def _table_set(self, start: int) -> Content:
        _, slots, heap = struct.unpack_from("<3I", self._program.sets, start)
        return self._program.sets[start : start + 16 + 4 * slots + heap]

    def _automaton(self, start: int) -> Content:
        states, classes = struct.unpack_from("<2I", self._program.automata, start)
        return self._program.automata[start : start + 16 + 256 + 2 * states * classes]

    def _window(self, index: int) -> Content:
        row = self._program.windows[index]
        if row.zone == codes.NONE:
            return tuple(row)
        start = row.zone * 8
        (count,) = struct.unpack_from("<I", self._program.zones, start)
        return tuple(row._replace(zone=0)), self._program.zones[start : start + 8 + 12 * count]
