"""The checks at load, in both cores: the inconsistent is refused, the merely unknown costs only the flags that use it."""

import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator import SnapshotError
from evaluator.snapshot import codec
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.layout import SECTION_ENTRY, SECTIONS
from tests.conftest import core
from tests.evaluator.builder import Tables, bits, build_set, prefix

NONE, NONE_16 = codes.NONE, codes.NONE_16
AUTOMATON = struct.pack("<4I", 2, 1, 0, 0) + bytes(256) + struct.pack("<2H", 0, 1)
ZONE = struct.pack("<Ii2q2i", 2, 3600, -5, 5, 7200, 3600)


def sound() -> Tables:
    """Two flags ("one", and "two" that asks it) with a row in every section and a condition for every operator."""
    t = Tables()
    t.meta["metadata"] = {"a": 1.5}
    a = t.attribute("a")
    b = t.attribute("b", ["x", 0], a)
    variants = [t.variant("on", True), t.variant("off", None)]
    constant, nothing = t.constant(0), t.outcome(codes.OUTCOME_NO_ANSWER)
    offset, length = t.text("1.2.3")
    text = {"offset": offset, "length": length}
    t.add("text_refs", **text, prefix=prefix(b"1.2.3"))
    t.numbers = [bits(-1), bits(2), bits(-1.0), bits(2.0), 0, 1]
    t.add("places", latitude=1.0, longitude=2.0, radius=3.0, km_per_unit=1.0)
    t.add("windows", days=127, zone=t.blob("zones", ZONE))
    t.add("nodes", op=codes.NODE_OR, count=2, first_child=1)
    for _ in range(2):
        t.add("nodes", op=codes.NODE_CONSTANT, value=t.value("on"))
    t.paths.append(["p"])
    split = t.split(
        b, [(5, 0), (5, codes.TARGET_NEXT_RULE), (9, codes.TARGET_NO_ANSWER)], on_missing=codes.ON_VARIANT, variant=1
    )
    computed = t.outcome(codes.OUTCOME_EXPRESSION, node=0)
    listed, flat = t.value([1, "x"]), t.value({"k": "v", "n": 1})
    operands: dict[int, dict[str, int]] = {
        codes.OP_EQ_TEXT: text | {"payload": prefix(b"1.2.3")},
        codes.OP_IN_TEXT_SMALL: {"count": 1},
        codes.OP_IN_TEXT_TABLE: {"offset": t.blob("sets", build_set(["a", "b"]))},
        codes.OP_IN_INTEGER: {"count": 2},
        codes.OP_IN_FLOAT: {"count": 2, "offset": 2},
        codes.OP_EQ_BOOLEAN: {"payload": 1},
        codes.OP_EQ_VALUE: {"offset": flat},
        codes.OP_CONTAINS_TEXT: text,
        codes.OP_STARTS_WITH: text,
        codes.OP_ENDS_WITH: text,
        codes.OP_MATCHES: text | {"payload": t.blob("automata", AUTOMATON)},
        codes.OP_VERSION: text,
        codes.OP_BUCKET: {"offset": split, "attribute": NONE_16},
        codes.OP_EXPRESSION: {"offset": 0, "attribute": NONE_16},
        codes.OP_NOW: {"attribute": NONE_16},
        codes.OP_CONTAINS_ALL: {"offset": listed},
        codes.OP_CONTAINS_ANY: {"offset": listed},
        codes.OP_PATH: {"offset": 1, "length": listed},
    }
    ops = [op for op in range(1, codes.OP_LAST + 1) if op != codes.OP_PREREQUISITE]
    onward = dict.fromkeys(("on_true", "on_false", "on_unknown", "on_missing"), 1)
    conditions = [{"op": op, "attribute": a} | onward | operands.get(op, {}) for op in ops]
    conditions[-1] |= dict.fromkeys(("on_true", "on_false", "on_unknown", "on_missing"), codes.JUMP_FAIL)
    rules = [t.rule(split, conditions, id=t.rule_id("r")), t.rule(computed), t.rule(nothing)]
    t.flag("one", constant, rules, variants, metadata=flat, has_time=1)
    asked = {"op": codes.OP_PREREQUISITE, "payload": 0, "offset": 4, "count": 2}
    t.flag("two", constant, [t.rule(constant, [asked])], variants, rank=1, has_time=1)
    return t


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
        tables.add("rules", first_condition=0, condition_count=29, outcome=0, id=NONE)
    for number in range(600):
        tables.flag(f"z{number:04}", 0, [0] * 1, [0], rule_count=len(tables.rows["rules"]))
    for flag in tables.rows["flags"][2:]:
        flag |= {"rule_count": 30_000}


TEXT_END = 1 << 20
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
    "a rule's conditions": field("rules", 0, condition_count=31),
    "a rule's outcome": field("rules", 0, outcome=99),
    "a rule's id": field("rules", 0, id=1),
    "a jump to itself": field("conditions", 0, on_true=0),
    "a jump past the end": field("conditions", 28, on_unknown=1),
    "a jump far past the end": field("conditions", 0, on_missing=29),
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
    "an automaton": operand(codes.OP_MATCHES, payload=99),
    "an automaton far out": operand(codes.OP_MATCHES, payload=2**61 + 1),
    "an automaton without classes": patch("automata", 4, struct.pack("<I", 0)),
    "an automaton's start": patch("automata", 8, struct.pack("<I", 2)),
    "an automaton's class": patch("automata", 16 + 255, b"\1"),
    "an automaton's state": patch("automata", 272 + 2, struct.pack("<H", 2)),
    "an automaton's size": patch("automata", 0, struct.pack("<I", 3)),
    "an automaton's size wrapping": patch("automata", 0, struct.pack("<2I", 0x80000000, 0x80000000)),
    "a place": operand(codes.OP_DISTANCE, offset=1),
    "a window": operand(codes.OP_WINDOW, offset=1),
    "a split": operand(codes.OP_BUCKET, offset=99),
    "a split that is none": operand(codes.OP_BUCKET, offset=0),
    "an expression": operand(codes.OP_EXPRESSION, offset=99),
    "a path": operand(codes.OP_PATH, offset=2),
    "a path's value": operand(codes.OP_PATH, length=99),
    "a prerequisite": field("conditions", 29, payload=2),
    "a prerequisite wrapping": field("conditions", 29, payload=2**32),
    "a prerequisite's variants": field("conditions", 29, count=3),
    "a prerequisite's variant": lambda t: t.numbers.__setitem__(5, 2),
    "a prerequisite of its own rank": field("flags", 1, rank=0),
    "a prerequisite of itself": field("conditions", 29, payload=1),
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
    "unknown mode bits": both(*(field("conditions", index, mode=0x80) for index in range(29))),
    "reserved fields": both(field("flags", 0, reserved=1), field("rules", 0, reserved=1), field("variants", 0, reserved_3=1)),
    "unknown meta": lambda t: t.meta.update(new=[1]),
    "unused variant of ON_VARIANT": field("outcomes", 2, on_missing=codes.ON_ERROR, variant=NONE),
    "shared conditions": lambda t: t.rows["rules"][1].update(first_condition=0, condition_count=29),
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


# --- the envelope, the body and the section table ---------------------------------------------------------------------------


def sealed(payload: bytes) -> bytes:
    """A snapshot around any body."""
    return struct.pack("<8sIIQ", codes.MAGIC, codes.FORMAT_VERSION, 0, codec.checksum(payload)) + payload


@pytest.mark.parametrize("core_name", ["pure", "fast"])
def test_every_truncation_is_refused(core_name: str) -> None:
    implementation, snapshot = core(core_name), sound().snapshot()
    for size in range(len(snapshot)):
        with pytest.raises(SnapshotError):
            implementation.Evaluator(snapshot[:size])
    with pytest.raises(SnapshotError):
        implementation.Evaluator(snapshot + b"\0")


@pytest.mark.parametrize("core_name", ["pure", "fast"])
def test_every_bit_flip_is_refused(core_name: str) -> None:
    implementation, snapshot = core(core_name), sound().snapshot()
    for position in range(len(snapshot)):
        flipped = bytearray(snapshot)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(SnapshotError):
            implementation.Evaluator(bytes(flipped))


@pytest.mark.parametrize("core_name", ["pure", "fast"])
def test_every_truncated_body_is_refused_even_with_its_checksum(core_name: str) -> None:
    implementation, payload = core(core_name), sound().snapshot()[codes.HEADER_BYTES :]
    for size in range(len(payload)):
        with pytest.raises(SnapshotError):
            implementation.Evaluator(sealed(payload[:size]))
    with pytest.raises(SnapshotError):
        implementation.Evaluator(sealed(payload + b"\xc0"))


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_sealed_change_is_refused_or_answered_alike(position: int, byte: int) -> None:
    """Whoever can compute the checksum can say anything; both cores then say the same, and neither falls over."""
    payload = bytearray(sound().snapshot()[codes.HEADER_BYTES :])
    payload[position % len(payload)] = byte
    answers = []
    for name in ("pure", "fast"):
        try:
            evaluator = core(name).Evaluator(sealed(bytes(payload)))
        except SnapshotError:
            answers.append(None)
            continue
        answers.append(repr([evaluator.evaluate_all({"a": "1.2.3", "b": "u"}, None, 5), evaluator.evaluate_all({}, None, 5)]))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"burgee\r\n" + data[8:],
        lambda data: data[:8] + struct.pack("<I", codes.FORMAT_VERSION + 1) + data[12:],
        lambda data: data[:8] + struct.pack("<I", codes.OLDEST_FORMAT_VERSION - 1) + data[12:],
        lambda data: data[:12] + struct.pack("<I", 1) + data[16:],
        lambda data: b"",
        lambda data: data[:24],
        lambda data: sealed(b""),
        lambda data: sealed(b"\xc0"),
        lambda data: sealed(b"\x98" + data[25:]),
        lambda data: sealed(b"\xdd\xff\xff\xff\xff" + data[25:]),
    ],
)
def test_envelopes(implementation: ModuleType, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SnapshotError):
        implementation.Evaluator(change(sound().snapshot()))


def with_values(raw: bytes) -> bytes:
    """A snapshot without flags whose ``values`` are these msgpack bytes."""
    tables = codec.encode_tables({})
    head = b"\x99" + msgspec.msgpack.encode({"compiler": "x", "dialect": "x"}) + b"\x90" * 5 + raw
    padding = bytes(-(codes.HEADER_BYTES + len(head) + 2 + 5) % 8)
    return sealed(head + b"\xc4" + bytes([len(padding)]) + padding + b"\xc6" + struct.pack(">I", len(tables)) + tables)


MSGPACK: list[tuple[bytes, bool]] = [
    (b"\x90", True),
    (b"\x9f" + bytes(range(10)) + b"\xc0\xc2\xc3\xe0\xff", True),
    (b"\x97\xcc\xff\xcd\xff\xff\xce\xff\xff\xff\xff\xcf" + b"\xff" * 8 + b"\xd0\x80\xd1\x80\x00\xd2\x80\0\0\0", True),
    (b"\x93\xd3" + b"\x80" + bytes(7) + b"\xca\x3f\x80\0\0\xcb\x3f\xf0" + bytes(6), True),
    (b"\x95\xa1a\xd9\x01a\xda\0\x01a\xdb\0\0\0\x01a\xa2\xc3\xbc", True),
    (b"\x94\x81\xa1a\x01\xde\0\x01\xa1a\x01\xdf\0\0\0\x01\xa1a\x01\x82\xa1a\x01\xa1a\x02", True),
    (b"\xdc\0\x01\x01", True),
    (b"\xdd\0\0\0\x01\x01", True),
    (b"\x91\xa1\xff", False),
    (b"\x91\xa3\xed\xa0\x80", False),
    (b"\x91\xc1", False),
    (b"\x91\xd4\x01\x00", False),
    (b"\x91\xc7\x01\x01\x00", False),
    (b"\x91\xd6\xff" + bytes(4), False),
    (b"\x91\x81\x01\x01", False),
    (b"\x91\x81\xc0\x01", False),
    (b"\x91\xdd\xff\xff\xff\xff", False),
    (b"\x91\xdf\xff\xff\xff\xff", False),
    (b"\x91\xdb\xff\xff\xff\xff", False),
    (b"\x91" * 63 + b"\x01", True),
    (b"\x91" * 64 + b"\x01", False),
    (b"\x91" * 62 + b"\x81\xa1a\x01", True),
    (b"\x91" * 63 + b"\x81\xa1a\x01", False),
    (b"\x91" * 63 + b"\x90", False),
]


@pytest.mark.parametrize(("raw", "is_sound"), MSGPACK)
def test_msgpack(implementation: ModuleType, raw: bytes, is_sound: bool) -> None:
    if is_sound:
        assert implementation.Evaluator(with_values(raw)).flag_keys() == []
    else:
        with pytest.raises(SnapshotError):
            implementation.Evaluator(with_values(raw))


def with_sections(change: Callable[[dict[str, list[int]]], Any]) -> bytes:
    """The sound snapshot with another section table: name -> [start, count]."""
    found = codec.decode_body(sound().snapshot())
    size = SECTION_ENTRY.size * len(SECTIONS)
    entries = {
        name: list(SECTION_ENTRY.packer.unpack_from(found.tables, index * SECTION_ENTRY.size))
        for index, (name, _) in enumerate(SECTIONS)
    }
    change(entries)
    table = b"".join(SECTION_ENTRY.packer.pack(*entries[name]) for name, _ in SECTIONS)
    return codec.encode(msgspec.structs.replace(found, tables=table + found.tables[size:]))


def test_the_section_table(implementation: ModuleType) -> None:
    assert implementation.Evaluator(with_sections(lambda entries: None)).evaluate("one", {}).variant == "on"
    changes: list[Callable[[dict[str, list[int]]], Any]] = [
        lambda entries: entries["text"].__setitem__(1, 1 << 20),
        lambda entries: entries["zones"].__setitem__(0, 0xFFFFFFFF),
        lambda entries: entries["flags"].__setitem__(0, 0),
        lambda entries: entries["flags"].__setitem__(0, 15),
        lambda entries: entries["numbers"].__setitem__(1, 0xFFFFFFFF),
        lambda entries: entries["ranges"].__setitem__(0, entries["variants"][0]),
        lambda entries: entries["text"].__setitem__(1, entries["text"][1] + 8),
    ]
    for change in changes:
        with pytest.raises(SnapshotError):
            implementation.Evaluator(with_sections(change))


def test_tables_must_be_aligned_and_whole(implementation: ModuleType) -> None:
    payload = sound().snapshot()[codes.HEADER_BYTES :]
    found = codec.decode_body(sound().snapshot())
    at = payload.index(b"\xc4" + bytes([len(found.padding)]) + found.padding + b"\xc6")
    size = struct.pack(">I", len(found.tables))
    head, tail = payload[:at], b"\xc6" + size + found.tables
    assert implementation.Evaluator(sealed(head + b"\xc4" + bytes([len(found.padding)]) + found.padding + tail))
    other = bytes((len(found.padding) + 1) % 8)
    for padding in (
        b"\xc4" + bytes([len(other)]) + other,
        b"\xc4" + bytes([len(found.padding) + 8]) + bytes(len(found.padding) + 8),
    ):
        with pytest.raises(SnapshotError):
            implementation.Evaluator(sealed(head + padding + tail))
    for tables in (b"", found.tables[:127]):
        with pytest.raises(SnapshotError):
            implementation.Evaluator(codec.encode(msgspec.structs.replace(found, tables=tables)))
