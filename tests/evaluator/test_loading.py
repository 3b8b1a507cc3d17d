"""The checks at load, in both cores: the inconsistent is refused, the merely unknown costs only the flags that use it."""

import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from evaluator import SnapshotError
from evaluator.snapshot import opcodes as codes
from tests.evaluator.builder import Tables, bits
from tests.evaluator.sound import NONE, NONE_16, sound


def condition_of(op: int) -> int:
    return next(index for index, row in enumerate(sound().rows["conditions"]) if row["op"] == op)


Change = Callable[[Tables], Any]


def field(section: str, index: int, **fields: int | float) -> Change:
    """Sets fields of one row."""
    return lambda tables: tables.rows[section][index].update(fields)


def operand(op: int, **fields: int) -> Change:
    """Sets fields of the operator's condition row."""
    return field("conditions", condition_of(op), **fields)


def body(name: str, value: Any) -> Change:
    return lambda tables: setattr(tables, name, value)


def field_of_numbers(index: int, value: int) -> Change:
    return lambda tables: tables.numbers.__setitem__(index, value)


def both(*changes: Change) -> Change:
    return lambda tables: [change(tables) for change in changes]


def patch(section: str, at: int, data: bytes) -> Change:
    """Overwrites bytes of a byte section."""

    def change(tables: Tables) -> None:
        tables.bytes[section][at : at + len(data)] = data

    return change


def node_chain(tables: Tables) -> None:
    """65 expressions, each the only part of the one before."""
    first = len(tables.rows["nodes"])
    for index in range(first, first + 64):
        tables.add("nodes", op=codes.NODE_NOT, count=1, first_child=index + 1)
    tables.add("nodes", op=codes.NODE_CONSTANT, value=0)


def too_many_prerequisites(tables: Tables) -> None:
    """Each flag asks the one before twice: 2 ** 12 questions in the end."""
    for number in range(2, 15):
        row = {"op": codes.OP_PREREQUISITE, "payload": number - 1, "on_false": 1}
        rule = tables.rule(0, [row, row | {"on_false": codes.JUMP_FAIL}])
        tables.flag(f"z{number:02}", 0, [rule], [0], rank=number)


def too_many_references(tables: Tables) -> None:
    """2 ** 24 checks of conditions from a few kilobytes."""
    for _ in range(1000):
        tables.add("rules", first_condition=0, condition_count=ROWS, outcome=0, id=NONE)
    for number in range(600):
        tables.flag(f"z{number:04}", 0, [0] * 1, [0], rule_count=len(tables.rows["rules"]))
    for flag in tables.rows["flags"][2:]:
        flag |= {"rule_count": 30_000}


def not_text(part: str) -> Change:
    """A hash over UTF-16 code units whose salt is no UTF-8."""

    def change(tables: Tables) -> None:
        offset, length = tables.text(b"ok\xff")
        tables.rows["outcomes"][2] |= {"hash": codes.HASH_FNV1A_32, part: offset, f"{part}_length": length}

    return change


TEXT_END = 1 << 20
ROWS = codes.OP_LAST - 1  # conditions of the first flag: every operator but PREREQUISITE, which is the second's
BROKEN: dict[str, Change] = {
    # the body
    "meta no map": body("meta", []),
    "no compiler": body("meta", {"dialect": "x"}),
    "no dialect": body("meta", {"compiler": "x"}),
    "compiler no text": body("meta", {"compiler": 1, "dialect": "x"}),
    "metadata no map": body("meta", {"compiler": "x", "dialect": "x", "metadata": 1}),
    "metadata nested": body("meta", {"compiler": "x", "dialect": "x", "metadata": {"a": [1]}}),
    "metadata null": body("meta", {"compiler": "x", "dialect": "x", "metadata": {"a": None}}),
    "metadata not finite": body("meta", {"compiler": "x", "dialect": "x", "metadata": {"a": float("inf")}}),
    "a key no text": body("flag_keys", ["one", 2]),
    "a key too few": body("flag_keys", ["one"]),
    "a key too many": body("flag_keys", ["one", "two", "zwei"]),
    "keys descend": body("flag_keys", ["two", "one"]),
    "keys repeat": body("flag_keys", ["one", "one"]),
    "attribute names no texts": body("attribute_names", ["a", None]),
    "variant names no list": body("variant_names", {"on": 1}),
    "rule ids no texts": body("rule_ids", [1]),
    "values no list": body("values", {}),
    "paths no list": body("paths", "x"),
    "a path no list": body("paths", [["x", 0], "p"]),
    "a path's step a boolean": body("paths", [["x", True], ["p"]]),
    "a path's step a float": body("paths", [["x", 1.5], ["p"]]),
    # flags
    "a flag's rules": field("flags", 0, first_rule=3, rule_count=2),
    "a flag's variants": field("flags", 0, first_variant=1, variant_count=2),
    "a flag's default": field("flags", 0, default_outcome=99),
    "a flag without default": field("flags", 0, default_outcome=NONE),
    "a flag's rank": field("flags", 0, rank=33),
    "a flag's metadata": field("flags", 0, metadata=99),
    "a flag's metadata no map": field("flags", 0, metadata=0),
    "a flag's metadata deep": both(
        body("values", [*sound().values, {"a": {}}]), field("flags", 0, metadata=len(sound().values))
    ),
    "a flag's message": field("flags", 0, message=99),
    "a flag's message no text": field("flags", 0, message=len(sound().values) - 1),
    "a flag's key text": field("flags", 0, key_json=TEXT_END),
    "a flag's metadata text": field("flags", 0, metadata_json=0, metadata_json_length=TEXT_END),
    # rules and jumps
    "a rule's conditions": field("rules", 0, condition_count=ROWS + 2),
    "a rule's outcome": field("rules", 0, outcome=99),
    "a rule's id": field("rules", 0, id=1),
    "a jump to itself": field("conditions", 0, on_true=0),
    "a jump past the end": field("conditions", ROWS - 1, on_unknown=1),
    "a jump far past the end": field("conditions", 0, on_missing=ROWS),
    "a jump almost a code": field("conditions", 0, on_false=0xFFFD),
    # conditions
    "an attribute": operand(codes.OP_EXISTS, attribute=2),
    "no attribute": operand(codes.OP_EXISTS, attribute=NONE_16),
    "a text": operand(codes.OP_CONTAINS_TEXT, offset=TEXT_END),
    "a version's text": operand(codes.OP_VERSION, length=TEXT_END),
    "a wrapping text": operand(codes.OP_STARTS_WITH, offset=0xFFFFFFFF, length=0xFFFFFFFF),
    "a text's prefix": operand(codes.OP_EQ_TEXT, payload=1),
    "text references": operand(codes.OP_IN_TEXT_SMALL, count=2),
    "a set": operand(codes.OP_IN_TEXT_TABLE, offset=99),
    "a set's slots": patch("sets", 4, struct.pack("<I", 0)),
    "a set's slots too many": patch("sets", 4, struct.pack("<I", 99)),
    "a set's heap": patch("sets", 8, struct.pack("<I", 99)),
    "a set's slots wrapping": patch("sets", 4, struct.pack("<I", 0x40000000)),
    "integers": operand(codes.OP_IN_INTEGER, count=7),
    "integers descend": lambda t: t.numbers.__setitem__(1, bits(-2)),
    "floats descend": lambda t: t.numbers.__setitem__(3, bits(-2.0)),
    "floats with NaN": lambda t: t.numbers.__setitem__(2, bits(float("nan"))),
    "floats ending in NaN": lambda t: t.numbers.__setitem__(3, bits(float("nan"))),
    "a boolean": operand(codes.OP_EQ_BOOLEAN, payload=2),
    "a value": operand(codes.OP_EQ_VALUE, offset=99),
    "a list": operand(codes.OP_CONTAINS_ALL, offset=99),
    "a list no list": operand(codes.OP_CONTAINS_ANY, offset=0),
    "an order's value": operand(codes.OP_ORDER, offset=99),
    "a whole": operand(codes.OP_WITHIN, offset=99),
    "a whole that has no parts": both(
        body("values", [*sound().values, 5]), operand(codes.OP_WITHIN, offset=len(sound().values))
    ),
    "a modulus of zero": operand(codes.OP_MODULO, payload=0),
    "a negative modulus": operand(codes.OP_MODULO, payload=1 << 63),
    "remainders too few": operand(codes.OP_MODULO, count=1),
    "remainders not there": operand(codes.OP_MODULO, offset=8),
    "an automaton": operand(codes.OP_MATCHES, payload=99),
    "an automaton far out": operand(codes.OP_MATCHES, payload=2**61 + 1),
    "an automaton without classes": patch("automata", 4, struct.pack("<I", 0)),
    "an automaton's start": patch("automata", 8, struct.pack("<I", 2)),
    "an automaton's class": patch("automata", 16 + 255, b"\1"),
    "an automaton's state": patch("automata", 272 + 2, struct.pack("<H", 2)),
    "an automaton's size": patch("automata", 0, struct.pack("<I", 3)),
    "an automaton's size wrapping": patch("automata", 0, struct.pack("<2I", 0x80000000, 0x80000000)),
    "a salt": operand(codes.OP_DIGEST, offset=TEXT_END, length=1),
    "digests": operand(codes.OP_DIGEST, count=2),
    "digests wrapping": operand(codes.OP_DIGEST, payload=2**64 - 36),
    "a place": operand(codes.OP_DISTANCE, offset=1),
    "a window": operand(codes.OP_WINDOW, offset=1),
    "a split": operand(codes.OP_BUCKET, offset=99),
    "a split that is none": operand(codes.OP_BUCKET, offset=0),
    "an expression": operand(codes.OP_EXPRESSION, offset=99),
    "networks": operand(codes.OP_IN_NETWORK, offset=7, count=1),
    "a network's version": both(field_of_numbers(0, 5 << 8), operand(codes.OP_IN_NETWORK, count=1)),
    "a network's prefix": both(field_of_numbers(0, 4 << 8 | 33), operand(codes.OP_IN_NETWORK, count=1)),
    "a path": operand(codes.OP_PATH, offset=2),
    "a path's value": operand(codes.OP_PATH, length=99),
    "a prerequisite": field("conditions", ROWS, payload=2),
    "a prerequisite wrapping": field("conditions", ROWS, payload=2**32),
    "a prerequisite's variants": field("conditions", ROWS, count=3),
    "a prerequisite's variant": lambda t: t.numbers.__setitem__(5, 2),
    "a prerequisite of its own rank": field("flags", 1, rank=0),
    "a prerequisite of itself": field("conditions", ROWS, payload=1),
    "prerequisites without end": too_many_prerequisites,
    # outcomes
    "a constant": field("outcomes", 0, variant=2),
    "a constant nothing": field("outcomes", 0, variant=NONE),
    "a split's attribute": field("outcomes", 2, attribute=9),
    "a split without unit": field("outcomes", 2, attribute=NONE_16),
    "a split's expression": field("outcomes", 2, node=9),
    "a split's ranges": field("outcomes", 2, range_count=4),
    "a split's ranges descend": field("ranges", 1, last=4),
    "a split's prefix": field("outcomes", 2, prefix=TEXT_END, prefix_length=1),
    "a split's suffix": field("outcomes", 2, suffix=0, suffix_length=0xFFFF),
    "a split's variant": field("outcomes", 2, variant=2),
    "a split into nothing": field("outcomes", 2, space=codes.SPACE_MODULO),
    "a split times nothing": field("outcomes", 2, space=codes.SPACE_MULTIPLY),
    "a narrow hash scaled": field("outcomes", 2, hash=codes.HASH_SHA1_28, space=codes.SPACE_MULTIPLY, total=9),
    "a narrow hash signed": field("outcomes", 2, hash=codes.HASH_SHA1_60, space=codes.SPACE_ABSOLUTE),
    "a hash of text from bytes": field("outcomes", 2, hash=codes.HASH_FNV1A_32, unit=codes.UNIT_CBOR),
    "a hash of text with bytes before": not_text("prefix"),
    "a hash of text with bytes after": not_text("suffix"),
    "a wide hash": field("outcomes", 2, hash=codes.HASH_MD5_INTEGER),
    "a wide hash scaled": field("outcomes", 2, hash=codes.HASH_MD5_INTEGER, space=codes.SPACE_MULTIPLY, total=9),
    "a computed outcome": field("outcomes", 3, node=9),
    "a computed outcome of nothing": field("outcomes", 3, node=NONE),
    "a range's target": field("ranges", 0, target=2),
    # the rest
    "a variant's name": field("variants", 0, name=9),
    "a variant's value": field("variants", 0, value=99),
    "a variant's kind": field("variants", 0, kind=codes.KIND_STRING),
    "a variant's unknown kind": field("variants", 0, kind=6),
    "a valueless variant's kind": field("variants", 1, kind=codes.KIND_BOOLEAN),
    "a variant's name text": field("variants", 0, name_json=TEXT_END),
    "a variant's value text": field("variants", 0, value_json_length=TEXT_END),
    "an attribute's name": field("attributes", 0, name=2),
    "an attribute's path": field("attributes", 1, path=2),
    "an attribute's fallback itself": field("attributes", 1, fallback=1),
    "an attribute's fallback later": field("attributes", 0, fallback=1),
    "a text reference": field("text_refs", 0, length=TEXT_END),
    "a text reference's prefix": field("text_refs", 0, prefix=0),
    "an expression's constant": field("nodes", 2, value=99),
    "an expression's children": field("nodes", 0, count=3),
    "an expression's children before it": field("nodes", 0, first_child=0),
    "an expression's shared child": both(field("nodes", 1, op=codes.NODE_NOT, count=1, first_child=2)),
    "an expression too deep": node_chain,
    "a zone": field("windows", 0, zone=9),
    "a zone cut off": patch("zones", 0, struct.pack("<I", 3)),
    "a zone wrapping": patch("zones", 0, struct.pack("<I", 0xFFFFFFFF)),
    "a zone's transitions descend": patch("zones", 8, struct.pack("<q", 5)),
    "a place off the globe": field("places", 0, latitude=90.5),
    "a place off the globe eastwards": field("places", 0, longitude=-181.0),
    "a place nowhere": field("places", 0, latitude=float("nan")),
    "a radius of no size": field("places", 0, radius=float("nan")),
    "a unit of nothing": field("places", 0, km_per_unit=0.0),
    "a unit without end": field("places", 0, km_per_unit=float("inf")),
}


def test_the_sound_snapshot_loads(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(sound().snapshot())
    assert evaluator.evaluate("two", {}).error_code is None
    assert evaluator.evaluate("one", {}).variant == "on"


@pytest.mark.parametrize("what", BROKEN)
def test_an_inconsistent_snapshot_is_refused(implementation: ModuleType, what: str) -> None:
    tables = sound()
    BROKEN[what](tables)
    with pytest.raises(SnapshotError):
        implementation.Evaluator(tables.snapshot())


def test_checks_end(implementation: ModuleType) -> None:
    tables = sound()
    too_many_references(tables)
    with pytest.raises(SnapshotError):
        implementation.Evaluator(tables.snapshot())


HARMLESS: dict[str, Change] = {
    "empty references point anywhere": both(
        operand(codes.OP_CONTAINS_TEXT, offset=NONE, length=0),
        operand(codes.OP_IN_TEXT_SMALL, offset=NONE, count=0),
        operand(codes.OP_IN_INTEGER, offset=NONE, count=0),
        field("rules", 1, first_condition=NONE),
        field("flags", 1, first_rule=NONE, rule_count=0),
        field("flags", 0, first_variant=NONE, variant_count=0),
        field("flags", 1, key_json=NONE, key_json_length=0),
        field("outcomes", 2, prefix=NONE, suffix=NONE, first_range=NONE, range_count=0),
        field("nodes", 1, first_child=0),
    ),
    "unknown mode bits": both(*(field("conditions", index, mode=0x80) for index in range(ROWS))),
    "reserved fields": both(field("flags", 0, reserved=1), field("rules", 0, reserved=1), field("variants", 0, reserved_3=1)),
    "unknown meta": lambda t: t.meta.update(new=[1]),
    "unused variant of ON_VARIANT": field("outcomes", 2, on_missing=codes.ON_ERROR, variant=NONE),
    "shared conditions": lambda t: t.rows["rules"][1].update(first_condition=0, condition_count=ROWS),
    "shared ranges": lambda t: t.split(0, [], first_range=0, range_count=3),
    "a window without attribute": operand(codes.OP_WINDOW, attribute=NONE_16),
    "an attribute nobody asks": operand(codes.OP_NOW, attribute=0),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_does_not_matter_is_not_checked(implementation: ModuleType, what: str) -> None:
    tables = sound()
    HARMLESS[what](tables)
    evaluator = implementation.Evaluator(tables.snapshot())
    for key in evaluator.flag_keys():
        assert evaluator.evaluate(key, {"a": "1.2.3", "b": "u"}).error_code in (None, "GENERAL", "TARGETING_KEY_MISSING")


# --- codes of a newer compiler ----------------------------------------------------------------------------------------------

UNKNOWN: dict[str, Change] = {
    "an operator": field("conditions", 3, op=codes.OP_LAST + 1, offset=NONE, length=NONE, attribute=77),
    "operator 0": field("conditions", 3, op=0),
    "a comparison": operand(codes.OP_LENGTH, mode=6),
    "a comparison of distances": operand(codes.OP_DISTANCE, mode=7, offset=99),
    "a hash": field("outcomes", 2, hash=codes.HASH_LAST + 1, total=0, space=1),
    "hash 0": field("outcomes", 2, hash=0),
    "a space": field("outcomes", 2, space=codes.SPACE_LAST + 1, attribute=99),
    "a unit": field("outcomes", 2, unit=codes.UNIT_LAST + 1, prefix=NONE, prefix_length=9),
    "an action without unit": field("outcomes", 2, on_missing=codes.ON_LAST + 1),
    "an action past the end": field("outcomes", 2, past_end=codes.ON_LAST + 1),
    "an outcome": field("outcomes", 3, kind=codes.OUTCOME_LAST + 1, node=99, variant=99),
    "a node": field("nodes", 0, op=codes.NODE_LAST + 1, first_child=0, count=9),
    "a node below": field("nodes", 2, op=0, value=99),
    "a reason": field("rules", 2, reason=codes.REASON_LAST + 1),
    "a reason in the gap": field("rules", 2, reason=13),
    "a default reason": field("flags", 0, default_reason=200),
    "a state": field("flags", 0, state=2),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_an_unknown_code_costs_only_the_flags_that_use_it(implementation: ModuleType, what: str) -> None:
    tables = sound()
    tables.flag("uno", 0, [], [0])
    UNKNOWN[what](tables)
    evaluator = implementation.Evaluator(tables.snapshot())
    for key in ("one", "two"):  # directly, and through the prerequisite
        found = evaluator.evaluate(key, {"a": 1})
        assert (found.reason_code, found.value, found.variant) == (codes.REASON_UNSUPPORTED, True, "on")
        assert (found.reason, found.error_code, found.rule, found.bucket) == ("ERROR", "PARSE_ERROR", None, None)
        assert evaluator.boolean(key, 5, False) is True
    assert evaluator.evaluate("uno", {}).reason == "STATIC"
    body = evaluator.evaluate_all_json({})
    assert body.count(b'"errorCode":"PARSE_ERROR"') == 2
    assert b'{"key":"uno","reason":"STATIC","variant":"on","value":true}' in body


def test_an_unknown_default_outcome_has_no_value(implementation: ModuleType) -> None:
    tables = sound()
    default = tables.outcome(9, variant=99)
    tables.flag("uno", default, [], [0])
    tables.flag("zwei", default, [], [0], state=codes.STATE_TOMBSTONE)
    evaluator = implementation.Evaluator(tables.snapshot())
    assert (evaluator.evaluate("uno", {}).value, evaluator.evaluate("uno", {}).reason_code) == (None, codes.REASON_UNSUPPORTED)
    assert (evaluator.evaluate("zwei", {}).value, evaluator.evaluate("zwei", {}).reason_code) == (
        None,
        codes.REASON_PARSE_ERROR,
    )
    assert evaluator.boolean("uno", {}, "mine") == "mine"
    assert evaluator.evaluate("one", {}).error_code is None


def test_jumps_of_an_unknown_operator_are_checked(implementation: ModuleType) -> None:
    tables = sound()
    tables.rows["conditions"][3] |= {"op": 99, "on_true": 0}
    with pytest.raises(SnapshotError):
        implementation.Evaluator(tables.snapshot())
