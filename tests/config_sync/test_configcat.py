"""The ConfigCat front end: what becomes of odd documents, and that spoiled ones lose what is spoiled and nothing else.

What sound documents answer is in tests/conformance/configcat and in the golden cases.
"""

import copy
import json
import random
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from config_sync import ir
from config_sync.compile import CompileResult, compile_project
from config_sync.render import render
from tests.config_sync.test_native_spoiled import JUNK, paths, spoil
from tests.conftest import ROOT

GOLDEN = [ROOT / "tests" / "golden" / name / "flags.json" for name in ("configcat-rules", "configcat-comparators")]
CONTEXTS: list[dict[str, Any]] = [
    {},
    {"targetingKey": "ann", "Email": "a@x.example", "Country": "US", "plan": "pro", "roles": ["admin"], "app": "2.0.0"},
    {"targetingKey": "", "age": 20, "score": "3,5", "joined": "5", "Country": None, "teams": "[]", "account": 1.5},
]


def setting(*rules: Any, **more: Any) -> dict[str, Any]:
    return {"t": 0, "v": {"b": False}, "r": list(rules)} | more


def rule(*conditions: Any, **more: Any) -> dict[str, Any]:
    return {"c": list(conditions), "s": {"v": {"b": True}}} | more


def user(attribute: str, comparator: int, **operand: Any) -> dict[str, Any]:
    return {"u": {"a": attribute, "c": comparator} | operand}


def prerequisite(key: str, value: Any, comparator: int = 0) -> dict[str, Any]:
    return {"p": {"f": key, "c": comparator, "v": value}}


def compiled(settings: dict[str, Any], **more: Any) -> CompileResult:
    return compile_project({"p": {"s": "salt"}, "f": settings} | more, "configcat")


def codes_of(result: CompileResult) -> list[str]:
    return [item.code for item in result.diagnostics]


def answer(core: ModuleType, result: CompileResult, context: dict[str, Any], key: str = "f") -> tuple[Any, str]:
    assert result.snapshot is not None, list(result.diagnostics)
    found = core.Evaluator(result.snapshot).evaluate(key, context)
    return found.value, found.error_code or found.reason


WRONG: list[tuple[Any, str]] = [
    ("text", "WRONG-TYPE"),
    (None, "WRONG-TYPE"),
    ({"v": {"b": True}}, "INVALID-VALUE"),
    ({"t": True, "v": {"b": True}}, "INVALID-VALUE"),
    ({"t": 4, "v": {"b": True}}, "INVALID-VALUE"),
    ({"t": 0}, "MISSING-FIELD"),
    ({"t": 0, "v": True}, "CONFIG-VERSION"),
    ({"t": 0, "v": {"s": "x"}}, "VARIANT-TYPE"),
    ({"t": 0, "v": {"b": 1}}, "VARIANT-TYPE"),
    ({"t": 2, "v": {"i": True}}, "VARIANT-TYPE"),
    ({"t": 3, "v": {"d": "1"}}, "VARIANT-TYPE"),
    (setting(a=5), "WRONG-TYPE"),
    (setting(r={}), "WRONG-TYPE"),
    (setting(r=None), "WRONG-TYPE"),
    (setting(5), "WRONG-TYPE"),
    (setting({"c": {}}), "WRONG-TYPE"),
    (setting(rule(s={"v": {"s": ""}})), "VARIANT-TYPE"),
    (setting(rule(s=5)), "WRONG-TYPE"),
    (setting(p=[{"p": "50", "v": {"b": True}}]), "WRONG-TYPE"),
    (setting(p=[{"p": 1e300, "v": {"b": True}}]), "OUT-OF-RANGE"),
    (setting(p=[{"p": 100}]), "MISSING-FIELD"),
    (setting(rule(5)), "WRONG-TYPE"),
    (setting(rule({})), "UNKNOWN-CONDITION"),
    (setting(rule({"u": []})), "WRONG-TYPE"),
    (setting(rule(user("", 28, s="x"))), "INVALID-ATTRIBUTE"),
    (setting(rule({"u": {"c": 28, "s": "x"}})), "MISSING-FIELD"),
    (setting(rule(user("a", 36, s="x"))), "INVALID-VALUE"),
    (setting(rule(user("a", 28))), "MISSING-FIELD"),
    (setting(rule(user("a", 28, s=5))), "WRONG-TYPE"),
    (setting(rule(user("a", 0, s="x"))), "MISSING-FIELD"),
    (setting(rule(user("a", 0, l=["x", 5]))), "WRONG-TYPE"),
    (setting(rule(user("a", 10, d="5"))), "WRONG-TYPE"),
    (setting(rule(user("a", 22, l=["-1_" + "0" * 64]))), "INVALID-OPERAND"),
    (setting(rule({"s": {"s": 0, "c": 2}})), "INVALID-VALUE"),
    (setting(rule({"s": {"s": -1, "c": 0}})), "UNKNOWN-SEGMENT"),
    (setting(rule({"p": {"c": 0, "v": {"b": True}}})), "MISSING-FIELD"),
]


@pytest.mark.parametrize(("wrong", "code"), WRONG, ids=lambda part: str(part)[:60])
def test_a_malformed_setting_is_lost_alone(implementation: ModuleType, wrong: Any, code: str) -> None:
    result = compiled({"f": wrong, "g": setting(rule(user("a", 28, s="x")))}, s=[{"n": "s", "r": []}])
    assert code in codes_of(result)
    assert answer(implementation, result, {}) == (None, "PARSE_ERROR")
    assert answer(implementation, result, {"a": "x"}, "g") == (True, "TARGETING_MATCH")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"flags": {"f": True}}, "MISSING-FIELD"),
        ({"f": []}, "WRONG-TYPE"),
        ({"f": {}, "p": []}, "WRONG-TYPE"),
        ({"f": {}, "p": {"s": 5}}, "WRONG-TYPE"),
        ({"f": {}, "s": {}}, "WRONG-TYPE"),
    ],
)
def test_a_document_that_is_none(document: dict[str, Any], code: str) -> None:
    result = compile_project(document, "configcat")
    assert result.snapshot is None and codes_of(result) == [code]


def test_a_broken_segment_is_reported_once_and_loses_who_uses_it(implementation: ModuleType) -> None:
    asked = setting(rule({"s": {"s": 0, "c": 0}}))
    result = compiled({"f": asked, "g": asked, "h": setting()}, s=[{"n": "s", "r": [{"a": "x", "c": 99}]}])
    assert codes_of(result) == ["INVALID-VALUE", "BROKEN-SEGMENT", "BROKEN-SEGMENT"]
    assert answer(implementation, result, {}) == answer(implementation, result, {}, "g") == (None, "PARSE_ERROR")
    assert answer(implementation, result, {}, "h") == (False, "STATIC")


@pytest.mark.parametrize("denied", [False, True])
def test_an_empty_segment_has_every_user(implementation: ModuleType, denied: bool) -> None:
    result = compiled({"f": setting(rule({"s": {"s": 0, "c": int(denied)}}))}, s=[{"n": "s"}])
    assert answer(implementation, result, {"targetingKey": ""})[0] is not denied
    assert answer(implementation, result, {}) == (False, "DEFAULT")


@pytest.mark.parametrize("comparator", [0, 1, 2, 3, 4, 5, 16, 17, 22, 23, 24, 25, 26, 27, 30, 31, 32, 33, 34, 35])
def test_a_comparison_with_an_empty_list(implementation: ModuleType, comparator: int) -> None:
    """Affirmed it holds for nobody, denied for everybody who has the attribute."""
    result = compiled({"f": setting(rule(user("a", comparator, l=[])))})
    value = "[]" if comparator in (26, 27, 34, 35) else "1.0.0"
    assert answer(implementation, result, {"a": value})[0] is (comparator % 2 == 1)
    assert answer(implementation, result, {"a": ""}) == answer(implementation, result, {}) == (False, "DEFAULT")


def test_numbers_as_dynamodb_has_them(implementation: ModuleType) -> None:
    whole = setting(rule(user("a", Decimal(10), d=Decimal("1.5"))), t=Decimal(0))
    options = [{"p": Decimal(100), "v": {"d": Decimal("2.5")}}]
    result = compiled({"f": whole, "g": {"t": 3, "v": {"d": Decimal(1)}, "p": options}})
    assert codes_of(result) == []
    assert answer(implementation, result, {"a": "1,5"}) == (True, "TARGETING_MATCH")
    assert answer(implementation, result, {"targetingKey": "u"}, "g") == (2.5, "SPLIT")


def test_percentages_are_cumulative_whatever_they_are(implementation: ModuleType) -> None:
    """Fractions, a negative one, and more than 100: the first whose sum exceeds the bucket."""
    options = [{"p": p, "v": {"s": str(i)}} for i, p in enumerate((0.5, 20.25, -10, 30, 200))]
    result = compiled({"f": {"t": 1, "v": {"s": ""}, "p": options}})
    assert result.project is not None
    (split,) = (rule.outcome for rule in result.project.flags[0].rules)
    assert isinstance(split, ir.Split) and [part.last for part in split.ranges] == [0, 20, 40, 240]
    assert "PERCENTAGE-SUM" in codes_of(result)


def test_failing_prerequisites_are_passed_on(implementation: ModuleType) -> None:
    """From setting to setting; and only to those who get as far as that condition."""
    settings = {
        "a": setting(rule(user("x", 28, s="1"), prerequisite("nobody", {"b": True}))),
        "b": setting(rule(prerequisite("a", {"b": False}))),
        "f": setting(rule(user("y", 28, s="1"), prerequisite("b", {"b": True}, 1))),
    }
    result = compiled(settings)
    assert codes_of(result) == ["FAILING-PREREQUISITE"]
    assert answer(implementation, result, {"x": "1", "y": "1"}) == (None, "GENERAL")
    assert answer(implementation, result, {"x": "1"}) == (False, "DEFAULT")
    assert answer(implementation, result, {"y": "1"}) == (False, "DEFAULT")
    assert answer(implementation, result, {}, "b") == (True, "TARGETING_MATCH")


def test_a_circle_is_found_at_any_distance(implementation: ModuleType) -> None:
    settings = {f"s{n}": setting(rule(prerequisite(f"s{(n + 1) % 40}", {"b": True}))) for n in range(40)}
    settings["f"] = setting(rule(prerequisite("s7", {"b": True})))
    result = compiled(settings)
    assert codes_of(result) == ["FAILING-PREREQUISITE"] * 40
    assert answer(implementation, result, {}) == (None, "GENERAL")


def test_the_last_of_several_documents_counts(tmp_path: Any, implementation: ModuleType) -> None:
    for name, value in (("a.json", False), ("b.json", True)):
        (tmp_path / name).write_text(json.dumps({"p": {"s": name}, "f": {"f": {"t": 0, "v": {"b": value}}}}))
    result = compile_project(tmp_path, "configcat")
    assert codes_of(result) == ["SHADOWED-FLAG"]
    assert answer(implementation, result, {}) == (True, "STATIC")


@pytest.mark.parametrize("seed", range(6))
def test_spoiled_documents_raise_nothing_and_spoil_one_setting(both_cores: tuple[ModuleType, ModuleType], seed: int) -> None:
    """Junk anywhere: everything renders, what comes out loads, both cores agree; below a setting, only that one changes."""
    chance, good = random.Random(seed), json.loads(GOLDEN[seed % 2].read_text())
    everywhere = list(paths(good))
    before = flags_of(compile_project(good, "configcat"))
    for _ in range(100):
        document, path = copy.deepcopy(good), chance.choice(everywhere)
        spoil(document, path, chance)
        if chance.random() < 0.3:
            spoil(document, chance.choice(everywhere), chance)
            path = ()
        result = compile_project(document, "configcat")
        assert render(result.diagnostics).count("\n") >= len(result.diagnostics)
        assert result.snapshot is not None or result.has_errors
        if path[:1] == ("f",) and len(path) > 2:
            needed = {key: flag for key, flag in flags_of(result).items() if key not in (path[1], "needs-on", "needs-other")}
            assert needed == {key: before[key] for key in needed}
        if result.snapshot is not None:
            agree([core.Evaluator(result.snapshot) for core in both_cores], chance.choice(CONTEXTS))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_spoiled_contexts_raise_nothing(both_cores: tuple[ModuleType, ModuleType], path: Any) -> None:
    """Every attribute of every kind; the cores agree."""
    snapshot = compile_project(path, "configcat").snapshot
    assert snapshot is not None
    evaluators = [core.Evaluator(snapshot) for core in both_cores]
    names = ["Email", "Country", "plan", "roles", "teams", "app", "age", "score", "joined", "targetingKey"]
    chance = random.Random(9)
    for _ in range(400):
        context = dict(chance.choice(CONTEXTS))
        for name in chance.sample(names, 4):
            context[name] = chance.choice([*JUNK, "\ud800", ["\ud800"], 10**400, float("inf"), Decimal("1.5"), object(), {1}])
        agree(evaluators, context)


def agree(evaluators: list[Any], context: dict[str, Any]) -> None:
    pure, fast = ({key: repr(found) for key, found in core.evaluate_all(context).items()} for core in evaluators)
    assert pure == fast, context


def flags_of(result: CompileResult) -> dict[str, ir.Flag]:
    return {flag.key: flag for flag in result.project.flags} if result.project is not None else {}
