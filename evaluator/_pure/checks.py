"""The checks of every row at load, and which codes this core doesn't know (docs/snapshot-format.md, section 5).

``unsupported_flags(program)`` is the entry; it raises SnapshotError for an inconsistent snapshot. Used by ``load``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from evaluator._pure import operands
from evaluator._pure.operands import require, span, within
from evaluator._pure.rows import FlagRow, NodeRow, OutcomeRow, RuleRow, VariantRow
from evaluator.reasons import WORDS
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.opcodes import ATTRIBUTE_GUARDED, NONE, NONE_16

if TYPE_CHECKING:
    from evaluator._pure.program import Program

_KIND_OF: Final = {
    bool: codes.KIND_BOOLEAN,
    str: codes.KIND_STRING,
    int: codes.KIND_INTEGER,
    float: codes.KIND_FLOAT,
    list: codes.KIND_OBJECT,
    dict: codes.KIND_OBJECT,
    type(None): codes.KIND_NONE,
}
_SPACES: Final = {  # of the hashes that aren't 32 bits wide
    codes.HASH_MD5_INTEGER: (codes.SPACE_MODULO,),
    codes.HASH_SHA1_28: (codes.SPACE_FULL, codes.SPACE_MODULO),
    codes.HASH_SHA1_60: (codes.SPACE_FULL, codes.SPACE_MODULO),
}


def unsupported_flags(program: Program) -> list[bool]:
    """Checks every row of every table; says for each flag whether it uses a code that this core doesn't know."""
    _check_references(program)
    _check_small_tables(program)
    nodes = _unknown_nodes(program)
    outcomes = [_outcome_is_unknown(program, row, nodes) for row in program.outcomes]
    conditions = operands.unknown_conditions(program, nodes, outcomes)
    for flag in program.flags:
        _check_flag(program, flag)
    require(len(program.flags) == len(program.flag_keys), "there are not as many flags as flag keys")
    rules = [_rule_is_unknown(program, rule, outcomes, conditions) for rule in program.rules]
    flags = [_flag_is_unknown(flag, rules, outcomes) for flag in program.flags]
    _follow_prerequisites(program, flags)
    return flags


def is_known_reason(reason: int) -> bool:
    return reason < len(WORDS) and WORDS[reason] != "UNKNOWN"


# --- the tables that only others refer to -----------------------------------------------------------------------------------


def _check_references(program: Program) -> None:
    """Shared rows are checked once for each reference; this bounds the work."""
    splits = (row for row in program.outcomes if row.kind == codes.OUTCOME_SPLIT)
    for counts in (
        (rule.condition_count for rule in program.rules),
        (flag.rule_count for flag in program.flags),
        (split.range_count for split in splits),
    ):
        require(sum(counts) <= codes.MAX_REFERENCES, "the snapshot refers to too many rows")


def _check_small_tables(program: Program) -> None:
    for row in program.ranges:
        target_is_special = row.target in (codes.TARGET_NEXT_RULE, codes.TARGET_NO_ANSWER)
        require(target_is_special or row.target < len(program.variants), "a range's target is no variant")
    for variant in program.variants:
        _check_variant(program, variant)
    for index, attribute in enumerate(program.attributes):
        within(attribute.name, program.attribute_names, "an attribute's name")
        require(attribute.path == NONE or attribute.path < len(program.paths), "an attribute's path is not there")
        require(attribute.fallback == NONE_16 or attribute.fallback < index, "an attribute's fallback isn't lower than itself")
        if attribute.flags & ATTRIBUTE_GUARDED:
            require(attribute.guard < index, "an attribute's guard isn't lower than itself")
            within(attribute.guard_text, program.attribute_names, "what an attribute's guard must be")
    for ref in program.text_refs:
        span(ref.offset, ref.length, program.text, "a text reference")
        require(operands.text_prefix(program.slice(ref.offset, ref.length)) == ref.prefix, "a text reference's prefix is wrong")
    for place in program.places:
        require(abs(place.latitude) <= 90 and abs(place.longitude) <= 180, "a place is not on the globe")
        require(math.isfinite(place.radius), "a place's radius is not finite")
        require(math.isfinite(place.km_per_unit) and place.km_per_unit > 0, "a place's unit is not positive")
    for window in program.windows:
        require(window.zone == NONE or operands.is_zone(program.zones, window.zone * 8), "a window's time zone is not there")


def _check_variant(program: Program, variant: VariantRow) -> None:
    within(variant.name, program.variant_names, "a variant's name")
    span(variant.name_json, variant.name_json_length, program.text, "a variant's name as JSON")
    span(variant.value_json, variant.value_json_length, program.text, "a variant's value as JSON")
    kind = codes.KIND_NONE
    if variant.value != NONE:
        within(variant.value, program.values, "a variant's value")
        kind = _KIND_OF.get(type(program.values[variant.value]), -1)
    require(kind == variant.kind, "a variant's kind is not its value's")


# --- expressions ------------------------------------------------------------------------------------------------------------


def _unknown_nodes(program: Program) -> list[bool]:
    """For each node, whether it or one below it has an unknown code. Children are higher than parents, so from the end."""
    count = len(program.nodes)
    unknown, depth, taken = [False] * count, [1] * count, [False] * count
    for index in range(count - 1, -1, -1):
        node = program.nodes[index]
        if not codes.NODE_CONSTANT <= node.op <= codes.NODE_LAST:
            unknown[index] = True
            continue
        _check_node(program, node, index)
        children = range(node.first_child, node.first_child + node.count)
        depth[index] = 1 + max((depth[child] for child in children), default=0)
        unknown[index] = any(unknown[child] for child in children)
        require(depth[index] <= codes.MAX_EXPRESSION_DEPTH, "an expression is nested too deep")
        for child in children:
            require(not taken[child], "two expressions share a part")
            taken[child] = True
    return unknown


def _check_node(program: Program, node: NodeRow, index: int) -> None:
    if node.op == codes.NODE_CONSTANT:
        within(node.value, program.values, "an expression's constant")
    if node.op == codes.NODE_MATCHES:
        operands.check_automaton(program, node.value * 8)
    require(not node.count or node.first_child > index, "an expression's children come before it")
    span(node.first_child, node.count, program.nodes, "an expression's children")


# --- outcomes ---------------------------------------------------------------------------------------------------------------


def _outcome_is_unknown(program: Program, row: OutcomeRow, nodes: list[bool]) -> bool:
    if row.kind == codes.OUTCOME_CONSTANT:
        within(row.variant, program.variants, "an outcome's variant")
        return False
    if row.kind == codes.OUTCOME_SPLIT:
        return _split_is_unknown(program, row, nodes)
    if row.kind == codes.OUTCOME_EXPRESSION:
        within(row.node, program.nodes, "an outcome's expression")
        return nodes[row.node]
    return row.kind != codes.OUTCOME_NO_ANSWER


def _split_is_unknown(program: Program, row: OutcomeRow, nodes: list[bool]) -> bool:
    hash_is_known = codes.HASH_MD5_LE32 <= row.hash <= codes.HASH_LAST
    if not hash_is_known or row.space > codes.SPACE_LAST or row.unit > codes.UNIT_LAST:
        return True
    if row.on_missing > codes.ON_LAST or row.past_end > codes.ON_LAST:
        return True
    _check_split(program, row)
    return row.node != NONE and nodes[row.node]


def _check_split(program: Program, row: OutcomeRow) -> None:
    if row.node == NONE:
        within(row.attribute, program.attributes, "a split's attribute")
    else:
        within(row.node, program.nodes, "a split's expression")
    span(row.prefix, row.prefix_length, program.text, "a split's prefix")
    span(row.suffix, row.suffix_length, program.text, "a split's suffix")
    span(row.first_range, row.range_count, program.ranges, "a split's ranges")
    if codes.ON_VARIANT in (row.on_missing, row.past_end):
        within(row.variant, program.variants, "a split's variant")
    needs_total = row.space in (codes.SPACE_MODULO, codes.SPACE_MULTIPLY)
    require(row.total > 0 or not needs_total, "a split has no buckets")
    require(row.space in _SPACES.get(row.hash, range(codes.SPACE_LAST + 1)), "a split's hash doesn't go with its space")
    if row.hash in (codes.HASH_FNV1A_32, codes.HASH_FNV1A_32_DECIMAL):
        require(row.unit != codes.UNIT_CBOR, "a split hashes bytes as text")
        salts = program.slice(row.prefix, row.prefix_length), program.slice(row.suffix, row.suffix_length)
        require(all(map(_is_utf8, salts)), "a split's prefix or suffix is no text")
    lasts = [program.ranges[index].last for index in range(row.first_range, row.first_range + row.range_count)]
    require(lasts == sorted(lasts), "a split's ranges descend")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- rules and flags --------------------------------------------------------------------------------------------------------


def _rule_is_unknown(program: Program, rule: RuleRow, outcomes: list[bool], conditions: list[bool]) -> bool:
    span(rule.first_condition, rule.condition_count, program.conditions, "a rule's conditions")
    within(rule.outcome, program.outcomes, "a rule's outcome")
    require(rule.id == NONE or rule.id < len(program.rule_ids), "a rule's id is not there")
    own = range(rule.first_condition, rule.first_condition + rule.condition_count)
    for index in own:
        row = program.conditions[index]
        for target in (row.on_false, row.on_true, row.on_unknown, row.on_missing):
            is_end = target in (codes.JUMP_MATCH, codes.JUMP_FAIL)
            require(is_end or (target >= 1 and index + target < own.stop), "a condition jumps out of its rule, or back")
    return not is_known_reason(rule.reason) or outcomes[rule.outcome] or any(conditions[index] for index in own)


def _check_flag(program: Program, flag: FlagRow) -> None:
    span(flag.first_rule, flag.rule_count, program.rules, "a flag's rules")
    span(flag.first_variant, flag.variant_count, program.variants, "a flag's variants")
    within(flag.default_outcome, program.outcomes, "a flag's default outcome")
    span(flag.key_json, flag.key_json_length, program.text, "a flag's key as JSON")
    span(flag.metadata_json, flag.metadata_json_length, program.text, "a flag's metadata as JSON")
    require(flag.rank <= codes.MAX_PREREQUISITE_RANK, "a flag has too long a chain of prerequisites")
    _check_value(program, flag.metadata, operands.is_flat_map, "a flag's metadata are no flat map")
    _check_value(program, flag.message, lambda value: isinstance(value, str), "a flag's message is no text")


def _check_value(program: Program, index: int, is_right: Callable[[Any], bool], complaint: str) -> None:
    require(index == NONE or (index < len(program.values) and is_right(program.values[index])), complaint)


def _flag_is_unknown(flag: FlagRow, rules: list[bool], outcomes: list[bool]) -> bool:
    if flag.state not in (codes.STATE_LIVE, codes.STATE_TOMBSTONE) or not is_known_reason(flag.default_reason):
        return True
    own = range(flag.first_rule, flag.first_rule + flag.rule_count)
    return outcomes[flag.default_outcome] or any(rules[index] for index in own)


def _follow_prerequisites(program: Program, unknown: list[bool]) -> None:
    """Checks ranks and costs, and marks the flags whose prerequisites are marked: from the lowest rank up."""
    costs = [1] * len(program.flags)
    for index in sorted(range(len(program.flags)), key=lambda row: program.flags[row].rank):
        flag = program.flags[index]
        for prerequisite in prerequisites_of(program, flag):
            require(program.flags[prerequisite].rank < flag.rank, "a flag's prerequisite isn't of lower rank")
            costs[index] += costs[prerequisite]
            unknown[index] |= unknown[prerequisite]
        require(costs[index] <= codes.MAX_PREREQUISITE_COST, "a flag's prerequisites are too many")


def prerequisites_of(program: Program, flag: FlagRow) -> list[int]:
    """The flag rows that a flag's rules ask, one for each PREREQUISITE condition."""
    found = []
    for rule in program.rules[flag.first_rule : flag.first_rule + flag.rule_count]:
        for row in program.conditions[rule.first_condition : rule.first_condition + rule.condition_count]:
            if row.op == codes.OP_PREREQUISITE:
                found.append(row.payload)
    return found
