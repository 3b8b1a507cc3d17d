"""FLG-01 to FLG-07 and BAT: what table flags answer and why, and full flags with rules, splits, types and their mistakes."""

from pathlib import Path
from typing import Any

import pytest

from config_sync.compile import compile_project
from evaluator import Evaluator
from handlers._counters import experiment_part
from handlers._experiments import experiments_of
from tests.config_sync.native import ask, chosen, codes_of, compiled, evaluator, let_in, users

PAIR = [{"key": "control", "allocation": 0.7}, {"key": "treatment", "allocation": 0.3}]
US = [{"attribute": "country", "operator": "equals", "value": "US"}]


def flag(**fields: Any) -> dict[str, Any]:
    return {"enabled": True, "rollout_percentage": 100, **fields}


def seen(answer: Any) -> tuple[Any, ...]:
    return answer.value, answer.variant, answer.detail, answer.reason


def test_flg_01_and_02_reasons_in_order_of_test() -> None:
    context = {"targetingKey": "u", "country": "FR"}
    off = (False, None)
    assert seen(ask(flag(enabled=False, targeting_rules=US), context)) == (*off, "flag_disabled", "DISABLED")
    assert seen(ask(flag(rollout_percentage=0, targeting_rules=US), context)) == (*off, "targeting_rules_not_met", "DEFAULT")
    context["country"] = "US"
    assert seen(ask(flag(rollout_percentage=0, targeting_rules=US), context)) == (*off, "not_in_rollout", "DEFAULT")
    assert seen(ask(flag(targeting_rules=US), context)) == (True, None, "enabled", "TARGETING_MATCH")
    assert seen(ask(flag(), context)) == (True, None, "enabled", "STATIC")
    assert ask(flag(rollout_percentage=99.9999), context).reason == "SPLIT"


def test_flg_03_disabled_is_false_whatever_else() -> None:
    item = flag(enabled=False, variants=PAIR, default_variant="x", overrides={"u": "control"})
    assert seen(ask(item, {"targetingKey": "u"})) == (False, None, "flag_disabled", "DISABLED")


def test_flg_04_0_and_100_percent_hash_nothing() -> None:
    for version in (1, 2):
        assert ask(flag(rollout_percentage=0, hash_version=version), {}).detail == "not_in_rollout"
        assert ask(flag(rollout_percentage=100, hash_version=version), {}).value is True
        assert ask(flag(rollout_percentage=50, hash_version=version), {}).error_code == "TARGETING_KEY_MISSING"


def test_flg_05_targeting_and_rollout_must_both_pass() -> None:
    of = evaluator({"f": flag(rollout_percentage=50, targeting_rules=US)})
    inside = let_in(of, "f", users(1_000), country="US")
    assert 430 < len(inside) < 570
    assert not let_in(of, "f", users(100), country="FR")


@pytest.mark.parametrize("version", [1, 2])
def test_flg_06_variants_by_hash(version: int) -> None:
    of = evaluator({"f": flag(variants=PAIR, hash_version=version)})
    got = chosen(of, "f", users(1_000))
    assert abs(list(got.values()).count("control") - 700) < 50
    assert got == chosen(of, "f", users(1_000))
    narrow = chosen(evaluator({"f": flag(variants=PAIR, hash_version=version, rollout_percentage=20)}), "f", users(1_000))
    assert all(got[user] == variant for user, variant in narrow.items() if variant is not None)


def test_flg_07_default_variant_when_there_are_no_variants() -> None:
    assert seen(ask(flag(default_variant="blue"), {})) == (True, "blue", "enabled", "STATIC")
    assert ask(flag(default_variant="blue", variants=[]), {}).variant == "blue"
    assert ask(flag(default_variant="blue", enabled=False), {}).variant is None
    assert ask(flag(default_variant="blue", variants=PAIR), {"targetingKey": "u"}).variant in ("control", "treatment")


def test_payloads_are_the_values() -> None:
    variants = [
        {"key": "small", "allocation": 0.5, "payload": {"size": 1}},
        {"key": "large", "allocation": 0.5, "payload": {"size": 9}},
    ]
    of = evaluator({"f": flag(variants=variants), "off": flag(variants=variants, enabled=False)})
    got = {of.evaluate("f", {"targetingKey": user}).variant: of.object("f", {"targetingKey": user}, {}) for user in users(30)}
    assert got == {"small": {"size": 1}, "large": {"size": 9}}
    assert of.object("off", {}, {"size": 0}) == {"size": 0}
    answer = of.evaluate("off", {})
    assert (answer.value, answer.variant, answer.error_code) == (None, None, None)


def test_experiments_answer_their_payload_or_their_variants_key() -> None:
    plain = {"status": "active", "variants": [{"key": "a", "allocation": 1}, {"key": "b", "allocation": 0}]}
    mixed = {"status": "active", "variants": [{"key": "a", "allocation": 0}, {"key": "b", "allocation": 1, "payload": 7}]}
    of = evaluator(experiments={"plain": plain, "mixed": mixed})
    assert of.string("plain", {"targetingKey": "u"}, "") == "a"
    assert of.integer("mixed", {"targetingKey": "u"}, 0) == 7


# --- batches ----------------------------------------------------------------------------------------------------------


def test_bat_01_and_02_answers_by_key() -> None:
    of = evaluator({"on": flag(), "off": flag(enabled=False)})
    got = of.evaluate_all({"targetingKey": "u"}, ["on", "nowhere", "off"])
    assert {key: (answer.value, answer.detail) for key, answer in got.items()} == {
        "on": (True, "enabled"),
        "off": (False, "flag_disabled"),
        "nowhere": (None, "flag_not_found"),
    }
    assert of.evaluate_all({"targetingKey": "u"}, []) == {}


def test_bat_05_a_batch_is_its_single_evaluations() -> None:
    of = evaluator({f"f{number}": flag(rollout_percentage=number, variants=PAIR) for number in range(0, 101, 5)})
    for user in users(20):
        context = {"targetingKey": user}
        keys = [*of.flag_keys(), *of.flag_keys()]
        got = of.evaluate_all(context, keys)
        assert list(got) == of.flag_keys()
        assert got == {key: of.evaluate(key, context) for key in of.flag_keys()}


def test_bat_06_one_malformed_flag_is_an_error_for_that_flag_only() -> None:
    result = compiled({"good": flag(), "bad": flag(rollout_percentage="a lot")})
    assert result.snapshot is not None
    got = Evaluator(result.snapshot).evaluate_all({"targetingKey": "u"}, ["good", "bad"])
    assert {key: (answer.value, answer.detail, answer.error_code) for key, answer in got.items()} == {
        "good": (True, "enabled", None),
        "bad": (False, "error", "PARSE_ERROR"),
    }


# --- full flags -------------------------------------------------------------------------------------------------------


def text_flag(**fields: Any) -> dict[str, Any]:
    return {"type": "string", "variants": {"a": "alpha", "b": "beta"}, "default": "a", **fields}


def test_rules_in_order_and_the_default() -> None:
    rules = [
        {"id": "us", "when": US, "variant": "b"},
        {"id": "adult", "when": {"attribute": "age", "operator": "gte", "value": 18}, "variant": "a"},
    ]
    item = text_flag(rules=rules)
    assert seen(ask(item, {"country": "US", "age": 40})) == ("beta", "b", "enabled", "TARGETING_MATCH")
    assert ask(item, {"age": 40}).rule == "adult"
    assert seen(ask(item, {})) == ("alpha", "a", "default", "DEFAULT")
    assert seen(ask(text_flag(), {})) == ("alpha", "a", "enabled", "STATIC")


def test_disabled_is_the_off_variant_or_the_default() -> None:
    assert seen(ask(text_flag(enabled=False), {})) == ("alpha", "a", "flag_disabled", "DISABLED")
    assert ask(text_flag(enabled=False, off="b"), {}).value == "beta"


@pytest.mark.parametrize("version", [1, 2])
def test_splits(version: int) -> None:
    split = {"variants": {"a": 80, "b": "19.995"}}
    of = evaluator({"f": text_flag(rules=[{"when": US, "split": split}], hash_version=version)})
    got = list(chosen(of, "f", users(2_000), country="US").values())
    assert abs(got.count("a") - 1_600) < 80
    assert set(chosen(of, "f", users(50), country="FR").values()) == {"a"}
    assert of.evaluate("f", {"country": "US"}).error_code == "TARGETING_KEY_MISSING"


def test_a_split_for_everyone_by_another_attribute_and_salt() -> None:
    by_account = {"by": "account", "salt": "s", "variants": {"a": 50, "b": 50}}
    of = evaluator(
        {"f": text_flag(split=by_account), "g": text_flag(split=by_account), "h": text_flag(split={"variants": {"b": 100}})}
    )
    for account in range(50):
        answer = of.evaluate("f", {"account": account})
        assert answer.variant == of.evaluate("g", {"account": str(account)}).variant
        assert answer.reason == "SPLIT"
    assert of.evaluate("h", {}).value == "beta"


def test_a_rules_rollout_leaves_the_rest_to_the_next_rule() -> None:
    rules = [
        {"id": "few", "variant": "b", "rollout": 20},
        {"id": "more", "variant": "b", "rollout": 50},
        {"id": "no", "variant": "b", "rollout": 0},
    ]
    of = evaluator({"f": text_flag(rules=rules)})
    ids = [of.evaluate("f", {"targetingKey": user}).rule for user in users(2_000)]
    assert abs(ids.count("few") - 400) < 80
    assert abs(ids.count("more") - 600) < 80  # one bucket per flag: half of all, with the first fifth among them
    assert of.evaluate("f", {}).detail == "default"
    everyone = text_flag(rules=[{"variant": "b", "rollout": 100}])
    assert ask(everyone, {}).value == "beta"


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"type": "boolean"}, False),
        ({"type": "boolean", "default": "on"}, True),
        ({"variants": {"x": True, "y": False}, "default": "x"}, True),
        ({"variants": {"x": 1, "y": 2.5}, "default": "y"}, 2.5),
        ({"type": "integer", "variants": {"x": 3.0}, "default": "x"}, 3),
        ({"type": "number", "variants": {"x": 3}, "default": "x"}, 3),
        ({"variants": {"x": [1, {"a": None}]}, "default": "x"}, [1, {"a": None}]),
        ({"type": "object", "variants": {"x": {"a": 1}, "y": []}, "default": "x"}, {"a": 1}),
    ],
)
def test_types_declared_and_inferred(fields: dict[str, Any], value: Any) -> None:
    answer = ask(fields, {})
    assert answer.value == value
    assert type(answer.value) is type(value)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "text"}, "INVALID-VALUE"),
        ({"variants": {"a": 1, "b": "x"}}, "VARIANT-TYPE"),
        ({"variants": {"a": 1.5}, "type": "integer"}, "VARIANT-TYPE"),
        ({"variants": {"a": None}}, "VARIANT-TYPE"),
        ({"variants": {}}, "MISSING-FIELD"),
        ({"default": "z"}, "UNKNOWN-VARIANT"),
        ({"default": None}, "MISSING-FIELD"),
        ({"off": "z"}, "UNKNOWN-VARIANT"),
        ({"defalt": "a"}, "UNKNOWN-FIELD"),
        ({"rules": [{"variant": "z"}]}, "UNKNOWN-VARIANT"),
        ({"rules": [{"when": US}]}, "RULE-OUTCOME"),
        ({"rules": [{"variant": "a", "split": {"variants": {"a": 100}}}]}, "RULE-OUTCOME"),
        ({"rules": [{"variant": "a", "rollout": 101}]}, "OUT-OF-RANGE"),
        ({"rules": [{"split": {"variants": {"a": 50, "b": 49}}}]}, "PERCENTAGE-SUM"),
        ({"rules": [{"split": {"variants": {}}}]}, "PERCENTAGE-SUM"),
        ({"rules": [{"split": {"variants": {"a": 50, "z": 50}}}]}, "UNKNOWN-VARIANT"),
        ({"rules": [{"split": {"variants": {"a": "x", "b": 50}}}]}, "WRONG-TYPE"),
        ({"rules": [{"split": {}}]}, "MISSING-FIELD"),
        ({"rules": {"when": US, "variant": "a"}}, "WRONG-TYPE"),
        ({"rules": ["a"]}, "WRONG-TYPE"),
        ({"split": {"variants": {"a": 1}}}, "PERCENTAGE-SUM"),
        ({"rollout_percentage": 5}, "MIXED-FORMS"),
        ({"targeting_rules": []}, "MIXED-FORMS"),
        ({"metadata": {"a": {"b": 1}}}, "WRONG-TYPE"),
        ({"tags": "x"}, "WRONG-TYPE"),
        ({"salt": "s" * 5_000, "split": {"variants": {"a": 50, "b": 50}}, "hash_version": 1}, "LIMIT-SALT"),
    ],
)
def test_mistakes_in_full_flags(fields: dict[str, Any], code: str) -> None:
    result = compiled({"f": text_flag(**{"type": None, **fields}), "good": text_flag()})
    assert codes_of(result) == [code]
    assert result.project is not None
    assert [item.key for item in result.project.flags if item.error] == ["f"]


def test_a_broken_flag_keeps_its_default_and_a_broken_disabled_one_its_off_variant() -> None:
    wrong = {"rules": [{"variant": "nope"}], "off": "b"}
    result = compiled({"on": text_flag(**wrong), "off": text_flag(**wrong, enabled=False), "gone": 5})
    assert result.snapshot is not None
    of = Evaluator(result.snapshot)
    assert [of.string(key, {}, "fallback") for key in ("on", "off", "gone")] == ["alpha", "beta", "fallback"]
    assert {of.evaluate(key, {}).error_code for key in ("on", "off", "gone")} == {"PARSE_ERROR"}


def test_metadata() -> None:
    of = evaluator(
        {"f": text_flag(metadata={"team": "a", "n": 1.5, "b": True}, flag_id="flag_9", version=4)}, metadata={"env": "test"}
    )
    assert of.flag_metadata("f") == {"team": "a", "n": 1.5, "b": True, "flag_id": "flag_9", "version": 4}
    assert of.metadata == {"env": "test"}


# --- documents --------------------------------------------------------------------------------------------------------


def test_a_key_of_a_flag_and_an_experiment_belongs_to_the_flag() -> None:
    item = {"key": "both", "status": "active", "variants": PAIR}
    result = compiled([{"key": "both", **flag()}], experiments=[item])
    assert codes_of(result) == ["KEY-CONFLICT"]
    assert result.project is not None
    assert [found.key for found in result.project.flags] == ["both"]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("7", "exp_7", True),
        (7, "7", True),
        (None, "exp_one", True),
        ("exp_7", "exp_exp_7", False),
        ("7", "8", False),
        (None, None, False),
    ],
)
def test_agg_02_experiments_that_would_share_their_counters_are_told(first: object, second: object, shared: bool) -> None:
    """As the processor makes its keys: with ``exp_`` before an id, but once."""
    items = {
        key: {"status": "active", "variants": PAIR, "experiment_id": id_} for key, id_ in (("one", first), ("two", second))
    }
    result = compiled(experiments=items)
    assert codes_of(result) == ["SHARED-COUNTERS"] * shared
    assert result.snapshot is not None
    parts = {experiment_part(experiment.id) for experiment in experiments_of(Evaluator(result.snapshot)).values()}
    assert len(parts) == 2 - shared


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"flgs": {}}, "UNKNOWN-FIELD"),
        ({"flags": "x"}, "WRONG-TYPE"),
        ({"flags": [{"enabled": True}]}, "MISSING-FIELD"),
        ({"flags": [5]}, "MISSING-FIELD"),
        ({"flags": {"a": {"key": "b"}}}, "KEY-MISMATCH"),
        ({"flags": {"a": 5}}, "WRONG-TYPE"),
        ({"flags": {"": {}}}, "MISSING-FIELD"),
        ({"flags": [{"key": "a"}, {"key": "a"}]}, "DUPLICATE-FLAG"),
        ({"version": 2}, "FORMAT-VERSION"),
        ({"metadata": {"a": []}}, "WRONG-TYPE"),
        ({"layers": {"a": {"slat": "x"}}}, "UNKNOWN-FIELD"),
        ({"layers": [{"key": "a"}, {"key": "a"}]}, "DUPLICATE-NAME"),
        ({"holdouts": {"a": {"percentage": 101}}}, "OUT-OF-RANGE"),
        ({"holdouts": {"a": {}}}, "MISSING-FIELD"),
        ({"segments": {"a": {"when": 5}}}, "WRONG-TYPE"),
        ({"segments": {"a": {"description": "nothing"}}}, "MISSING-FIELD"),
        ({"experiments": [7]}, "MISSING-FIELD"),
        ({"experiments": {"e": 7}}, "WRONG-TYPE"),
    ],
)
def test_mistakes_in_documents(document: dict[str, Any], code: str) -> None:
    assert codes_of(compiled(**{"flags": {}, **document}))[0] == code


def test_key_order_means_nothing_where_it_has_no_meaning() -> None:
    one = {"f": text_flag(overrides={"u": "a", "v": "b"}), "g": flag(variants=PAIR)}
    two = {
        "g": dict(reversed(flag(variants=PAIR).items())),
        "f": dict(reversed(text_flag(overrides={"v": "b", "u": "a"}).items())),
    }
    assert compiled(one).snapshot == compiled(two).snapshot == compiled(one).snapshot is not None


def test_extensions_are_ignored() -> None:
    result = compiled({"f": text_flag(**{"x-note": {"anything": 1}})}, **{"x-anchors": [1], "$schema": "native.schema.json"})
    assert codes_of(result) == []


def test_several_files_are_one_project(tmp_path: Path) -> None:
    (tmp_path / "audience.yaml").write_text(
        "segments: {us: {attribute: country, operator: eq, value: US}}\nmetadata: {env: test, n: 1}\n"
    )
    (tmp_path / "flags.json").write_text(
        '{"flags": {"f": {"type": "boolean", "rules": [{"when": {"segment": "us"}, "variant": "on"}]}}}'
    )
    (tmp_path / "more.yml").write_text(
        "flags: {g: {enabled: true, targeting_rules: [{segment: us}], rollout_percentage: 100}}\nmetadata: {n: 2}\n"
    )
    result = compile_project(tmp_path)
    assert codes_of(result) == ["METADATA-CONFLICT"]
    assert result.snapshot is not None
    of = Evaluator(result.snapshot)
    assert of.metadata == {"env": "test", "n": 1}
    assert [of.boolean(key, {"country": country}, False) for key in "fg" for country in ("US", "FR")] == [
        True,
        False,
        True,
        False,
    ]


def test_a_flag_twice_in_two_files_is_said_and_neither_counts(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("flags: {f: {type: boolean, default: on, off: off}}\n")
    result = compile_project(tmp_path)
    assert codes_of(result) == ["DUPLICATE-FLAG"]
    assert result.snapshot is not None
    assert Evaluator(result.snapshot).evaluate("f", {}).error_code == "PARSE_ERROR"
