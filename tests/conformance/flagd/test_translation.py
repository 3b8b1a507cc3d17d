"""flagd documents: what becomes of flags, and what is said about mistakes, with place, code and hint."""

import json
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync import compile_project
from config_sync.diagnostics import ERROR, Diagnostic
from config_sync.frontends.base import Source
from config_sync.frontends.flagd import translate
from config_sync.ir import NoAnswer, Origin
from tests.conformance.flagd.asking import cores, evaluator_of

BOOLEAN = {"on": True, "off": False}


def flag(**fields: Any) -> dict[str, Any]:
    """A flag; a field of ``...`` is left out."""
    whole = {"state": "ENABLED", "variants": BOOLEAN, "defaultVariant": "off", **fields}
    return {name: value for name, value in whole.items() if value is not ...}


def said(document: Any) -> list[Diagnostic]:
    return list(compile_project(document, dialect="flagd").diagnostics)


def about(document: Any) -> list[tuple[str, str, tuple[str | int, ...]]]:
    return [(item.severity, item.code, item.origin.pointer) for item in said(document)]


T = ("flags", "f", "targeting")
MISTAKES: list[tuple[dict[str, Any], str, tuple[str | int, ...]]] = [
    (flag(state="ON"), "INVALID-STATE", ("flags", "f", "state")),
    (flag(variants=...), "MISSING-FIELD", ("flags", "f")),
    (flag(variants=[True]), "WRONG-TYPE", ("flags", "f", "variants")),
    (flag(variants={}, defaultVariant=None), "NO-VARIANTS", ("flags", "f", "variants")),
    (flag(variants={"off": 1, "on": "1"}), "MIXED-TYPES", ("flags", "f", "variants")),
    (flag(variants={"off": None}), "INVALID-VALUE", ("flags", "f", "variants", "off")),
    (flag(defaultVariant="other"), "UNKNOWN-VARIANT", ("flags", "f", "defaultVariant")),
    (flag(defaultVariant=1), "UNKNOWN-VARIANT", ("flags", "f", "defaultVariant")),
    (flag(metadata={"a": [1]}), "INVALID-METADATA", ("flags", "f", "metadata", "a")),
    (flag(metadata=5), "INVALID-METADATA", ("flags", "f", "metadata")),
    (flag(targeting="on"), "WRONG-TYPE", T),
    (flag(targeting={"iff": [True, "on"]}), "UNKNOWN-OPERATOR", (*T, "iff")),
    (flag(targeting={"if": [{"and": [{"rollout": []}]}, "on"]}), "UNKNOWN-OPERATOR", (*T, "if", 0, "and", 0, "rollout")),
    (flag(targeting={"==": [1, 1], "!=": [1, 1]}), "NOT-A-RULE", T),
    (flag(targeting={"!": [{}]}), "NOT-A-RULE", (*T, "!", 0)),
    (flag(targeting={"$ref": "nowhere"}), "UNKNOWN-REFERENCE", (*T, "$ref")),
    (flag(targeting={"$ref": 5}), "UNKNOWN-REFERENCE", (*T, "$ref")),
]


@pytest.mark.parametrize(("data", "code", "pointer"), MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes_bury_one_flag(data: Any, code: str, pointer: tuple[str | int, ...], implementation: ModuleType) -> None:
    """The error is told with its place, the flag answers the caller's default, and the others are as before."""
    document = {"flags": {"f": data, "sound": flag()}}
    assert ("error", code, pointer) in about(document)
    evaluator = evaluator_of(document, "flagd", implementation)
    lost = evaluator.evaluate("f", {})
    assert (lost.value, lost.variant, lost.reason, lost.error_code) == (None, None, "ERROR", "PARSE_ERROR")
    assert evaluator.boolean("f", {}, True) is True
    assert evaluator.evaluate("sound", {}).variant == "off"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], "WRONG-TYPE"),
        ({}, "MISSING-FIELD"),
        ({"flags": 5}, "WRONG-TYPE"),
        ({"flags": [{"state": "ENABLED"}]}, "MISSING-FIELD"),
        ({"flags": {"f": 5}}, "WRONG-TYPE"),
        ({"flags": {"f": flag()}, "metadata": {"a": {}}}, "INVALID-METADATA"),
        ({"flags": {"f": flag()}, "$evaluators": []}, "WRONG-TYPE"),
        ({"flags": {"f": flag()}, "$evaluators": {"unused": {"nope": []}}}, "UNKNOWN-OPERATOR"),
    ],
)
def test_mistakes_of_the_document(document: Any, code: str) -> None:
    from config_sync.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    translate([Source(document, Origin("flags.json"))], diagnostics)
    assert code in [item.code for item in diagnostics if item.severity == ERROR]


def test_hints_name_what_was_meant() -> None:
    assert "'if'" in next(item.hint for item in said({"flags": {"f": flag(targeting={"iff": []})}}))
    assert "on, off" in next(item.hint for item in said({"flags": {"f": flag(defaultVariant="x")}}))


def test_a_state_is_assumed_with_a_warning(implementation: ModuleType) -> None:
    document = {"flags": {"f": flag(state=...)}}
    assert about(document) == [("warning", "MISSING-FIELD", ("flags", "f"))]
    assert evaluator_of(document, "flagd", implementation).evaluate("f", {}).reason == "STATIC"


REASONS: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    (flag(), (False, "off", "STATIC")),
    (flag(targeting={}), (False, "off", "STATIC")),
    (flag(targeting=None), (False, "off", "STATIC")),
    (flag(defaultVariant=None), (None, None, "DEFAULT")),
    (flag(defaultVariant=...), (None, None, "DEFAULT")),
    (flag(state="DISABLED", targeting={"if": [True, "on"]}), (None, None, "DISABLED")),
    (flag(targeting={"if": [True, "on"]}), (True, "on", "TARGETING_MATCH")),
    (flag(targeting={"if": [True, "off"]}), (False, "off", "TARGETING_MATCH")),
    (flag(targeting={"if": [False, "on"]}), (False, "off", "DEFAULT")),
    (flag(targeting={"if": [True, None]}), (False, "off", "DEFAULT")),
    (flag(targeting={"if": [True, None]}, defaultVariant=None), (None, None, "DEFAULT")),
    (flag(targeting={"if": [True, "nobody"]}), (None, None, "ERROR")),
    (flag(targeting={"if": [True, ["on"]]}), (None, None, "ERROR")),
    (flag(targeting={"==": [1, 1]}, variants={"true": 1, "off": 0}), (1, "true", "TARGETING_MATCH")),
    (flag(targeting={"if": [True, 1.0]}, variants={"1": 1, "off": 0}), (1, "1", "TARGETING_MATCH")),
    (flag(targeting={"fractional": [["on"]]}), (True, "on", "TARGETING_MATCH")),
]


@pytest.mark.parametrize(("data", "expected"), REASONS)
def test_reasons(data: Any, expected: tuple[Any, ...], implementation: ModuleType) -> None:
    found = evaluator_of({"flags": {"f": data}}, "flagd", implementation).evaluate("f", {"targetingKey": "u"})
    assert (found.value, found.variant, found.reason) == expected
    assert found.error_code == ("GENERAL" if expected[2] == "ERROR" else None)


def test_a_disabled_flag_stays_disabled_whatever_its_targeting() -> None:
    document = {"flags": {"f": flag(state="DISABLED", targeting={"nope": []})}}
    assert about(document) == [("warning", "UNKNOWN-OPERATOR", (*T, "nope"))]
    for core in cores():
        assert evaluator_of(document, "flagd", core).evaluate("f", {}).reason == "DISABLED"


def test_metadata_of_the_set_is_under_that_of_the_flag(implementation: ModuleType) -> None:
    document = {
        "metadata": {"owner": "web", "version": 2},
        "flags": {"f": flag(metadata={"owner": "app"}), "plain": flag()},
    }
    evaluator = evaluator_of(document, "flagd", implementation)
    assert evaluator.metadata == {"owner": "web", "version": 2}
    assert evaluator.evaluate("f", {}).metadata == {"owner": "app", "version": 2}
    assert evaluator.flag_metadata("plain") == {"owner": "web", "version": 2}


def test_evaluators_may_name_each_other_but_not_in_a_circle() -> None:
    evaluators = {
        "a": {"!": [{"$ref": "b"}]},
        "b": {"==": [{"var": "x"}, 1]},
        "c": {"$ref": "d"},
        "d": {"and": [{"$ref": "c"}]},
    }
    good, bad = flag(targeting={"if": [{"$ref": "a"}, "on"]}), flag(targeting={"if": [{"$ref": "c"}, "on"]})
    document = {"flags": {"good": good, "bad": bad}, "$evaluators": evaluators}
    assert [code for _, code, _ in about(document)] == ["CYCLIC-REFERENCE"]
    for core in cores():
        evaluator = evaluator_of(document, "flagd", core)
        assert evaluator.evaluate("good", {"x": 2}).variant == "on"
        assert evaluator.evaluate("good", {"x": 1}).variant == "off"
        assert evaluator.evaluate("bad", {}).error_code == "PARSE_ERROR"


def nested(levels: int, rule: Any = None) -> Any:
    """An operator in an operator …; with the innermost ``var`` and its path, two deeper."""
    rule = rule or {"var": "x"}
    for _ in range(levels):
        rule = {"!": rule}
    return rule


def test_limits_of_expressions() -> None:
    """Depth, size, chains of evaluators, and evaluators that double each time."""
    result = {"cat": [{"$ref": "deep"}]}  # 1 and 32 deep
    for levels, told in ((31, []), (32, [("error", "LIMIT-EXPRESSION-DEPTH", T)])):
        document = {"flags": {"f": flag(targeting=nested(levels, result))}, "$evaluators": {"deep": nested(30)}}
        assert about(document) == told
        for core in cores():
            assert evaluator_of(document, "flagd", core).evaluate("f", {}).reason == "ERROR"
    wide = {"or": [{"==": [{"var": "x"}, number]} for number in range(4_000)]}
    assert ("error", "LIMIT-EXPRESSION", T) in about({"flags": {"f": flag(targeting={"if": [wide, "on"]})}})
    doubling = {f"e{n}": {"and": [{"$ref": f"e{n - 1}"}] * 2} for n in range(1, 25)} | {"e0": {"==": [1, 1]}}
    document = {"flags": {"f": flag(targeting={"if": [{"$ref": "e24"}, "on"]})}, "$evaluators": doubling}
    assert "LIMIT-EXPRESSION" in [item.code for item in said(document)]
    chain = {f"e{n}": {"!": [{"$ref": f"e{n + 1}"}]} for n in range(5_000)}
    assert "LIMIT-EXPRESSION-DEPTH" in [item.code for item in said({"flags": {"f": flag()}, "$evaluators": chain})]


def test_long_lists_of_constants_are_one_value(implementation: ModuleType) -> None:
    members = [f"user-{number}" for number in range(20_000)]
    document = {"flags": {"f": flag(targeting={"if": [{"in": [{"var": "targetingKey"}, members]}, "on", "off"]})}}
    assert about(document) == []
    evaluator = evaluator_of(document, "flagd", implementation)
    assert evaluator.evaluate("f", {"targetingKey": "user-19999"}).variant == "on"
    assert evaluator.evaluate("f", {"targetingKey": "user-20000"}).variant == "off"


def test_lists_of_flags_and_decimals() -> None:
    data = {"key": "f", **flag(variants={"on": Decimal(10), "off": Decimal("2.5")})}
    document = {"flags": [data]}
    for core in cores():
        evaluator = evaluator_of(document, "flagd", core)
        assert evaluator.number("f", {}, 0) == 2.5


def test_the_last_document_wins() -> None:
    from config_sync.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    sources = [Source({"flags": {"f": flag(), "g": flag()}}, Origin("a.json")), Source({"flags": {"f": {}}}, Origin("b.json"))]
    project = translate(sources, diagnostics)
    assert [(found.key, found.origin.document) for found in project.flags] == [("f", "b.json"), ("g", "a.json")]
    assert "SHADOWED-FLAG" in [item.code for item in diagnostics]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "\ud800", b"x"])
def test_constants_that_json_does_not_have(value: Any) -> None:
    """Sources refuse most of these before; whoever calls the front end itself gets the same."""
    from config_sync.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    translate([Source({"flags": {"f": flag(targeting={"==": [value, {"var": "x"}]})}}, Origin("x"))], diagnostics)
    assert [(item.code, item.origin.pointer) for item in diagnostics] == [("NOT-JSON", (*T, "==", 0))]


def test_rul_09_nothing_raises_on_absurd_documents() -> None:
    from config_sync.diagnostics import Diagnostics

    absurd: Any = {"flags": {5: 5, "f": {"variants": {1: object()}, "metadata": {2: b""}, "state": [], "targeting": {3: 4}}}}
    project = translate([Source(absurd, Origin("x")), Source(None, Origin("y"))], Diagnostics())
    assert all(found.error and isinstance(found.default, NoAnswer) for found in project.flags)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(data=json_values, targeting=json_values, variants=json_values)
def test_any_json_translates(data: Any, targeting: Any, variants: Any) -> None:
    document = {
        "flags": {"f": {"state": "ENABLED", "variants": variants, "targeting": targeting}, "g": data},
        "$evaluators": data,
    }
    compile_project(document, dialect="flagd")


def test_compiling_twice_gives_the_same_bytes() -> None:
    document = {"flags": {"b": flag(targeting={"fractional": [["on", 1], ["off", 3]]}), "a": flag()}}
    backwards = {"flags": dict(reversed(document["flags"].items()))}
    assert compile_project(document, dialect="flagd").name == compile_project(backwards, dialect="flagd").name


GOLDEN = sorted((Path(__file__).parent / "golden").glob("scenario_*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_scenarios(path: Path, implementation: ModuleType) -> None:
    """A document, and what users of it get: these run where the public scenarios aren't at hand, too."""
    scenario = json.loads(path.read_text())
    for dialect, cases in scenario["cases"].items():
        evaluator = evaluator_of(scenario["document"], dialect, implementation)
        for key, context, value, variant, reason in cases:
            found = evaluator.evaluate(key, context, scenario["now"])
            assert [found.value, found.variant, found.reason] == [value, variant, reason], (dialect, key, context)


def test_there_are_golden_scenarios() -> None:
    assert len(GOLDEN) >= 2
