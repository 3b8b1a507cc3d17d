"""Explaining is the same evaluation, watched: it agrees with ``evaluate`` always, and says every step in words."""

import json
from types import ModuleType
from typing import Any

import pytest

import evaluator
from config_sync import ir
from config_sync.lower import lower
from evaluator.explain import Explanation, explain
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import encode
from tests.evaluator.builder import questionnaire
from tests.evaluator.hostile import tables_for, unpleasant

T = ir.Test


def attribute(name: str) -> ir.Attribute:
    return ir.Attribute(name)


CONDITIONS: dict[str, tuple[ir.Condition, str]] = {
    "text": (T("equal", attribute("a"), "x"), 'a = "x"'),
    "texts": (T("one_of", attribute("a"), ("x", "y")), 'a is one of "x", "y"'),
    "set": (
        T("one_of", attribute("a"), tuple(f"user-{number}" for number in range(1000))),
        "in all)",
    ),
    "number": (T("equal", attribute("a"), 3), "a = 3"),
    "float": (T("equal", attribute("a"), 3.5), "a = 3.5"),
    "numbers": (T("one_of", attribute("a"), (3, 1)), "a is one of 1, 3"),
    "floats": (T("one_of", attribute("a"), (3.5, 1.5)), "a is one of 1.5, 3.5"),
    "boolean": (T("equal", attribute("a"), True), "a is true"),
    "null": (T("equal", attribute("a"), None), "a is null"),
    "exists": (T("exists", attribute("a")), "a is there"),
    "object": (T("equal", attribute("a"), {"k": [1]}), 'a = {"k": [1]}'),
    "order": (T("less_equal", attribute("a"), 18, mode=codes.MODE_COERCE_TEXT), "a <= 18 (numeric strings count)"),
    "contains": (T("contains", attribute("a"), "x", mode=codes.MODE_CASEFOLD), 'a contains "x", ignoring case'),
    "starts": (T("starts_with", attribute("a"), "x"), 'a starts with "x"'),
    "ends": (T("ends_with", attribute("a"), "x"), 'a ends with "x"'),
    "matches": (T("matches", attribute("a"), "^x+$"), "a matches /^x+$/"),
    "time": (T("time", attribute("a"), 86_400_000_000, codes.CMP_LT), "a is an instant < 1970-01-02T00:00:00Z"),
    "version": (T("version", attribute("a"), "1.2.3", codes.CMP_GE), "a is a version >= 1.2.3"),
    "same minor": (T("version", attribute("a"), "1.2.3", mode=codes.MODE_VERSION_SAME_MINOR), "a is a version ~ 1.2.3"),
    "same major": (T("version", attribute("a"), "1.2.3", mode=codes.MODE_VERSION_SAME_MAJOR), "a is a version ^ 1.2.3"),
    "length": (T("length", attribute("a"), 3, codes.CMP_GT), "the length of a > 3"),
    "distance": (
        T("distance", attribute("a"), ir.Place(52.5, 13.4, 10, 1.609344), codes.CMP_LE),
        "the distance of a from (52.5, 13.4) <= 10 times 1.60934 km",
    ),
    "window": (
        T("window", attribute("a"), ir.Window((0, 1), (540, 1020), (0, 19_849), (0, 10**6))),
        "a (or now) is in the window on Mon, Tue, 09:00-17:00, 1970-01-01 to 2024-05-06, "
        "1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z, UTC",
    ),
    "now": (T("now", None, 0, codes.CMP_GE), "now >= 1970-01-01T00:00:00Z"),
    "all of": (T("contains_all", attribute("a"), ("x", 1)), 'a contains all of "x", 1'),
    "any of": (T("contains_any", attribute("a"), ("x", 1)), 'a contains any of "x", 1'),
    "order of values": (T("order", attribute("a"), "x", codes.CMP_GE), 'a >= "x"'),
    "part": (T("within", attribute("a"), "xyz"), 'a is a part of "xyz"'),
    "nothing but": (T("within", attribute("a"), ("x", 1)), 'a has nothing but "x", 1'),
    "loosely": (
        T("contains_any", attribute("a"), ("x",), mode=codes.MODE_CONTAINER | codes.MODE_BOOLEAN_NUMBER),
        'a contains any of "x" (of a text its parts, of a map its keys) (true is 1)',
    ),
    "modulo": (T("modulo", attribute("a"), (100, 0, 29)), "a modulo 100 is in 0-29"),
    "path": (T("path", attribute("a"), (("k", 0), "x")), 'a at k.0 = "x"'),
    "bucket": (
        ir.InBucket(ir.Bucketing(seed=7, prefix="salt:"), ((10, 20), (30, 2**31))),
        'bucket of murmur3_32(seed 7, "salt:" + targetingKey) of 2^32 is in 10-20, 30-2147483648',
    ),
    "truthy": (
        ir.Truthy(
            ir.Expression(codes.NODE_EQUAL, (ir.Expression(codes.NODE_CONSTANT, (), "x"), ir.Expression(codes.NODE_CONSTANT)))
        ),
        'equal("x", null) is truthy',
    ),
    "prerequisite": (ir.Prerequisite("base", ("on",)), 'flag "base" answers one of "on"'),
    "path and fallback": (
        T("equal", ir.Attribute("a", ("u", "n"), ir.Attribute("b"), True), "x"),
        'u.n (not empty) else b = "x"',
    ),
}

ON_OFF = (ir.Variant("on", True), ir.Variant("off", False))
BASE = ir.Flag("base", ON_OFF, (), ir.Constant("on"))


def snapshot_of(*flags: ir.Flag) -> bytes:
    return encode(lower(ir.Project("native", flags)).body)


def ruled(condition: ir.Condition | None, outcome: ir.Outcome | None = None) -> bytes:
    rule = ir.Rule(outcome or ir.Constant("on"), codes.REASON_TARGETING_MATCH, condition, "the rule")
    return snapshot_of(BASE, ir.Flag("f", ON_OFF, (rule,), ir.Constant("off"), codes.REASON_DEFAULT))


def questions(explanation: Explanation) -> list[str]:
    return [step.data["question"] for step in explanation.steps if step.kind == "condition"]


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_in_words(implementation: ModuleType, name: str) -> None:
    condition, words = CONDITIONS[name]
    core = implementation.Evaluator(ruled(condition))
    for context in ({}, {"a": "x", "targetingKey": "u"}, {"a": 3}, {"a": None}, {"a": "\ud800"}):
        explained = core.explain("f", context, 5)
        assert explained.evaluation == core.evaluate("f", context, 5)
        assert any(words in question for question in questions(explained)), questions(explained)
        assert words in str(explained)
        assert json.loads(json.dumps(explained.to_dict())) == explained.to_dict()


def test_explain_shows_the_value_and_the_result(implementation: ModuleType) -> None:
    core = implementation.Evaluator(ruled(T("less", attribute("a"), 18)))
    for context, result, value in (
        ({"a": 5}, "true", 5),
        ({"a": 50}, "false", 50),
        ({"a": "x"}, "unknown", "x"),
        ({}, "missing", None),
    ):
        step = next(step for step in core.explain("f", context).steps if step.kind == "condition")
        assert step.data["result"] == result
        assert step.data.get("value") == value
        assert step.text == f"a < 18? {'' if value is None else json.dumps(value) + ': '}{result} -> " + (
            "match" if result == "true" else "no match"
        )


def test_explain_shows_the_bucket_and_the_range(implementation: ModuleType) -> None:
    split = ir.Split(ir.Bucketing(), (ir.Range(2**31, "on"), ir.Range(2**32 - 1, "off")))
    core = implementation.Evaluator(ruled(None, split))
    found = core.explain("f", {"targetingKey": "user_123"})
    step = next(step for step in found.steps if step.kind == "bucket")
    assert step.data == {
        "split": "bucket of murmur3_32(seed 0, targetingKey) of 2^32",
        "unit": "user_123",
        "bucket": 3153556317,
        "range": [2**31 + 1, 2**32 - 1],
    }
    assert '"user_123" is 3153556317, in 2147483649-4294967295: "off"' in step.text
    missing = next(step for step in core.explain("f", {}).steps if step.kind == "bucket")
    assert missing.text.endswith("there is no unit")
    unusable = core.explain("f", {"targetingKey": "\ud800"})
    assert "the unit is unusable" in str(unusable)
    assert unusable.evaluation.error_code == "INVALID_CONTEXT"


def test_explain_reads_like_this(implementation: ModuleType) -> None:
    split = ir.Split(
        ir.Bucketing(total=100, space=codes.SPACE_MULTIPLY), (ir.Range(9, "on"),), codes.ON_DEFAULT, codes.ON_NEXT_RULE
    )
    flag = ir.Flag(
        "f",
        ON_OFF,
        (
            ir.Rule(ir.Constant("on"), codes.REASON_OVERRIDE, ir.Prerequisite("base", ("off",)), "staff"),
            ir.Rule(split, codes.REASON_SPLIT, T("one_of", attribute("country"), ("US", "CA")), "rollout"),
        ),
        ir.Constant("off"),
        codes.REASON_NOT_IN_ROLLOUT,
    )
    core = implementation.Evaluator(snapshot_of(BASE, flag))
    assert str(core.explain("f", {"country": "US", "targetingKey": "user_123"})) == "\n".join(
        [
            'flag "f"',
            '  rule "staff", for TARGETING_MATCH (override)',
            '    flag "base"',
            '      the default: variant "on"',
            '      => true, variant "on", reason STATIC (enabled)',
            '    flag "base" answers one of "off"? "on": false -> no match',
            "    does not match",
            '  rule "rollout", for SPLIT (enabled)',
            '    country is one of "CA", "US"? "US": true -> match',
            '    bucket of murmur3_32(seed 0, targetingKey) of 100: "user_123" is 73, past the last range',
            "    matches, but its outcome passes on",
            '  the default: variant "off"',
            '  => false, variant "off", reason DEFAULT (not_in_rollout)',
        ]
    )


@pytest.mark.parametrize(
    ("key", "context", "now", "code"),
    [
        ("nope", {}, None, "FLAG_NOT_FOUND"),
        (5, {}, None, "FLAG_NOT_FOUND"),
        ("f", 5, None, "INVALID_CONTEXT"),
        ("f", {}, "x", "INVALID_CONTEXT"),
    ],
)
def test_explain_of_errors(implementation: ModuleType, key: Any, context: Any, now: Any, code: str) -> None:
    core = implementation.Evaluator(ruled(None))
    found = core.explain(key, context, now)
    assert found.evaluation == core.evaluate(key, context, now)
    assert found.evaluation.error_code == code
    assert code in str(found)
    assert found.to_dict()["evaluation"]["errorCode"] == code


def test_explain_of_tombstones_and_of_newer_flags(implementation: ModuleType) -> None:
    broken = ir.Flag("broken", ON_OFF, (), ir.Constant("on"), codes.REASON_STATIC, None, "rule 3 has no variant")
    core = implementation.Evaluator(snapshot_of(broken))
    for context in ({}, 5):
        found = core.explain("broken", context)
        assert found.evaluation == core.evaluate("broken", context)
        assert 'flag "broken": it did not compile (rule 3 has no variant)' in str(found)
    tables, operand = tables_for(codes.OP_EXISTS)
    core = implementation.Evaluator(questionnaire(tables, {"op": 99} | operand).snapshot())
    assert "it needs a newer core" in str(core.explain("f", {}))
    assert core.explain("f", {}).evaluation == core.evaluate("f", {})


@pytest.mark.parametrize(
    "op", [op for op in range(1, codes.OP_LAST + 1) if op not in (codes.OP_PREREQUISITE, codes.OP_EXPRESSION)]
)
def test_explain_survives_every_unpleasant_value(op: int) -> None:
    tables, operand = tables_for(op)
    asked = tables.attribute("a")
    snapshot = questionnaire(tables, {"op": op, "attribute": asked} | operand).snapshot()
    core = evaluator.Evaluator(snapshot)
    for value in unpleasant():
        found = explain(snapshot, "f", {"a": value, "targetingKey": value}, 5)
        assert found.evaluation == core.evaluate("f", {"a": value, "targetingKey": value}, 5)
        json.dumps(found.to_dict(), allow_nan=False).encode()
        str(found).encode()


def test_public_names() -> None:
    assert evaluator.Explanation is Explanation
    assert repr(explain(ruled(None), "f", {})).startswith("Explanation(Evaluation(flag_key='f', value=True")
    with pytest.raises(AttributeError):
        evaluator.nonsense  # noqa: B018
    with pytest.raises(evaluator.SnapshotError):
        explain(b"nonsense", "f", {})
