"""Documents: values and names, what is refused and with which code, and that one wrong feature is lost alone."""

from types import ModuleType
from typing import Any

import pytest

from config_sync import compile_project
from tests.conformance.powertools.test_actions import evaluator

HOLDS = {"action": "EQUALS", "key": "k", "value": 1}
SOUND: dict[str, Any] = {"default": True, "rules": {"off for one": {"when_match": False, "conditions": [HOLDS]}}}


def test_values_variants_and_reasons(implementation: ModuleType) -> None:
    asked = evaluator(
        implementation,
        {
            "plain": {"default": True},
            "ruled": SOUND,
            "typed": {
                "default": {"limit": 5},
                "boolean_type": False,
                "rules": {
                    "default": {"when_match": ["a"], "conditions": [HOLDS]},
                    "none": {"when_match": None, "conditions": [{"action": "EQUALS", "key": "k", "value": 2}]},
                    "n" * 300: {"when_match": 3, "conditions": [{"action": "EQUALS", "key": "k", "value": 3}]},
                },
            },
        },
    )
    for key, context, value, variant, reason, rule in (
        ("plain", {}, True, "default", "STATIC", None),
        ("ruled", {}, True, "default", "DEFAULT", None),
        ("ruled", {"k": 1}, False, "off for one", "TARGETING_MATCH", "off for one"),
        ("typed", {}, {"limit": 5}, None, "DEFAULT", None),
        ("typed", {"k": True}, ["a"], "default", "TARGETING_MATCH", "default"),
        ("typed", {"k": 2}, None, "none", "TARGETING_MATCH", "none"),
        ("typed", {"k": 3}, 3, "n" * 256, "TARGETING_MATCH", "n" * 256),
        ("absent", {}, None, None, "ERROR", None),
    ):
        found = asked.evaluate(key, context)
        assert (found.value, found.variant, found.reason, found.rule) == (value, variant, reason, rule)


def test_rules_are_tried_in_the_documents_order(implementation: ModuleType) -> None:
    rules = {name: {"when_match": name, "conditions": [HOLDS]} for name in ("z", "a", "m")}
    for names in (("z", "a", "m"), ("m", "z", "a")):
        document = {"f": {"default": "", "boolean_type": False, "rules": {name: rules[name] for name in names}}}
        assert evaluator(implementation, document).string("f", {"k": 1}, "") == names[0]


def test_all_conditions_of_a_rule_must_hold(implementation: ModuleType) -> None:
    conditions = [HOLDS, {"action": "NOT_IN", "key": "j", "value": [2, 3]}]
    document = {"f": {"default": False, "rules": {"r": {"when_match": True, "conditions": conditions}}}}
    asked = evaluator(implementation, document)
    for context, expected in (({"k": 1, "j": 1}, True), ({"k": 1, "j": 2}, False), ({"k": 1}, False), ({"j": 1}, False)):
        assert asked.boolean("f", context, None) is expected


@pytest.mark.parametrize("rules", [{}, None, [], "", 0, False])
def test_rules_that_are_none(implementation: ModuleType, rules: Any) -> None:
    found = evaluator(implementation, {"f": {"default": True, "rules": rules}}).evaluate("f", {})
    assert (found.value, found.reason) == (True, "STATIC")


@pytest.mark.parametrize(
    ("flag", "boolean"), [(True, True), ("no", True), (1, True), (False, False), (0, False), (None, False), ("", False)]
)
def test_boolean_type_is_what_python_takes_for_true(flag: Any, boolean: bool) -> None:
    result = compile_project({"f": {"default": "text", "boolean_type": flag}}, dialect="powertools")
    codes = {item.code for item in result.diagnostics if item.severity == "error"}
    assert codes == ({"VARIANT-TYPE"} if boolean else set())


def test_many_rules_share_variants(implementation: ModuleType) -> None:
    rules = {
        f"rule {number}": {"when_match": number % 2 == 0, "conditions": [{"action": "EQUALS", "key": "k", "value": number}]}
        for number in range(2, 400)
    }
    asked = evaluator(implementation, {"f": {"default": False, "rules": rules}})
    found = asked.evaluate("f", {"k": 398})
    assert (found.value, found.variant, found.rule) == (True, None, "rule 398")
    assert asked.boolean("f", {"k": 399}, None) is False


def _ruled(**fields: Any) -> dict[str, Any]:
    return {"default": False, "rules": {"r": {"when_match": True, "conditions": [HOLDS]} | fields}}


def _condition(**fields: Any) -> dict[str, Any]:
    return _ruled(conditions=[HOLDS | fields])


def _action(action: str, value: Any, key: str = "k") -> dict[str, Any]:
    return _condition(action=action, key=key, value=value)


def _times(start: Any, end: Any, **more: Any) -> dict[str, Any]:
    return _action("SCHEDULE_BETWEEN_TIME_RANGE", {"START": start, "END": end} | more, "CURRENT_TIME")


def _dates(start: Any, end: Any) -> dict[str, Any]:
    return _action("SCHEDULE_BETWEEN_DATETIME_RANGE", {"START": start, "END": end}, "CURRENT_DATETIME")


def _days(days: Any) -> dict[str, Any]:
    return _action("SCHEDULE_BETWEEN_DAYS_OF_WEEK", {"DAYS": days}, "CURRENT_DAY_OF_WEEK")


def _modulo(base: Any, start: Any, end: Any) -> dict[str, Any]:
    return _action("MODULO_RANGE", {"BASE": base, "START": start, "END": end})


WRONG: list[tuple[str, Any]] = [
    ("WRONG-TYPE", {}),
    ("WRONG-TYPE", None),
    ("WRONG-TYPE", [1]),
    ("MISSING-FIELD", {"rules": {}}),
    ("MISSING-FIELD", {"default": None, "boolean_type": False}),
    ("VARIANT-TYPE", {"default": 1}),
    ("WRONG-TYPE", {"default": True, "rules": [1]}),
    ("WRONG-TYPE", {"default": True, "rules": {"r": {}}}),
    ("WRONG-TYPE", {"default": True, "rules": {"r": 5}}),
    ("INVALID-NAME", {"default": True, "rules": {"": {"when_match": True, "conditions": [HOLDS]}}}),
    ("VARIANT-TYPE", _ruled(when_match="yes")),
    ("VARIANT-TYPE", _ruled(when_match=None)),
    ("WRONG-TYPE", _ruled(conditions=[])),
    ("WRONG-TYPE", _ruled(conditions={"a": HOLDS})),
    ("WRONG-TYPE", _ruled(conditions=[{}])),
    ("WRONG-TYPE", _ruled(conditions=["EQUALS"])),
    ("UNKNOWN-OPERATOR", _condition(action="equals")),
    ("UNKNOWN-OPERATOR", _condition(action=["EQUALS"])),
    ("INVALID-ATTRIBUTE", _condition(key="")),
    ("INVALID-ATTRIBUTE", _condition(key=5)),
    ("MISSING-FIELD", _condition(value=None)),
    ("INVALID-OPERAND", _action("ANY_IN_VALUE", "text")),
    ("INVALID-OPERAND", _action("ALL_IN_VALUE", {"a": 1})),
    ("INVALID-OPERAND", _action("NONE_IN_VALUE", 5)),
    ("INVALID-OPERAND", _modulo(100, 0, None)),
    ("INVALID-OPERAND", _modulo(100, 0, 29.0)),
    ("INVALID-OPERAND", _modulo(100, 30, 29)),
    ("INVALID-OPERAND", _modulo(100, 0, 100)),
    ("INVALID-OPERAND", _modulo(0, 0, 0)),
    ("INVALID-OPERAND", _action("MODULO_RANGE", 5)),
    ("INVALID-OPERAND", _times("9:00", "17:00")),
    ("INVALID-OPERAND", _times("09:00", "24:00")),
    ("INVALID-OPERAND", _times("09:00", "17:00 ")),
    ("INVALID-OPERAND", _times("09:00", None)),
    ("INVALID-OPERAND", _action("SCHEDULE_BETWEEN_TIME_RANGE", {"START": "09:00", "END": "17:00"}, "k")),
    ("INVALID-OPERAND", _action("SCHEDULE_BETWEEN_TIME_RANGE", "09:00", "CURRENT_TIME")),
    ("UNKNOWN-TIME-ZONE", _times("09:00", "17:00", TIMEZONE="Mars/Olympus")),
    ("UNKNOWN-TIME-ZONE", _times("09:00", "17:00", TIMEZONE=5)),
    ("UNKNOWN-TIME-ZONE", _times("09:00", "17:00", TIMEZONE="EST5EDT4,M3.2.0,M11.1.0")),
    ("BAD-INSTANT", _dates("2025-01-01", "soon")),
    ("BAD-INSTANT", _dates("2025-01-01T00:00:00Z", "2025-01-02")),
    ("BAD-INSTANT", _dates("2025-01-01", "2025-01-02T00:00:00+02:00")),
    ("BAD-INSTANT", _dates(None, "2025-01-02")),
    ("INVALID-OPERAND", _days("MONDAY")),
    ("INVALID-OPERAND", _days(["Monday"])),
    ("INVALID-OPERAND", _days([1])),
    ("APPCONFIG-PROFILE", {"enabled": True, "limit": 5}),
    ("APPCONFIG-PROFILE", {"_variants": [{"name": "on", "enabled": True, "rule": '(eq $tier "gold")'}]}),
    ("NUMBER-TOO-LARGE", {"default": 2**70, "boolean_type": False}),
    ("NUMBER-TOO-LARGE", _condition(value=2**63 + 1)),
]


@pytest.mark.parametrize(("code", "feature"), WRONG, ids=str)
def test_a_wrong_feature_is_lost_alone(implementation: ModuleType, code: str, feature: Any) -> None:
    """It has no answer, so the caller's default is given; its neighbour isn't touched."""
    result = compile_project({"wrong": feature, "sound": SOUND}, dialect="powertools")
    assert [item.code for item in result.diagnostics if item.severity == "error"][:1] == [code]
    assert result.snapshot is not None
    asked = implementation.Evaluator(result.snapshot)
    found = asked.evaluate("wrong", {"k": 1})
    assert (found.value, found.variant, found.reason, found.error_code) == (None, None, "ERROR", "PARSE_ERROR")
    assert asked.boolean("sound", {"k": 1}, None) is False


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("STARTSWITH", 5),
        ("ENDSWITH", ["a"]),
        ("IN", 5),
        ("NOT_IN", True),
        ("KEY_IN_VALUE", 1.5),
        ("KEY_LESS_THAN_VALUE", {"a": 1}),
    ],
)
def test_a_condition_that_never_holds_is_told(implementation: ModuleType, action: str, value: Any) -> None:
    result = compile_project({"f": _action(action, value)}, dialect="powertools")
    assert [(item.severity, item.code) for item in result.diagnostics] == [("warning", "NEVER-TRUE")]
    assert result.snapshot is not None
    found = implementation.Evaluator(result.snapshot).evaluate("f", {"k": value})
    assert (found.value, found.reason) == (False, "DEFAULT")


@pytest.mark.parametrize(
    ("code", "document"),
    [
        ("APPCONFIG-PROFILE", {"version": "1", "flags": {"f": {"name": "f"}}, "values": {"f": {"enabled": True}}}),
        ("WRONG-TYPE", {"version": "1"}),
    ],
)
def test_documents_that_are_something_else(code: str, document: dict[str, Any]) -> None:
    result = compile_project(document, dialect="powertools")
    assert [item.code for item in result.diagnostics] == [code]


def test_a_feature_may_be_called_flags_or_version(implementation: ModuleType) -> None:
    asked = evaluator(implementation, {"flags": {"default": True}, "version": {"default": False}})
    assert asked.boolean("flags", {}, None) is True and asked.boolean("version", {}, None) is False
