"""RUL-01 to RUL-20 beyond the data file: operators and aliases, groups, nulls, missing attributes, mistakes, places."""

import time
from types import ModuleType
from typing import Any

import pytest

from config_sync.frontends.native.operators import ALIASES, OPERATORS
from tests.config_sync.native import ask, codes_of, compiled, evaluator, holds, problems

OPERANDS: dict[str, tuple[Any, Any, Any]] = {  # operator: (condition's operands, a value it holds for, one it doesn't)
    "eq": ({"value": "a"}, "a", "b"),
    "neq": ({"value": "a"}, "b", "a"),
    "in": ({"value": ["a", 5]}, 5, "5"),
    "not_in": ({"value": ["a", 5]}, "5", 5),
    "contains": ({"value": "b"}, "abc", "xyz"),
    "not_contains": ({"value": "b"}, "xyz", "abc"),
    "contains_i": ({"value": "STRASSE"}, "Neue Straße", "Weg"),
    "starts_with": ({"value": "a"}, "ab", "ba"),
    "ends_with": ({"value": "a"}, "ba", "ab"),
    "gt": ({"value": 5}, 6, 5),
    "gte": ({"value": "5"}, 5, 4.9),
    "lt": ({"value": 5}, "4", 5),
    "lte": ({"value": 5}, 5, 6),
    "before": ({"value": "2024-06-01"}, "2024-05-31T23:59:59Z", "2024-06-01T00:00:00Z"),
    "after": ({"value": 1717200000}, 1717200001, "2024-06-01"),
    "between": ({"value": 1, "additional_value": 3}, 3, 3.1),
    "between_dates": ({"value": "2024-01-01", "additional_value": "2024-02-01"}, "2024-02-01T00:00:00Z", "2024-02-02"),
    "contains_all": ({"value": ["a", "b"]}, ["b", "c", "a"], ["a"]),
    "contains_any": ({"value": ["a", "b"]}, ["b"], ["c"]),
    "contains_none": ({"value": ["a", "b"]}, ["c"], ["a", "c"]),
    "match_regex": ({"value": "^a.c$"}, "abc", "abd"),
    "semantic_version": ({"value": "1.2.3", "additional_value": "gte"}, "v1.3.0", "1.2.3-rc.1"),
    "semver_eq": ({"value": "1.2.3"}, "1.2.3+build", "1.2.4"),
    "semver_ne": ({"value": "1.2.3"}, "1.2.4", "1.2.3"),
    "semver_gt": ({"value": "1.2.3"}, "1.10.0", "1.2.3"),
    "semver_gte": ({"value": "v1.2.3"}, "1.2.3", "1.2.2"),
    "semver_lt": ({"value": "1.2.3"}, "1.2.3-1", "1.2.3"),
    "semver_lte": ({"value": "1.2.3"}, "1.2.3", "1.2.4"),
    "geo_distance": ({"value": {"lat": 52.5, "lon": 13.4, "radius": 5}}, {"lat": 52.51, "lng": 13.41}, [48.1, 11.6]),
    "time_window": ({"value": {"days": [5, 6]}}, "2024-01-13", "2024-01-15"),
    "percentage_bucket": ({"value": 50}, "user-1", "user-6"),
    "json_path": ({"value": "$.a[1]['b c']", "additional_value": [1]}, {"a": [0, {"b c": [1]}]}, {"a": []}),
    "array_length": ({"value": 2}, ["x", "y"], ["x"]),
    "exists": ({}, "anything", None),
    "not_exists": ({}, None, "anything"),
}
NEGATIVE = {"neq", "not_in", "not_contains", "contains_none", "semver_ne"}


def condition(operator: str) -> dict[str, Any]:
    return {"attribute": "x", "operator": operator, **OPERANDS[operator][0]}


def test_rul_07_no_operator_is_left_out_here() -> None:
    named = "eq neq contains not_contains starts_with ends_with gt gte lt lte in not_in before after between contains_all"
    named += " contains_any match_regex semantic_version geo_distance time_window percentage_bucket json_path array_length"
    assert set(named.split()) <= OPERANDS.keys() == OPERATORS.keys()
    assert {"ne", "equals", "greater_than", "less_than"} <= ALIASES.keys()  # RUL-06, RUL-07
    assert {"contains_none", "contains_i", "between_dates", "semver_eq", "semver_gt", "semver_lt"} <= OPERATORS.keys()


@pytest.mark.parametrize("operator", OPERANDS)
def test_rul_07_every_operator(operator: str, implementation: ModuleType) -> None:
    flag = {"type": "boolean", "rules": [{"id": "r", "when": condition(operator), "variant": "on"}]}
    of = implementation.Evaluator(compiled({"f": flag}).snapshot)
    _, yes, no = OPERANDS[operator]
    assert of.boolean("f", {"x": yes}, False) is True
    assert of.boolean("f", {"x": no}, True) is False


@pytest.mark.parametrize(("alias", "operator"), ALIASES.items())
def test_rul_06_aliases_compile_to_the_same_bytes(alias: str, operator: str) -> None:
    def snapshot(name: str) -> bytes | None:
        wanted = {**condition(operator), "operator": name}
        return compiled({"f": {"rules": [{"when": wanted, "variant": "on"}], "type": "boolean"}}).snapshot

    assert snapshot(alias) == snapshot(operator) is not None


@pytest.mark.parametrize("operator", OPERANDS)
def test_rul_08_missing_is_false_and_its_negation_true(operator: str) -> None:
    expected = operator == "not_exists"
    window_looks_at_the_clock = operator == "time_window"
    if not window_looks_at_the_clock:
        assert holds(condition(operator), {}) is expected
        assert holds({"not": condition(operator)}, {}) is not expected


@pytest.mark.parametrize("operator", OPERANDS)
def test_rul_08_null_equals_only_null(operator: str) -> None:
    if operator in ("time_window", "not_exists"):
        return
    assert holds(condition(operator), {"x": None}) is (operator == "neq")


def test_rul_08_null_as_operand() -> None:
    assert holds({"attribute": "x", "operator": "eq", "value": None}, {"x": None})
    assert not holds({"attribute": "x", "operator": "neq", "value": None}, {"x": None})
    assert holds({"attribute": "x", "operator": "neq", "value": None}, {"x": 0})
    assert not holds({"attribute": "x", "operator": "eq", "value": None}, {})


@pytest.mark.parametrize("operator", OPERANDS)
@pytest.mark.parametrize(
    "hostile", ["\ud800", float("nan"), float("inf"), 10**400, [[[]]], {"a": {}}, object(), b"bytes", "", True, [None], {1, 2}]
)
def test_rul_09_no_value_raises(operator: str, hostile: Any, both_cores: tuple[ModuleType, ModuleType]) -> None:
    flag = {"type": "boolean", "rules": [{"id": "r", "when": condition(operator), "variant": "on"}]}
    snapshot = compiled({"f": flag}).snapshot
    pure, fast = (core.Evaluator(snapshot).evaluate("f", {"x": hostile}) for core in both_cores)
    assert pure.value is fast.value
    assert pure.error_code is None


def test_rul_10_numbers_and_text_are_coerced_where_the_operator_says_so() -> None:
    assert holds({"attribute": "x", "operator": "gt", "value": "18"}, {"x": " 18.5 "})
    assert not holds({"attribute": "x", "operator": "gt", "value": 0}, {"x": True})
    assert holds({"attribute": "x", "operator": "contains", "value": 23}, {"x": 1234})
    assert holds({"attribute": "x", "operator": "starts_with", "value": True}, {"x": "true!"})
    assert not holds({"attribute": "x", "operator": "contains", "value": "A"}, {"x": "a"})
    assert holds({"attribute": "x", "operator": "contains", "value": "a"}, {"x": ["a", "b"]})
    assert not holds({"attribute": "x", "operator": "eq", "value": 5}, {"x": "5"})


@pytest.mark.parametrize(
    "value", ["2024-03-01T12:00:00+01:00", "2024-03-01T11:00:00", "2024-03-01 11:00:00Z", 1709290800, 1709290800.0]
)
def test_rul_11_every_way_to_write_an_instant(value: Any) -> None:
    assert holds(
        {"attribute": "x", "operator": "between", "value": value, "additional_value": value}, {"x": "2024-03-01T11:00:00Z"}
    ) is (isinstance(value, str))  # between two numbers compares numbers
    assert not holds({"attribute": "x", "operator": "before", "value": value}, {"x": "2024-03-01T11:00:00Z"})
    assert holds({"attribute": "x", "operator": "before", "value": value}, {"x": "2024-03-01T10:59:59.999999Z"})


def test_rul_11_bounds_may_be_a_list_and_may_be_inverted() -> None:
    assert holds({"attribute": "x", "operator": "between", "value": [1, "3"]}, {"x": 2})
    assert problems({"attribute": "x", "operator": "between", "value": 3, "additional_value": 1}) == [
        ("EMPTY-RANGE", ("value",))
    ]


@pytest.mark.parametrize("unit", [("km", 10), ("KM", 10), ("meters", 10_000), ("miles", 6.21371), ("mi", 6.21371)])
@pytest.mark.parametrize(
    "comparison", [("lte", True), ("lt", True), ("gt", False), ("gte", False), ("eq", False), ("<=", True)]
)
def test_rul_13_units_and_comparisons(unit: tuple[str, float], comparison: tuple[str, bool]) -> None:
    value = {"lat": 52.5, "lon": 13.4, "radius": unit[1], "unit": unit[0], "comparison": comparison[0]}
    nine_km = {"latitude": 52.581, "longitude": 13.4}
    assert holds({"attribute": "x", "operator": "geo_distance", "value": value}, {"x": nine_km}) is comparison[1]


@pytest.mark.parametrize(
    "operands",
    [
        {"value": [52.5, 13.4], "additional_value": 10},
        {"value": [52.5, 13.4], "additional_value": "10"},
        {"value": [52.5, 13.4], "additional_value": {"radius": 10, "unit": "km"}},
        {"value": {"center": [52.5, 13.4], "radius": 10}},
        {"value": {"coordinates": {"lat": "52.5", "lng": "13.4"}, "radius": "10"}},
        {"value": {"latitude": 52.5, "longitude": 13.4, "radius": 10}},
    ],
)
def test_rul_16_every_encoding_of_a_place(operands: dict[str, Any]) -> None:
    there = {"attribute": "x", "operator": "geo_distance", **operands}
    assert holds(there, {"x": [52.51, 13.41]})
    assert not holds(there, {"x": [52.7, 13.41]})


def test_rul_14_windows_look_at_the_clock_when_there_is_no_value() -> None:
    monday_ten, monday_four = 1_705_312_800_000, 1_705_291_200_000
    office = {"operator": "time_window", "value": {"days": ["mon"], "start_time": "09:00", "end_time": "17:00"}}
    assert holds(office, {}, monday_ten)
    assert not holds(office, {}, monday_four)
    assert holds({**office, "attribute": "when"}, {"when": None}, monday_ten)
    assert not holds({**office, "attribute": "when"}, {"when": monday_four / 1000}, monday_ten)


def test_rul_16_both_encodings_of_a_window() -> None:
    """``start`` and ``end`` are instants, or times of day as ``start_time`` and ``end_time`` are."""
    by_day = {"attribute": "x", "operator": "time_window", "value": {"start": "09:00", "end": "17:00"}}
    assert holds(by_day, {"x": "2024-01-15T17:00:59"})
    assert not holds(by_day, {"x": "2024-01-15T17:01:00"})
    absolute = {**by_day, "value": {"start": "2024-01-01T00:00:00Z", "end": "2024-01-31T00:00:00Z"}}
    assert holds(absolute, {"x": "2024-01-15T23:00:00Z"})
    assert not holds(absolute, {"x": "2024-02-01T10:00:00Z"})


def test_rul_14_time_zones() -> None:
    tokyo = {"operator": "time_window", "value": {"start_time": "19:00", "end_time": "19:59", "timezone": "Asia/Tokyo"}}
    assert holds(tokyo, {}, 1_705_312_800_000)  # 10:00 in London is 19:00 in Tokyo
    assert not holds(tokyo, {}, 1_705_312_800_000 + 3_600_000)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"days": [7]}, ("value", "days")),
        ({"days": "monday"}, ("value", "days")),
        ({"start_time": "9 o'clock", "end_time": "17:00"}, ("value", "start_time")),
        ({"start_time": "09:00"}, ("value",)),
        ({"start_date": "2024-02-30"}, ("value", "start_date")),
        ({"start": "2024-02-01", "end": "2024-01-01"}, ("value", "start")),
        ({"star_time": "09:00"}, ("value", "star_time")),
        ([], ("value",)),
    ],
)
def test_rul_14_wrong_windows_say_where(value: Any, where: tuple[str, ...]) -> None:
    assert problems({"attribute": "x", "operator": "time_window", "value": value}) == [("INVALID-OPERAND", where)]


def test_rul_14_unknown_zone() -> None:
    wrong = {"attribute": "x", "operator": "time_window", "value": {"timezone": "Mars/Base"}}
    assert problems(wrong) == [("UNKNOWN-TIME-ZONE", ("value", "timezone"))]


def test_rul_15_lengths() -> None:
    for operands, value, expected in (
        ({"value": 2, "additional_value": "gte"}, (1, 2), True),
        ({"value": "2", "additional_value": "lt"}, {"a": 1}, True),
        ({"value": 3, "additional_value": "neq"}, "äöü", False),
        ({"value": {"min": 1, "max": 2}, "additional_value": "between"}, [1, 2, 3], False),
    ):
        assert holds({"attribute": "x", "operator": "array_length", **operands}, {"x": value}) is expected


def test_rul_17_percentage_bucket_is_salted_by_flag_and_rule() -> None:
    half = {"attribute": "device", "operator": "percentage_bucket", "value": 50}
    rules = [{"id": name, "when": half, "variant": name} for name in ("first", "second")]
    flag = {"type": "string", "variants": {"first": "1", "second": "2", "none": "0"}, "default": "none", "rules": rules}
    of = evaluator({"one": flag, "two": flag})
    answers = [[of.evaluate(key, {"device": f"d{number}"}).variant for number in range(1_000)] for key in ("one", "two")]
    for answer in answers:
        assert abs(answer.count("first") - 500) < 60
        assert abs(answer.count("second") - 250) < 60  # half of the rest: independent of the first rule's half
    assert sum(left != right for left, right in zip(*answers, strict=True)) > 300


def test_rul_18_paths() -> None:
    for path, expected, value, holding in (
        ("$.a.b", 1, {"a": {"b": 1.0}}, True),
        ("$.a[0]", "x", {"a": ["x"]}, True),
        ("$.a[1]", "x", {"a": ["x"]}, False),
        ("$", {"a": 1}, '{"a":1}', True),
        ('$["a.b"]', True, {"a.b": True}, True),
        ("$.__class__", "x", {"a": 1}, False),
    ):
        wanted = {"attribute": "x", "operator": "json_path", "value": path, "additional_value": expected}
        assert holds(wanted, {"x": value}) is holding


@pytest.mark.parametrize("path", ["a.b", "$.", "$..a", "$.a[", "$.a[*]", "$[-1]", "$.a b", 5])
def test_rul_18_wrong_paths(path: Any) -> None:
    wrong = {"attribute": "x", "operator": "json_path", "value": path, "additional_value": 1}
    assert problems(wrong) == [("INVALID-OPERAND", ("value",))]


def test_rul_20_patterns_are_compiled_and_safe() -> None:
    nested = {"attribute": "x", "operator": "match_regex", "value": "^(a+)+$"}
    of = evaluator({"f": {"type": "boolean", "rules": [{"when": nested, "variant": "on"}]}})
    began = time.process_time()
    assert of.boolean("f", {"x": "a" * 40 + "!"}, True) is False
    assert time.process_time() - began < 1, "seconds; tried one way after the other, it takes hours"
    assert problems({"attribute": "x", "operator": "regex", "value": "("}) == [("INVALID-PATTERN", ("value",))]
    assert problems({"attribute": "x", "operator": "regex", "value": "a" * 2_000})[0][0] == "INVALID-PATTERN"


# --- groups -----------------------------------------------------------------------------------------------------------

A, B = ({"attribute": name, "operator": "eq", "value": 1} for name in "ab")


@pytest.mark.parametrize(
    ("group", "truth"),
    [
        ({"operator": "and", "conditions": [A, B]}, lambda a, b: a and b),
        ({"conditions": [A], "groups": [{"conditions": [B]}]}, lambda a, b: a and b),
        ({"operator": "or", "conditions": [A], "groups": [{"operator": "not", "conditions": [B]}]}, lambda a, b: a or not b),
        ({"operator": "not", "conditions": [A, B]}, lambda a, b: not (a and b)),
        ({"operator": "not", "conditions": [A]}, lambda a, b: not a),
        ({"operator": "and"}, lambda a, b: True),
        ({"operator": "or", "conditions": []}, lambda a, b: True),
        ({"operator": "not"}, lambda a, b: False),
        ({}, lambda a, b: True),
        ([A, B], lambda a, b: a and b),
        ([A, [B]], lambda a, b: a and b),
        ([], lambda a, b: True),
        ({"all": [A, {"any": [B, A]}]}, lambda a, b: a),
        ({"any": []}, lambda a, b: False),
        ({"not": [A, B]}, lambda a, b: not (a and b)),
        ({"not": {"not": {"any": [A, B]}}}, lambda a, b: a or b),
    ],
)
def test_rul_02_rul_03_groups(group: Any, truth: Any) -> None:
    for a in (True, False):
        for b in (True, False):
            assert holds(group, {"a": int(a), "b": int(b)}) is truth(a, b)


def test_rul_19_depth() -> None:
    def nested(levels: int) -> Any:
        inner: Any = A
        for _ in range(levels):
            inner = {"operator": "or", "conditions": [inner, B]}
        return inner

    assert problems(nested(10)) == []
    assert holds(nested(10), {"a": 1})
    assert [code for code, _ in problems(nested(11))] == ["LIMIT-DEPTH"]
    assert [code for code, _ in problems(nested(40))] == ["LIMIT-DEPTH"]


@pytest.mark.parametrize("where", ["rule", "segment"])
def test_rul_19_large_groups_and_complex_rules_warn(where: str) -> None:
    many = [{"attribute": f"a{number}", "operator": "eq", "value": 1} for number in range(21)]
    larger = {"any": [{"all": many[:20]} for _ in range(6)]}
    for condition_, code in ((many, "MANY-CONDITIONS"), (larger, "COMPLEX-RULE")):
        rule = {"variant": "on", "when": condition_ if where == "rule" else {"segment": "s"}}
        segments = {"s": condition_} if where == "segment" else {}
        result = compiled({"f": {"type": "boolean", "rules": [rule]}}, segments=segments)
        assert codes_of(result) == [code]
        assert not result.has_errors


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "ä", "_a", "a" * 101])
def test_rul_19_attribute_names(name: str) -> None:
    assert problems({"attribute": name, "operator": "eq", "value": 1}) == [("INVALID-ATTRIBUTE", ("attribute",))]


def test_rul_19_rule_ids_are_unique() -> None:
    rules = [{"id": "same", "variant": "on"}, {"id": "same", "variant": "on"}]
    assert codes_of(compiled({"f": {"type": "boolean", "rules": rules}})) == ["DUPLICATE-RULE"]
    targeting = {"rules": [{"id": "same", "rule": {}}, {"id": "same", "rule": {}}]}
    assert codes_of(compiled({"f": {"enabled": True, "targeting_rules": targeting}})) == ["DUPLICATE-RULE"]


# --- attributes -------------------------------------------------------------------------------------------------------


def test_names_with_dots_are_exact_first_and_then_a_walk() -> None:
    berlin = {"attribute": "address.city", "operator": "eq", "value": "Berlin"}
    assert holds(berlin, {"address": {"city": "Berlin"}})
    assert holds(berlin, {"address.city": "Berlin", "address": {"city": "Rome"}})
    assert not holds(berlin, {"address": "Berlin"})


def test_user_id_falls_back_to_the_targeting_key() -> None:
    me = {"attribute": "user_id", "operator": "eq", "value": "me"}
    assert holds(me, {"targetingKey": "me"})
    assert holds(me, {"user_id": "me", "targetingKey": "you"})
    assert not holds(me, {"user_id": "you", "targetingKey": "me"})


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "code", "where"),
    [
        ({"attribute": "x", "operator": "equls", "value": 1}, "UNKNOWN-OPERATOR", ("operator",)),
        ({"attribute": "x", "operator": "eq"}, "INVALID-OPERAND", ()),
        ({"operator": "eq", "value": 1}, "MISSING-FIELD", ()),
        ({"attribute": "x", "value": 1}, "MISSING-FIELD", ()),
        ({"attribute": "x", "operator": "eq", "value": 1, "valeu": 1}, "UNKNOWN-FIELD", ("valeu",)),
        ({"attribute": "x", "operator": "in", "value": "a"}, "INVALID-OPERAND", ("value",)),
        ({"attribute": "x", "operator": "contains_any", "value": "a"}, "INVALID-OPERAND", ("value",)),
        ({"attribute": "x", "operator": "contains", "value": None}, "INVALID-OPERAND", ("value",)),
        ({"attribute": "x", "operator": "gt", "value": "2024-01-01"}, "INVALID-OPERAND", ("value",)),
        ({"attribute": "x", "operator": "gt", "value": True}, "INVALID-OPERAND", ("value",)),
        ({"attribute": "x", "operator": "before", "value": "soon"}, "INVALID-OPERAND", ("value",)),
        ({"attribute": "x", "operator": "between", "value": 1}, "INVALID-OPERAND", ("value",)),
        (
            {"attribute": "x", "operator": "between", "value": 1, "additional_value": "2024-01-01x"},
            "INVALID-OPERAND",
            ("value",),
        ),
        ({"attribute": "x", "operator": "semver_gt", "value": "1.2"}, "INVALID-OPERAND", ("value",)),
        (
            {"attribute": "x", "operator": "semver", "value": "1.2.3", "additional_value": "above"},
            "INVALID-OPERAND",
            ("additional_value",),
        ),
        ({"attribute": "x", "operator": "array_length", "value": 1.5}, "INVALID-OPERAND", ("value",)),
        (
            {"attribute": "x", "operator": "array_length", "value": 1, "additional_value": "between"},
            "INVALID-OPERAND",
            ("value",),
        ),
        ({"attribute": "x", "operator": "json_path", "value": "$.a"}, "INVALID-OPERAND", ()),
        (
            {"attribute": "x", "operator": "geo_distance", "value": {"lat": 91, "lon": 0, "radius": 1}},
            "INVALID-OPERAND",
            ("value",),
        ),
        (
            {"attribute": "x", "operator": "geo_distance", "value": {"lat": 1, "lon": 0, "radius": 1, "unit": "furlong"}},
            "INVALID-OPERAND",
            ("value",),
        ),
        (
            {"attribute": "x", "operator": "geo_distance", "value": {"lat": 1, "lon": 0, "radius": 1, "comparison": "near"}},
            "INVALID-OPERAND",
            ("value",),
        ),
        (
            {"attribute": "x", "operator": "geo_distance", "value": {"lat": 1, "lon": 0, "radus": 1, "radius": 1}},
            "UNKNOWN-FIELD",
            ("value",),
        ),
        ({"attribute": "x", "operator": "percentage_bucket", "value": 101}, "OUT-OF-RANGE", ("value",)),
        ({"attribute": "x", "operator": "percentage_bucket", "value": "x"}, "WRONG-TYPE", ("value",)),
        ({"attribute": "x", "operator": "exists", "value": "yes"}, "INVALID-OPERAND", ("value",)),
        ({"segment": "nobody"}, "UNKNOWN-SEGMENT", ("segment",)),
        ({"all": {"attribute": "x"}}, "WRONG-TYPE", ("all",)),
        ({"operator": "xor", "conditions": []}, "INVALID-VALUE", ("operator",)),
        ("x == 1", "WRONG-TYPE", ()),
        (5, "WRONG-TYPE", ()),
    ],
)
def test_rul_08_a_wrong_condition_says_what_and_where(wrong: Any, code: str, where: tuple[str, ...]) -> None:
    assert problems(wrong) == [(code, where)]


def test_every_mistake_is_found_at_once() -> None:
    wrong = {
        "any": [{"attribute": "x", "operator": "eqq", "value": 1}, {"not": {"attribute": "9", "operator": "gt", "value": 1}}, 7]
    }
    assert [code for code, _ in problems(wrong)] == ["UNKNOWN-OPERATOR", "INVALID-ATTRIBUTE", "WRONG-TYPE"]


def test_null_in_a_list_warns_and_never_matches() -> None:
    with_null = {"attribute": "x", "operator": "in", "value": ["a", None]}
    assert problems(with_null) == [("NULL-IN-LIST", ("value",))]
    assert not ask({"type": "boolean", "rules": [{"when": with_null, "variant": "on"}]}, {"x": None}).value


def test_lists_may_hold_lists_and_mappings() -> None:
    listed = {"attribute": "x", "operator": "in", "value": ["a", {"b": 1}, [2]]}
    for value, expected in (("a", True), ({"b": 1}, True), ([2], True), ([3], False), (None, False)):
        assert holds(listed, {"x": value}) is expected
        assert holds({**listed, "operator": "not_in"}, {"x": value}) is (not expected and value is not None)
    assert holds({**listed, "operator": "not_in"}, {}) is False
