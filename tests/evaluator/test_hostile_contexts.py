"""Contexts that lie, raise, recurse or are simply huge: nothing reaches the caller, and both cores answer alike."""

from collections import OrderedDict, UserDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from evaluator.snapshot import opcodes as codes
from tests.conftest import core
from tests.evaluator.builder import RESULTS, Tables, ask, bits, prefix, questionnaire
from tests.evaluator.hostile import (
    SURROGATE,
    Colour,
    EvilKey,
    Explodes,
    Level,
    LyingDict,
    LyingFloat,
    LyingInteger,
    LyingList,
    LyingText,
    NoIteration,
    Point,
    PretendsClass,
    Raising,
    tables_for,
    unpleasant,
)


def equal_text(implementation: ModuleType, text: str, value: Any) -> str:
    tables = Tables()
    offset, length = tables.text(text)
    payload = prefix(text.encode())
    return ask(implementation, codes.OP_EQ_TEXT, value, tables=tables, offset=offset, length=length, payload=payload)


def equal_number(implementation: ModuleType, number: int, value: Any) -> str:
    return ask(implementation, codes.OP_EQ_NUMBER, value, payload=bits(number), mode=codes.MODE_INTEGER)


def test_subclasses_are_read_as_what_they_hold(implementation: ModuleType) -> None:
    assert equal_text(implementation, "truth", LyingText("truth")) == "true"
    assert equal_text(implementation, "lie", LyingText("truth")) == "false"
    assert equal_text(implementation, "red", Colour.RED) == "true"
    assert equal_number(implementation, 3, Level.HIGH) == "true"
    assert equal_number(implementation, 5, LyingInteger(5)) == "true"
    assert equal_number(implementation, 999, LyingInteger(5)) == "false"
    assert equal_number(implementation, 5, LyingFloat(5.0)) == "true"
    for value, length in ((LyingText("abc"), 3), (LyingList([1, 2]), 2), (LyingDict(a=1), 1), (Point(1, 2), 2)):
        assert ask(implementation, codes.OP_LENGTH, value, payload=length) == "true"
    tables = Tables()
    tables.add("places", latitude=1.0, longitude=2.0, radius=1.0, km_per_unit=1.0)
    assert ask(implementation, codes.OP_DISTANCE, Point(1, 2), tables=tables, mode=codes.CMP_LE) == "true"


def test_lying_containers_are_read_as_what_they_hold(implementation: ModuleType) -> None:
    for operand, value, expected in (
        (["a"], LyingList(["a"]), "true"),
        (["lie"], LyingList(["a"]), "false"),
        ({"a": 1}, LyingDict(a=1), "true"),
        ({"b": 1}, LyingDict(a=1), "false"),
        ({"b": "lie"}, LyingDict(a=1), "false"),
        ([LyingText("x") + ""], [LyingText("x")], "true"),
    ):
        tables = Tables()
        assert ask(implementation, codes.OP_EQ_VALUE, value, tables=tables, offset=tables.value(operand)) == expected
    for path, expected in ((["a"], "true"), (["b"], "unknown")):
        tables = Tables()
        tables.paths.append(path)
        found = ask(implementation, codes.OP_PATH, LyingDict(a="x"), tables=tables, length=tables.value("x"))
        assert found == expected


def test_a_lying_string_is_bucketed_as_what_it_holds(implementation: ModuleType) -> None:
    for unit, same in ((LyingText("u1"), "u1"), (LyingInteger(5), "5"), (LyingFloat(5.0), "5"), (Colour.RED, "red")):
        for code in (codes.UNIT_TEXT, codes.UNIT_CBOR):
            tables = Tables()
            variant = tables.variant("a", 1)
            split = tables.split(tables.attribute("targetingKey"), [(2**32 - 1, variant)], unit=code)
            tables.flag("f", split, [], [variant])
            evaluator = implementation.Evaluator(tables.snapshot())
            expected: Any = type(unit).__mro__[-2] if code == codes.UNIT_CBOR else str
            plain = {str: same, int: 5, float: 5.0}.get(expected, same)
            assert (
                evaluator.evaluate("f", {"targetingKey": unit}).bucket
                == evaluator.evaluate("f", {"targetingKey": plain}).bucket
            )


@pytest.mark.parametrize(
    "op", [op for op in range(1, codes.OP_LAST + 1) if op not in (codes.OP_PREREQUISITE, codes.OP_EXPRESSION)]
)
def test_rul_09_nothing_raises_and_the_cores_agree(op: int) -> None:
    """Every operator on every unpleasant value."""
    for value in unpleasant():
        found = [ask(core(name), op, value, tables=(made := tables_for(op))[0], now=5, **made[1]) for name in ("pure", "fast")]
        assert found[0] == found[1] in RESULTS, (op, type(value))


def targeted() -> bytes:
    """A flag that tells apart what ``a`` (else ``x.y``) equal to "US" comes to, and splits on targetingKey besides."""
    tables = Tables()
    offset, length = tables.text("US")
    attribute = tables.attribute("a", ["x", "y"])
    condition = {"op": codes.OP_EQ_TEXT, "attribute": attribute, "offset": offset, "length": length, "payload": prefix(b"US")}
    questionnaire(tables, condition)
    variant = tables.variant("v", "v")
    split = tables.split(tables.attribute("targetingKey"), [(2**32 - 1, variant)], on_missing=codes.ON_ERROR)
    tables.flag("g", split, [], [variant])
    return tables.snapshot()


def test_a_look_up_that_raises_is_unusable(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(targeted())
    for context in ({EvilKey("a"): "US"}, {"x": {EvilKey("y"): "US"}}, {EvilKey("x"): {"y": "US"}}):
        assert evaluator.evaluate("f", context).variant == "unknown"
    assert evaluator.evaluate("f", {EvilKey("other"): 1, "a": "US"}).variant == "true"
    assert evaluator.evaluate("f", {"x": {"y": "US"}}).variant == "true"
    found = evaluator.evaluate("g", {EvilKey("targetingKey"): "u"})
    assert (found.error_code, found.value) == ("INVALID_CONTEXT", None)


@pytest.mark.parametrize("make", [Raising, lambda: NoIteration(a="US"), Explodes, PretendsClass])
def test_contexts_that_cannot_be_copied(implementation: ModuleType, make: Callable[[], Any]) -> None:
    context = make()
    evaluator = implementation.Evaluator(targeted())
    assert evaluator.evaluate("f", context).error_code == "INVALID_CONTEXT"
    assert evaluator.string("g", context, "mine") == "mine"
    assert {found.error_code for found in evaluator.evaluate_all(context).values()} == {"INVALID_CONTEXT"}
    assert evaluator.evaluate_all_json(context).count(b"INVALID_CONTEXT") == 2


@pytest.mark.parametrize("wrap", [dict, OrderedDict, UserDict, LyingDict])
def test_contexts_of_every_mapping(implementation: ModuleType, wrap: Any) -> None:
    evaluator = implementation.Evaluator(targeted())
    assert evaluator.evaluate("f", wrap({"a": "US"})).variant == "true"
    assert evaluator.evaluate("f", wrap({})).variant == "missing"


def test_contexts_with_strange_keys(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(targeted())
    context = {1: 2, None: 3, SURROGATE: 4, (1,): 5, b"a": 6, "a": "US"}
    assert evaluator.evaluate("f", context).variant == "true"
    assert context == {1: 2, None: 3, SURROGATE: 4, (1,): 5, b"a": 6, "a": "US"}


def test_a_context_that_changes_while_it_is_read(implementation: ModuleType) -> None:
    """A key whose comparison empties the context: no crash, and an answer."""
    context: dict[Any, Any] = {}

    class Clearing(EvilKey):
        __hash__ = EvilKey.__hash__

        def __eq__(self, other: object) -> bool:
            context.clear()
            return False

    evaluator = implementation.Evaluator(targeted())
    for name in ("a", "x", "targetingKey"):
        context.update({Clearing(name): 1, "a": "".join(["U", "S"]), "targetingKey": "u" * 50})
        assert evaluator.evaluate("f", context).variant in RESULTS
        context.update({Clearing(name): 1, "a": "".join(["U", "S"]), "targetingKey": "u" * 50})
        assert evaluator.evaluate("g", context).reason
        assert len(evaluator.evaluate_all(context)) == 2


def test_a_context_that_swaps_the_program_while_it_is_read(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(targeted())
    other = Tables().snapshot()

    class Swapping(EvilKey):
        __hash__ = EvilKey.__hash__

        def __eq__(self, _: object) -> bool:
            evaluator.swap(other)
            return False

    for _ in range(3):
        evaluator.swap(targeted())
        assert evaluator.evaluate("f", {Swapping("a"): 1, "x": {"y": "US"}}).variant == "true"
        evaluator.swap(targeted())
        assert set(evaluator.evaluate_all({Swapping("a"): 1, "x": {"y": "US"}})) == {"f", "g"}
        assert evaluator.flag_keys() == []


@pytest.mark.parametrize(
    "make", [Explodes, lambda: [Explodes(), "f"], lambda: [[], {}, "f"], PretendsClass, lambda: iter(["f"]), Raising]
)
def test_strange_lists_of_keys(implementation: ModuleType, make: Callable[[], Any]) -> None:
    found = implementation.Evaluator(targeted()).evaluate_all({}, make())
    assert set(found) <= {"f", "a"}


@pytest.mark.parametrize("make", [Explodes, lambda: EvilKey("f"), lambda: b"f", lambda: ("f",), lambda: LyingText("f")])
def test_strange_keys(implementation: ModuleType, make: Callable[[], Any]) -> None:
    key = make()
    evaluator = implementation.Evaluator(targeted())
    expected = None if isinstance(key, LyingText) else "FLAG_NOT_FOUND"
    assert evaluator.evaluate(key, {}).error_code == expected
    assert evaluator.string(key, {}, "mine") == ("missing" if expected is None else "mine")


@pytest.mark.parametrize("make", [Explodes, lambda: LyingInteger(5), lambda: LyingFloat(5.0), lambda: Level.HIGH])
def test_strange_clocks(implementation: ModuleType, make: Callable[[], Any]) -> None:
    now = make()
    tables = Tables()
    questionnaire(tables, {"op": codes.OP_NOW, "payload": bits(5000), "mode": codes.CMP_EQ})
    found = implementation.Evaluator(tables.snapshot()).evaluate("f", {}, now)
    expected = {LyingInteger: "true", LyingFloat: "true", Level: "false", Explodes: None}[type(now)]
    assert (found.variant, found.error_code) == (expected, None if expected else "INVALID_CONTEXT")


def test_keyboard_interrupts_are_not_swallowed() -> None:
    """Only exceptions are: an interrupt is the user's."""

    class Interrupting:
        def isoformat(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(core("pure"), codes.OP_TIME, Interrupting())
