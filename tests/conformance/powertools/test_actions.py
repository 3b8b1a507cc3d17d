"""Every action on values of every kind, against Python's own operators; what is there and what isn't, in both generations."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from config_sync import compile_project

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, -1, 1.0, 1.5, "", "a", "ab", "b", "1", "é", "\U0001f600", "\uffff", [], [1], [True], [None],
    ["a"], ["a", "b"], [[0]], [[False]], [{"a": 1}], [1, "a"], ["b"], {}, {"a": 1}, {"a": True}, {"ab": None}, {"1": [0]},
)  # fmt: skip


def _listed(test: Callable[[list[Any], list[Any]], bool]) -> Callable[[Any, Any], bool]:
    def of_lists(key: Any, value: Any) -> bool:
        if not isinstance(key, list):
            raise ValueError
        return test(key, value)

    return of_lists


PYTHON: dict[str, Callable[[Any, Any], bool]] = {
    "EQUALS": lambda key, value: key == value,
    "NOT_EQUALS": lambda key, value: key != value,
    "KEY_GREATER_THAN_VALUE": lambda key, value: key > value,
    "KEY_GREATER_THAN_OR_EQUAL_VALUE": lambda key, value: key >= value,
    "KEY_LESS_THAN_VALUE": lambda key, value: key < value,
    "KEY_LESS_THAN_OR_EQUAL_VALUE": lambda key, value: key <= value,
    "STARTSWITH": lambda key, value: key.startswith(value),
    "ENDSWITH": lambda key, value: key.endswith(value),
    "IN": lambda key, value: key in value,
    "NOT_IN": lambda key, value: key not in value,
    "KEY_IN_VALUE": lambda key, value: key in value,
    "KEY_NOT_IN_VALUE": lambda key, value: key not in value,
    "VALUE_IN_KEY": lambda key, value: value in key,
    "VALUE_NOT_IN_KEY": lambda key, value: value not in key,
    "ALL_IN_VALUE": _listed(lambda key, value: all(item in value for item in key)),
    "ANY_IN_VALUE": _listed(lambda key, value: any(item in value for item in key)),
    "NONE_IN_VALUE": _listed(lambda key, value: all(item not in value for item in key)),
}


def document(action: str, value: Any, key: str = "k") -> dict[str, Any]:
    """A feature that is on when the one condition holds."""
    condition = {"action": action, "key": key, "value": value}
    return {"f": {"default": False, "rules": {"rule": {"when_match": True, "conditions": [condition]}}}}


def evaluator(core: ModuleType, document: dict[str, Any], dialect: str = "powertools") -> Any:
    result = compile_project(document, dialect=dialect)
    assert result.snapshot is not None and not result.has_errors, [item.message for item in result.diagnostics]
    return core.Evaluator(result.snapshot)


def in_python(action: str, key: Any, value: Any) -> bool:
    """What raises doesn't hold."""
    try:
        return bool(PYTHON[action](key, value))
    except Exception:
        return False


def operands(action: str) -> list[Any]:
    """Those that Powertools' validator lets through."""
    return [value for value in VALUES if value is not None and (not action.endswith("_IN_VALUE") or _fits(action, value))]


def _fits(action: str, value: Any) -> bool:
    return isinstance(value, list) or action.startswith(("KEY_", "VALUE_"))


@pytest.mark.parametrize("action", PYTHON)
def test_every_action_is_pythons(implementation: ModuleType, action: str) -> None:
    for value in operands(action):
        now, before = (evaluator(implementation, document(action, value), name) for name in ("powertools", "powertools@3.34"))
        for key in VALUES:
            expected = in_python(action, key, value)
            assert now.boolean("f", {"k": key}, None) is expected, (key, value)
            assert before.boolean("f", {"k": key}, None) is expected, (key, value)
        assert now.boolean("f", {}, None) is False, value
        assert before.boolean("f", {"other": 1}, None) is in_python(action, None, value), value


def test_every_action_was_asked_with_both_results() -> None:
    for action in PYTHON:
        results = {in_python(action, key, value) for value in operands(action) for key in VALUES}
        assert results == {True, False}, action


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        ({"BASE": 100, "START": 0, "END": 29}, 3453454, False),
        ({"BASE": 100, "START": 10, "END": 35}, 345345435, True),
        ({"BASE": 100, "START": 54, "END": 54}, 3453454, True),
        ({"BASE": 100, "START": 0, "END": 29}, 29.5, False),
        ({"BASE": 100, "START": 0, "END": 30}, 29.5, True),
        ({"BASE": 10, "START": 9, "END": 9}, -1, True),
        ({"BASE": 10, "START": 1, "END": 1}, 10**30 + 1, True),
        ({"BASE": 3, "START": 1, "END": 2}, True, True),
        ({"BASE": 1, "START": 0, "END": 0}, True, True),
        ({"BASE": 3, "START": 1, "END": 2}, False, False),
        ({"BASE": True, "START": False, "END": 0}, 7, True),
        ({"BASE": 10, "START": 0, "END": 9}, "5", False),
        ({"BASE": 10, "START": 0, "END": 9}, "%d", False),
        ({"BASE": 10, "START": 0, "END": 9}, None, False),
        ({"BASE": 10, "START": 0, "END": 9}, float("inf"), False),
    ],
)
def test_modulo_range(implementation: ModuleType, value: Any, key: Any, expected: bool) -> None:
    assert evaluator(implementation, document("MODULO_RANGE", value)).boolean("f", {"k": key}, None) is expected


def test_a_key_is_one_name_whatever_is_in_it(implementation: ModuleType) -> None:
    """Not a path: ``context.get("a.b")``."""
    for key in ("a.b", "$.a", "targetingKey", " "):
        asked = evaluator(implementation, document("EQUALS", "x", key))
        assert asked.boolean("f", {key: "x", "a": {"b": "y"}}, None) is True
        assert asked.boolean("f", {"a": {"b": "x"}}, None) is False


def test_text_that_is_no_unicode(implementation: ModuleType) -> None:
    for action, value, expected in (
        ("NOT_EQUALS", "a", True), ("NOT_EQUALS", [1], True), ("NOT_IN", ["a"], True), ("EQUALS", "a", False),
        ("VALUE_NOT_IN_KEY", "a", False), ("KEY_GREATER_THAN_VALUE", "a", False),
    ):  # fmt: skip
        assert evaluator(implementation, document(action, value)).boolean("f", {"k": "\ud800"}, None) is expected, action
