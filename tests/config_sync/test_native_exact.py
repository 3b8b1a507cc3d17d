"""The native dialect's exact forms: what they come to in the IR, and what is said about mistakes in them.

What they answer is in tests/golden/exact; that they can say everything is in test_convert.py.
"""

from typing import Any

import pytest

from config_sync import ir
from config_sync.compile import compile_project
from evaluator.snapshot import opcodes as codes
from tests.config_sync.native import compiled, evaluator, problems

HOW = {"hash": "murmur3_32"}


def condition_of(data: Any, **sections: Any) -> Any:
    """The condition as the front end gives it; the rule is free of errors."""
    flag = {"type": "boolean", "rules": [{"when": data, "variant": "on"}]}
    result = compile_project({"flags": {"flag": flag}, **sections})
    assert not result.has_errors, [item.message for item in result.diagnostics]
    assert result.translated is not None
    return result.translated.flags[0].rules[0].condition


def outcome_of(data: dict[str, Any], **fields: Any) -> ir.Outcome:
    flag = {"type": "boolean", "rules": [data], **fields}
    result = compile_project({"flags": {"flag": flag}})
    assert not result.has_errors, [item.message for item in result.diagnostics]
    assert result.translated is not None
    return result.translated.flags[0].rules[0].outcome


def test_a_test_says_everything() -> None:
    data = {
        "attribute": "age", "test": "less", "value": 18, "compare": "gte", "mode": ["coerce_text", 128],
        "negate": True, "missing": True, "mistyped": "unknown",
    }  # fmt: skip
    found = condition_of(data)
    wanted = ir.Test("less", ir.Attribute("age"), 18, codes.CMP_GE, 130, True, ir.TRUE, ir.UNKNOWN, found.origin)
    assert found == wanted


def test_a_test_alone_is_two_valued() -> None:
    found = condition_of({"attribute": "plan", "test": "exists"})
    assert found == ir.Test("exists", ir.Attribute("plan"), origin=found.origin)
    assert (found.missing, found.mistyped, found.operand) == (ir.FALSE, ir.FALSE, None)


def test_attributes_by_path_and_with_fallbacks() -> None:
    data = {"name": "a-b", "path": ["a", 0], "fallback": {"name": "c", "fallback": "user_id"}, "empty_is_missing": True}
    user = ir.Attribute("user_id", fallback=ir.TARGETING_KEY)
    wanted = ir.Attribute("a-b", ("a", 0), ir.Attribute("c", fallback=user), True)
    assert condition_of({"attribute": data, "test": "exists"}).attribute == wanted


@pytest.mark.parametrize(
    ("operator", "written", "operand"),
    [
        ("one_of", ["a", None, 1], ("a", None, 1)),
        ("equal", ["a"], ["a"]),
        ("time", "2024-01-23T08:53:20Z", 1_706_000_000_000_000),
        ("time", {"microseconds": 2**62}, 2**62),
        ("now", 5, 5_000_000),
        ("path", {"path": ["a", 0], "expected": [1]}, (("a", 0), [1])),
        ("window", {"days": [0], "minutes": [0, 60], "zone": "Europe/Berlin"}, ir.Window((0,), (0, 60), zone="Europe/Berlin")),
        ("distance", {"latitude": 1, "longitude": 2, "radius": 3}, ir.Place(1.0, 2.0, 3.0)),
    ],
)
def test_operands(operator: str, written: Any, operand: Any) -> None:
    data = {"test": operator, "value": written} | ({} if operator == "now" else {"attribute": "a"})
    assert condition_of(data).operand == operand


def test_buckets_as_a_condition() -> None:
    how = {"hash": "md5_le32", "space": "modulo", "total": 100, "prefix": "a", "suffix": ":b", "by": "mail", "unit": "string"}
    found = condition_of({"in_bucket": {"bucketing": how, "buckets": [[0, 9], [20, 29]], "missing": "unknown"}})
    wanted = ir.Bucketing(codes.HASH_MD5_LE32, codes.SPACE_MODULO, codes.UNIT_STRING, ir.Attribute("mail"), 0, 100, "a", ":b")
    assert found == ir.InBucket(wanted, ((0, 9), (20, 29)), ir.UNKNOWN)


def test_buckets_as_a_split() -> None:
    ranges = [{"to": 9, "variant": "on"}, {"to": 19, "no_answer": True}, {"to": 29, "next_rule": True}]
    by = {"expression": {"var": "mail"}}
    data = {"bucketing": {**HOW, "seed": 5, "by": by}, "ranges": ranges, "on_missing": "variant", "past_end": "default"}
    variable = ir.Expression(codes.NODE_VARIABLE, (ir.Expression(codes.NODE_CONSTANT, value="mail"),))
    wanted = ir.Split(
        ir.Bucketing(source=variable, seed=5),
        (ir.Range(9, "on"), ir.Range(19, None), ir.Range(29, ir.NEXT_RULE)),
        codes.ON_VARIANT,
        codes.ON_DEFAULT,
        "off",
    )
    assert outcome_of({"split": {**data, "fallback": "off"}}) == wanted


def constant(value: Any) -> ir.Expression:
    return ir.Expression(codes.NODE_CONSTANT, value=value)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (5, constant(5)),
        (None, constant(None)),
        ({"constant": {"a": [1]}}, constant({"a": [1]})),
        ([1, "x"], ir.Expression(codes.NODE_LIST, (constant(1), constant("x")))),
        ({"!": {"var": "a"}}, ir.Expression(codes.NODE_NOT, (ir.Expression(codes.NODE_VARIABLE, (constant("a"),)),))),
        ({"!": [[]]}, ir.Expression(codes.NODE_NOT, (ir.Expression(codes.NODE_LIST),))),
        ({"+": [], "mode": 3}, ir.Expression(codes.NODE_ADD, mode=3)),
    ],
)
def test_expressions(written: Any, wanted: ir.Expression) -> None:
    assert condition_of({"expression": written}) == ir.Truthy(wanted)
    assert outcome_of({"expression": written}) == ir.Computed(wanted)


def test_a_prerequisite_as_a_condition_finds_variants_without_a_name() -> None:
    flags = {
        "shown": {"type": "boolean", "default": "on"},
        "hidden": {"type": "boolean", "default": "on", "unnamed": ["on"]},
        "flag": {
            "type": "boolean",
            "rules": [
                {"when": {"prerequisite": {"flag": name, "variants": ["on"]}}, "variant": "on"} for name in ("shown", "hidden")
            ],
        },
        "gated": {
            "type": "boolean",
            "default": "on",
            "prerequisites": [{"flag": "hidden"}, {"flag": "hidden", "variant": "on"}],
        },
    }
    result = compiled(flags)
    assert not result.has_errors and result.translated is not None
    by_key = {flag.key: flag for flag in result.translated.flags}
    asked = [rule.condition.variants for rule in by_key["flag"].rules if isinstance(rule.condition, ir.Prerequisite)]
    assert asked == [("on",), ("\x00on",)]
    of = evaluator(flags)
    assert of.evaluate("hidden", {}).variant is None and of.evaluate("hidden", {}).value is True
    assert of.evaluate("gated", {}).variant == "on" and of.evaluate("flag", {}).value is True


def test_a_segment_may_be_exact() -> None:
    assert condition_of({"segment": "s"}, segments={"s": {"test": "exists", "attribute": "a"}}) is not None


def test_answers_of_any_type_and_none() -> None:
    flag = {"type": "any", "variants": {"a": 1, "b": None, "c": "x"}, "default": {"variant": "b"}}
    assert evaluator({"flag": flag}).evaluate("flag", {}).value is None
    nothing = {"type": "any", "variants": {}, "default": {"no_answer": True}, "default_reason": "held_out", "rules": []}
    answer = evaluator({"flag": nothing}).evaluate("flag", {})
    assert (answer.value, answer.variant, answer.detail) == (None, None, "held_out")


def test_variants_may_be_reported_alike_and_count_as_on() -> None:
    variants = {"first": "a", "second": "b"}
    flag = {
        "type": "string",
        "variants": variants,
        "default": "second",
        "reported_as": {"second": "first"},
        "is_on": ["second"],
    }
    of = evaluator({"flag": flag})
    answer = of.evaluate("flag", {})
    assert (answer.value, answer.variant) == ("b", "first")
    assert of.boolean("flag", {}, False) is True
    assert evaluator({"flag": {**flag, "is_on": []}}).boolean("flag", {}, False) is False


def test_a_rules_reason_and_shared_id_are_reported() -> None:
    rules = [
        {"when": {"attribute": "a", "operator": "eq", "value": 1}, "variant": "on", "reported_id": "r"},
        {"variant": "on", "reported_id": "r", "reason": "not_in_traffic"},
    ]
    answer = evaluator({"flag": {"type": "boolean", "rules": rules}}).evaluate("flag", {})
    assert (answer.rule, answer.detail) == ("r", "not_in_traffic")


def test_overrides_and_splits_know_variants_without_a_name() -> None:
    flag = {"type": "boolean", "unnamed": ["on"], "overrides": {"u": "on", "v": True}, "split": {"variants": {"on": 100}}}
    of = evaluator({"flag": flag})
    assert [
        (of.evaluate("flag", {"targetingKey": who}).value, of.evaluate("flag", {"targetingKey": who}).variant) for who in "uvw"
    ] == [(True, None)] * 3


# --- mistakes ---------------------------------------------------------------------------------------------------------

TEST = {"attribute": "a", "test": "equal", "value": 1}
BUCKETS = {"bucketing": HOW, "buckets": [[0, 1]]}


@pytest.mark.parametrize(
    ("condition", "code", "place"),
    [
        ({**TEST, "test": "equals"}, "UNKNOWN-OPERATOR", ()),
        ({**TEST, "compare": "at_least"}, "INVALID-VALUE", ("compare",)),
        ({**TEST, "missing": "maybe"}, "INVALID-VALUE", ("missing",)),
        ({**TEST, "mistyped": 1}, "WRONG-TYPE", ("mistyped",)),
        ({**TEST, "mode": ["loosely"]}, "INVALID-VALUE", ("mode", 0)),
        ({**TEST, "mode": [256]}, "INVALID-VALUE", ("mode", 0)),
        ({**TEST, "negated": True}, "UNKNOWN-FIELD", ("negated",)),
        ({**TEST, "attribute": "a b"}, "INVALID-ATTRIBUTE", ("attribute",)),
        ({**TEST, "attribute": 5}, "WRONG-TYPE", ("attribute",)),
        ({**TEST, "attribute": {"path": []}}, "MISSING-FIELD", ("attribute",)),
        ({"test": "equal", "value": 1}, "INVALID-ATTRIBUTE", ()),
        ({**TEST, "test": "less", "value": "x"}, "INVALID-OPERAND", ()),
        ({**TEST, "test": "time", "value": "soon"}, "INVALID-OPERAND", ("value",)),
        ({**TEST, "test": "path", "value": "$.a"}, "INVALID-OPERAND", ("value",)),
        ({**TEST, "test": "window", "value": {"days": "all"}}, "INVALID-OPERAND", ("value",)),
        ({**TEST, "test": "window", "value": {"hours": [1, 2]}}, "INVALID-OPERAND", ("value",)),
        ({"in_bucket": {"buckets": []}}, "MISSING-FIELD", ("in_bucket",)),
        ({"in_bucket": {**BUCKETS, "buckets": [[1]]}}, "BAD-RANGE", ("in_bucket", "buckets", 0)),
        ({"in_bucket": {**BUCKETS, "bucketing": {}}}, "MISSING-FIELD", ("in_bucket", "bucketing")),
        ({"in_bucket": {**BUCKETS, "bucketing": {"hash": "murmur"}}}, "INVALID-VALUE", ("in_bucket", "bucketing", "hash")),
        ({"in_bucket": {**BUCKETS, "bucketing": {**HOW, "by": {"expression": {}}}}}, "BAD-EXPRESSION", None),
        ({"in_bucket": 5}, "WRONG-TYPE", ("in_bucket",)),
        ({"prerequisite": {"flag": "x"}}, "MISSING-FIELD", ("prerequisite",)),
        ({"prerequisite": {"flag": "x", "variants": ["on"]}}, "UNKNOWN-PREREQUISITE", ()),
        ({"expression": {"a": 1, "b": 2}}, "BAD-EXPRESSION", ("expression",)),
        ({"expression": {"variable": "x"}}, "BAD-EXPRESSION", ("expression",)),
        ({"expression": {"!": [1, {}]}}, "BAD-EXPRESSION", ("expression", "!", 1)),
        ({"expression": {"!": 1, "mode": 300}}, "BAD-EXPRESSION", ("expression", "mode")),
    ],
)
def test_mistakes_in_conditions(condition: Any, code: str, place: tuple[Any, ...] | None) -> None:
    found = problems(condition)
    assert [said for said, _ in found] == [code]
    assert place is None or found[0][1] == place


SPLIT = {"bucketing": HOW, "ranges": [{"to": 5, "variant": "on"}]}


@pytest.mark.parametrize(
    ("fields", "codes_said"),
    [
        ({"rules": [{"split": {**SPLIT, "ranges": [{"to": 5}]}}]}, ["RULE-OUTCOME"]),
        ({"rules": [{"split": {**SPLIT, "ranges": [{"to": 5, "variant": "on", "no_answer": True}]}}]}, ["RULE-OUTCOME"]),
        ({"rules": [{"split": {**SPLIT, "ranges": [{"to": 5, "variant": "of"}]}}]}, ["UNKNOWN-VARIANT"]),
        ({"rules": [{"split": {**SPLIT, "fallback": "of"}}]}, ["UNKNOWN-VARIANT"]),
        ({"rules": [{"split": {**SPLIT, "on_missing": "fail"}}]}, ["INVALID-VALUE"]),
        ({"rules": [{"split": {**SPLIT, "past_end": "variant"}}]}, ["INVALID-SPLIT"]),
        ({"rules": [{"split": {**SPLIT, "bucketing": {**HOW, "space": "modulo"}}}]}, ["INVALID-SPLIT"]),
        ({"rules": [{"variant": "on", "no_answer": True}]}, ["RULE-OUTCOME"]),
        ({"rules": [{"variant": "on", "reason": "because"}]}, ["INVALID-VALUE"]),
        ({"rules": [{"variant": "on", "id": "a", "reported_id": "b"}]}, ["REPEATED-FIELD"]),
        ({"default": {}}, ["RULE-OUTCOME"]),
        ({"default": 5}, ["WRONG-TYPE"]),
        ({"default": {"variant": "of"}}, ["UNKNOWN-VARIANT"]),
        ({"default_reason": "because"}, ["INVALID-VALUE"]),
        ({"unnamed": ["of"]}, ["UNKNOWN-VARIANT"]),
        ({"reported_as": {"of": "off"}}, ["UNKNOWN-VARIANT"]),
        ({"is_on": ["of"]}, ["UNKNOWN-VARIANT"]),
        ({"variant_fields": {"of": {}}}, ["UNKNOWN-VARIANT"]),
        ({"type": "any"}, ["MISSING-FIELD"]),
        ({"error": "it was broken"}, ["FLAG-ERROR"]),
    ],
)
def test_mistakes_in_flags(fields: dict[str, Any], codes_said: list[str]) -> None:
    result = compiled({"flag": {"type": "boolean", **fields}, "good": {"type": "boolean"}})
    assert [item.code for item in result.diagnostics if item.severity == "error"] == codes_said
    assert result.snapshot is not None and result.project is not None
    assert {flag.key: flag.error is None for flag in result.project.flags} == {"flag": False, "good": True}
