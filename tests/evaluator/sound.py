"""A snapshot with a row in every section and every operator, for the tests that break it."""

import struct

from evaluator.snapshot import opcodes as codes
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
    t.numbers = [bits(-1), bits(2), bits(-1.0), bits(2.0), 0, 1, 4 << 8 | 8, 10 << 56, 0]
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
        codes.OP_IN_NETWORK: {"offset": 6, "count": 1},
        codes.OP_PATH: {"offset": 1, "length": listed},
        codes.OP_ORDER: {"offset": flat},
        codes.OP_WITHIN: {"offset": listed},
        codes.OP_MODULO: {"count": 2, "payload": 7},
        codes.OP_DIGEST: text | {"count": 1, "payload": t.text(struct.pack("<I", codes.DIGEST_WHOLE) + bytes(32))[0]},
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
