"""What a flag in a snapshot *is*, apart from how its rows are numbered: nested tuples with every reference followed.

Two flags, of one snapshot or of two, have equal contents exactly when they ask the same questions and give the same answers in
the same words. Used by ``config_sync.diff``.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import Decoded

_TEXT = (codes.OP_EQ_TEXT, codes.OP_CONTAINS_TEXT, codes.OP_STARTS_WITH, codes.OP_ENDS_WITH, codes.OP_MATCHES, codes.OP_VERSION)
_NUMBERS = (codes.OP_IN_INTEGER, codes.OP_IN_FLOAT)
_VALUES = (codes.OP_EQ_VALUE, codes.OP_CONTAINS_ALL, codes.OP_CONTAINS_ANY, codes.OP_ORDER, codes.OP_WITHIN)
PARTS = ("state", "variants", "rules", "default", "metadata")


def flag_contents(program: Decoded, row: int) -> dict[str, Any]:
    """A flag's contents by part: ``PARTS``."""
    flag = program.flags[row]
    variants = program.variants[flag.first_variant : flag.first_variant + flag.variant_count]
    rules = program.rules[flag.first_rule : flag.first_rule + flag.rule_count]
    return {
        "state": (flag.state, _value(program, flag.message)),
        "variants": tuple(_variant(program, item) for item in variants),
        "rules": tuple(_rule(program, rule) for rule in rules),
        "default": (flag.default_reason, _outcome(program, flag.default_outcome)),
        "metadata": _value(program, flag.metadata),
    }


def _variant(program: Decoded, row: Any) -> tuple[str, bytes | None, int]:
    return program.variant_names[row.name], _value(program, row.value), row.flags


def _value(program: Decoded, index: int) -> bytes | None:
    """A stored value as msgpack: 1, 1.0 and true stay distinct."""
    return None if index == codes.NONE else msgspec.msgpack.encode(program.values[index])


def _rule(program: Decoded, rule: Any) -> tuple[Any, ...]:
    name = None if rule.id == codes.NONE else program.rule_ids[rule.id]
    rows = program.conditions[rule.first_condition : rule.first_condition + rule.condition_count]
    return name, rule.reason, _outcome(program, rule.outcome), tuple(_condition(program, row) for row in rows)


def _condition(program: Decoded, row: Any) -> tuple[Any, ...]:
    if not 1 <= row.op <= codes.OP_LAST:
        return tuple(row)  # of a newer compiler: its references mean what we don't know
    jumps = (row.on_false, row.on_true, row.on_unknown, row.on_missing)
    return row.op, row.mode, _attribute(program, row.attribute), jumps, _operand(program, row)


def _operand(program: Decoded, row: Any) -> Any:
    if row.op in _TEXT:
        return _text(program, row.offset, row.length)
    if row.op in _NUMBERS:
        return tuple(program.numbers[row.offset : row.offset + row.count])
    if row.op in _VALUES:
        return _value(program, row.offset)
    follow = _OPERANDS.get(row.op)
    return row.payload if follow is None else follow(program, row)


def _text(program: Decoded, offset: int, length: int) -> bytes:
    return bytes(program.text[offset : offset + length])


def _small_list(program: Decoded, row: Any) -> Any:
    return tuple(_text(program, ref.offset, ref.length) for ref in program.text_refs[row.offset : row.offset + row.count])


def _large_list(program: Decoded, row: Any) -> Any:
    """A table's bytes; equal lists make equal tables."""
    at = row.offset * 8
    slots, heap_bytes = (int.from_bytes(program.sets[at + place : at + place + 4], "little") for place in (4, 8))
    return bytes(program.sets[at : at + 16 + 4 * slots + heap_bytes])


def _window(program: Decoded, row: Any) -> Any:
    window = program.windows[row.offset]
    if window.zone == codes.NONE:
        return window
    at = window.zone * 8
    count = int.from_bytes(program.zones[at : at + 4], "little")
    return *window._replace(zone=0), bytes(program.zones[at : at + 8 + 12 * count])


def _prerequisite(program: Decoded, row: Any) -> Any:
    names = (program.variants[index].name for index in program.numbers[row.offset : row.offset + row.count])
    return program.flag_keys[row.payload], tuple(sorted(program.variant_names[name] for name in names))


def _digests(program: Decoded, row: Any) -> Any:
    return _text(program, row.offset, row.length), _text(program, row.payload, 36 * row.count)


_OPERANDS: dict[int, Callable[[Decoded, Any], Any]] = {
    codes.OP_IN_TEXT_SMALL: _small_list,
    codes.OP_IN_TEXT_TABLE: _large_list,
    codes.OP_DISTANCE: lambda program, row: program.places[row.offset],
    codes.OP_WINDOW: _window,
    codes.OP_BUCKET: lambda program, row: _outcome(program, row.offset),
    codes.OP_PREREQUISITE: _prerequisite,
    codes.OP_EXPRESSION: lambda program, row: _expression(program, row.offset),
    codes.OP_MODULO: lambda program, row: (row.payload, tuple(program.numbers[row.offset : row.offset + row.count])),
    codes.OP_DIGEST: _digests,
    codes.OP_PATH: lambda program, row: (tuple(program.paths[row.offset]), _value(program, row.length)),
    codes.OP_IN_NETWORK: lambda program, row: tuple(
        program.numbers[row.offset : row.offset + row.count * codes.NETWORK_NUMBERS]
    ),
}


def _attribute(program: Decoded, index: int) -> Any:
    if index == codes.NONE_16:
        return None
    row = program.attributes[index]
    path = None if row.path == codes.NONE else tuple(program.paths[row.path])
    guard = None
    if row.flags & codes.ATTRIBUTE_GUARDED:
        guard = _attribute(program, row.guard), program.attribute_names[row.guard_text]
    return program.attribute_names[row.name], path, row.flags, guard, _attribute(program, row.fallback)


def _expression(program: Decoded, index: int) -> Any:
    node = program.nodes[index]
    if not 1 <= node.op <= codes.NODE_LAST:
        return tuple(node)
    children = range(node.first_child, node.first_child + node.count)
    value = _value(program, node.value) if node.op == codes.NODE_CONSTANT else None  # a pattern is among the children, as text
    return node.op, node.mode, value, tuple(_expression(program, child) for child in children)


def _outcome(program: Decoded, index: int) -> Any:
    row = program.outcomes[index]
    if row.kind == codes.OUTCOME_SPLIT:
        return _split(program, row) if _is_known(row) else tuple(row)
    if row.kind == codes.OUTCOME_EXPRESSION:
        return row.kind, _expression(program, row.node)
    return (row.kind, _target(program, row.variant)) if row.kind <= codes.OUTCOME_LAST else tuple(row)


def _is_known(split: Any) -> bool:
    """Whether every code of a split is one that this version defines."""
    ends: bool = max(split.on_missing, split.past_end) <= codes.ON_LAST
    way: bool = 1 <= split.hash <= codes.HASH_LAST and split.space <= codes.SPACE_LAST and split.unit <= codes.UNIT_LAST
    return ends and way


def _split(program: Decoded, row: Any) -> Any:
    source = _attribute(program, row.attribute) if row.node == codes.NONE else _expression(program, row.node)
    salts = _text(program, row.prefix, row.prefix_length), _text(program, row.suffix, row.suffix_length)
    how = (row.hash, row.space, row.unit, row.seed, row.total, source, salts)
    ranges = program.ranges[row.first_range : row.first_range + row.range_count]
    targets = tuple((item.last, _target(program, item.target)) for item in ranges)
    return how, targets, row.on_missing, row.past_end, _target(program, row.variant)


def _target(program: Decoded, variant: int) -> Any:
    """A variant, which may share its name with another, or the special target."""
    if variant in (codes.TARGET_NEXT_RULE, codes.TARGET_NO_ANSWER):
        return variant
    return _variant(program, program.variants[variant])
