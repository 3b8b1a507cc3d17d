"""MODEL-02 to MODEL-05 and MODEL-09, RUL-01, RUL-04, RUL-05: table items as the platform holds them, and their mistakes."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest

from config_sync.compile import compile_project
from evaluator import Evaluator
from tests.config_sync.native import ask, chosen, codes_of, compiled, evaluator, let_in, users
from tests.conftest import spec_data

ITEMS = spec_data("platform_items.json")
PAIR = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]


def flag(**fields: Any) -> dict[str, Any]:
    return {"enabled": True, "rollout_percentage": 100, **fields}


@pytest.mark.parametrize("allocation", [0, 1, 0.0, 1.0, "0.5", Decimal("0.5"), 1e-3])
def test_model_02_allocations_from_0_to_1(allocation: Any) -> None:
    rest = 1 - float(allocation)
    variants = [{"key": "a", "allocation": allocation}, {"key": "b", "allocation": rest}]
    assert not compiled({"f": flag(variants=variants)}).has_errors


@pytest.mark.parametrize(
    "allocation", [-0.1, 1.01, "1.5", "half", None, True, [1], float("nan"), Decimal("Infinity"), "1e999", "0x1"]
)
def test_model_02_other_allocations_are_refused(allocation: Any) -> None:
    variants = [{"key": "a", "allocation": allocation}, {"key": "b", "allocation": 0.5}]
    assert compiled({"f": flag(variants=variants)}).has_errors


def test_model_02_a_full_and_an_empty_allocation() -> None:
    variants = [{"key": "none", "allocation": 0}, {"key": "all", "allocation": 1}]
    got = chosen(evaluator({"f": flag(variants=variants)}), "f", users(50))
    assert set(got.values()) == {"all"}


def test_model_03_experiments() -> None:
    of = evaluator(experiments=[{"key": "e", "experiment_id": "exp_1", "status": "active", "variants": PAIR}])
    assert of.flag_metadata("e") == {
        "experiment_id": "exp_1",
        "kind": "experiment",
        "status": "active",
        "allocation": '{"a":0.5,"b":0.5}',  # a new one starts a new phase
    }
    assert set(chosen(of, "e", users(40)).values()) == {"a", "b"}


@pytest.mark.parametrize("status", ["draft", "paused", "completed", None])
def test_model_03_only_active_experiments_assign(status: str | None) -> None:
    item = {"key": "e", "variants": PAIR} | ({"status": status} if status else {})
    answer = evaluator(experiments=[item]).evaluate("e", {"targetingKey": "u"})
    assert (answer.value, answer.variant, answer.detail) == (None, None, "flag_disabled")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"variants": PAIR[:1]}, "TOO-FEW-VARIANTS"),
        ({"variants": None}, "TOO-FEW-VARIANTS"),
        ({"variants": [*PAIR, *PAIR]}, "DUPLICATE-VARIANT"),
        ({"status": "running"}, "INVALID-VALUE"),
        ({"traffic_allocation": "all"}, "WRONG-TYPE"),
        ({"hash_version": 3}, "INVALID-VALUE"),
        ({"variants": {"a": 1}}, "WRONG-TYPE"),
    ],
)
def test_model_03_mistakes(fields: dict[str, Any], code: str) -> None:
    item = {"key": "e", "status": "active", "variants": PAIR, **fields}
    assert codes_of(compiled(experiments=[item]))[0] == code


def test_model_04_defaults() -> None:
    assert ask({}, {"targetingKey": "u"}).detail == "flag_disabled"
    assert ask({"enabled": True}, {"targetingKey": "u"}).detail == "not_in_rollout"
    assert ask(flag(), {}).detail == "enabled"


@pytest.mark.parametrize("percent", [-1, 100.1, "101", "many", True, None])
def test_model_04_rollouts_from_0_to_100(percent: Any) -> None:
    assert compiled({"f": flag(rollout_percentage=percent)}).has_errors is (percent is not None)


@pytest.mark.parametrize(
    ("allocations", "fits"), [((0.5, 0.49), True), ((0.5, 0.51), True), ((0.5, 0.48), False), ((0.5, 0.6), False)]
)
def test_model_05_allocations_sum_to_1(allocations: tuple[float, ...], fits: bool) -> None:
    variants = [{"key": f"v{index}", "allocation": share} for index, share in enumerate(allocations)]
    assert codes_of(compiled({"f": flag(variants=variants)})) == ([] if fits else ["ALLOCATION-SUM"])


def test_model_05_variant_keys_are_unique() -> None:
    assert codes_of(compiled({"f": flag(variants=[PAIR[0], PAIR[0]])})) == ["DUPLICATE-VARIANT"]
    assert codes_of(compiled({"f": flag(variants=[{**PAIR[0], "key": ""}, PAIR[1]])})) == ["DUPLICATE-VARIANT"]


def _boto3(item: Any) -> Any:
    """The item as boto3's resource gives it: numbers as Decimal, sets as set."""
    if isinstance(item, dict):
        return {
            key: Decimal(value) if key in ("allocation", "rollout_percentage", "traffic_allocation") else _boto3(value)
            for key, value in item.items()
        }
    return [_boto3(value) for value in item] if isinstance(item, list) else item


@pytest.mark.skipif(ITEMS is None, reason="the requirements' data files aren't here")
@pytest.mark.parametrize("shape", [lambda item: item, _boto3])
def test_model_09_items_as_the_tables_hold_them(shape: Any) -> None:
    assert ITEMS is not None
    items = json.loads(ITEMS.read_text())
    result = compile_project({"flags": [shape(items["flag_item"])], "experiments": [shape(items["experiment_item"])]})
    assert codes_of(result) == []
    assert result.snapshot is not None
    of = Evaluator(result.snapshot)
    us = chosen(of, "new_checkout", users(2_000), country="US")
    assert 900 < sum(variant is not None for variant in us.values()) < 1_100
    assert set(us.values()) == {"control", "treatment", None}
    assert set(chosen(of, "new_checkout", users(20), country="FR").values()) == {None}
    assert set(chosen(of, "checkout_redesign", users(50)).values()) == {"control", "treatment"}
    assert of.flag_metadata("new_checkout") == {"flag_id": "flag_123"}


def test_model_09_decimals_and_sets_anywhere() -> None:
    item = flag(
        rollout_percentage=Decimal("12.5"),
        version=Decimal("3"),
        metadata={"tier": Decimal("2"), "share": Decimal("0.25")},
        targeting_rules=[{"attribute": "x", "operator": "in", "value": {Decimal("1"), Decimal("2.5"), "a"}}],
        variants=[{"key": "a", "allocation": Decimal("1"), "payload": {"n": Decimal("7"), "f": Decimal("0.1")}}],
        updated_at="2026-01-01",
    )
    of = evaluator([{"key": "f", **item}])
    assert of.flag_metadata("f") == {"tier": 2, "share": 0.25, "version": 3}
    answers = [of.evaluate("f", {"targetingKey": user, "x": 2.5}) for user in users(400)]
    assert {json.dumps(answer.value, sort_keys=True) for answer in answers if answer.variant} == {'{"f": 0.1, "n": 7}'}
    assert b'"' not in of.evaluate_all_json({"targetingKey": "u"}).split(b'"metadata":')[1].split(b'"share":')[1][:4]


@pytest.mark.parametrize("value", [b"x", object(), 1 + 2j])
def test_model_09_what_json_has_not_is_an_error(value: Any) -> None:
    assert "NOT-JSON" in codes_of(compiled({"f": flag(metadata={"m": value})}))


def test_unknown_columns_of_a_table_warn_and_misspelt_fields_are_errors() -> None:
    result = compiled([{"key": "f", **flag(), "created_by": "me"}])
    assert (codes_of(result), result.has_errors) == (["UNKNOWN-FIELD"], False)
    result = compiled([{"key": "f", **flag(), "targetting_rules": []}])
    assert (codes_of(result), result.has_errors) == (["UNKNOWN-FIELD"], True)


# --- targeting --------------------------------------------------------------------------------------------------------

US, ADULT = (
    {"attribute": "country", "operator": "equals", "value": "US"},
    {"attribute": "age", "operator": "greater_than", "value": 17},
)


@pytest.mark.parametrize(
    "targeting",
    [
        [US, ADULT],
        {"operator": "and", "conditions": [US], "groups": [{"conditions": [ADULT]}]},
        {"all": [US, ADULT]},
        {"version": "1", "rules": [{"id": "r", "name": "grown Americans", "rule": {"conditions": [US, ADULT]}}]},
        {"rules": [], "default_rule": {"id": "d", "rule": {"conditions": [US, ADULT]}}},
    ],
)
def test_rul_01_every_form_of_targeting(targeting: Any) -> None:
    of = evaluator({"f": flag(targeting_rules=targeting)})
    assert of.evaluate("f", {"country": "US", "age": 18}).detail == "enabled"
    assert of.evaluate("f", {"country": "US", "age": 18}).reason == "TARGETING_MATCH"
    assert of.evaluate("f", {"country": "US", "age": 17}).detail == "targeting_rules_not_met"
    assert of.evaluate("f", {}).detail == "targeting_rules_not_met"


@pytest.mark.parametrize("targeting", [None, [], {}, {"rules": []}])
def test_rul_01_no_rules_are_everyone(targeting: Any) -> None:
    assert ask(flag(targeting_rules=targeting), {}).detail == "enabled"


def test_rul_04_priority_then_default() -> None:
    rules = [
        {"id": "late", "rule": {}, "priority": 5},
        {"id": "us", "rule": {"conditions": [US]}, "priority": "1"},
        {"id": "adult", "rule": {"conditions": [ADULT]}, "priority": Decimal("2")},
        {"id": "never", "rule": {"conditions": [US]}, "priority": 0, "rollout_percentage": 0},
    ]
    of = evaluator({"f": flag(targeting_rules={"rules": rules})})
    assert of.evaluate("f", {"country": "US", "age": 40}).rule == "us"
    assert of.evaluate("f", {"country": "FR", "age": 40}).rule == "adult"
    assert of.evaluate("f", {}).rule == "late"
    last = {
        "rules": rules[1:],
        "default_rule": {"id": "rest", "rule": {"conditions": [{"attribute": "beta", "operator": "eq", "value": True}]}},
    }
    of = evaluator({"f": flag(targeting_rules=last)})
    assert of.evaluate("f", {"beta": True}).rule == "rest"
    assert of.evaluate("f", {}).detail == "targeting_rules_not_met"


def test_rul_04_targeting_and_the_flags_own_rollout_must_both_pass() -> None:
    rules = [{"id": "us", "rule": {"conditions": [US]}}, {"id": "adult", "rule": {"conditions": [ADULT]}}]
    of = evaluator({"f": flag(rollout_percentage=40, targeting_rules={"rules": rules})})
    answers = [of.evaluate("f", {"targetingKey": user, "country": "US"}) for user in users(1_000)]
    assert {answer.detail for answer in answers} == {"enabled", "not_in_rollout"}
    assert 350 < sum(answer.value for answer in answers) < 450
    assert {answer.rule for answer in answers if answer.value} == {"us"}
    assert of.evaluate("f", {"targetingKey": "u", "country": "FR"}).detail == "targeting_rules_not_met"


def _stable(user: str, rule: str) -> int:
    return int(hashlib.md5(f"{user}:{rule}".encode()).hexdigest(), 16) % 100


@pytest.mark.parametrize(
    "attribute", ["targetingKey", "user_id", "id", "email", "username", "device_id", "client_id", "session_id"]
)
def test_rul_05_rule_rollouts_of_version_1(attribute: str) -> None:
    rules = [{"id": "rule-7", "rule": {}, "rollout_percentage": 30}]
    of = evaluator({"f": flag(hash_version=1, targeting_rules={"rules": rules})})
    for user in users(300):
        context = {"user_id": "", "targetingKey": None, attribute: user, "zzz": 1}
        assert of.boolean("f", context, False) is (_stable(user, "rule-7") < 30)
    assert not of.boolean("f", {"email": ""}, True)


def test_rul_05_rule_rollouts_of_version_2_are_salted_by_flag_and_rule() -> None:
    rules = [{"id": name, "rule": {}, "rollout_percentage": "12.5"} for name in ("one", "two")]
    of = evaluator({key: flag(targeting_rules={"rules": rules}) for key in ("f", "g")})
    who = users(8_000)
    for key in ("f", "g"):
        rule = [of.evaluate(key, {"targetingKey": user}).rule for user in who]
        assert abs(rule.count("one") / 8_000 - 0.125) < 0.01
        assert abs(rule.count("two") / 8_000 - 0.125 * 0.875) < 0.01
    assert let_in(of, "f", who) != let_in(of, "g", who)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"rule": {}, "rollout_percentage": 50}, "MISSING-FIELD"),
        ({"id": "r", "rule": {}, "rollout_percentage": 101}, "OUT-OF-RANGE"),
        ({"id": "r", "rule": {}, "priority": "first"}, "WRONG-TYPE"),
        ({"id": "r", "rule": {"operator": "nor"}}, "UNKNOWN-OPERATOR"),
        ("r", "WRONG-TYPE"),
    ],
)
def test_rul_19_wrong_targeting_rules(rule: Any, code: str) -> None:
    assert codes_of(compiled({"f": flag(targeting_rules={"rules": [rule]})}))[0] in (code, "MISSING-FIELD")
