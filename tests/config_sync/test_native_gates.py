"""What comes before a flag's own rules: schedule, overrides, prerequisites, holdouts, layers; each with its reason."""

from types import ModuleType
from typing import Any

import mmh3
import pytest

from config_sync import compile_project
from evaluator import Evaluator
from tests.config_sync.native import ask, codes_of, compiled, evaluator, users

PAIR = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
MAY = 1_777_593_600_000  # 2026-05-01T00:00:00Z


def on(**fields: Any) -> dict[str, Any]:
    return {"type": "boolean", "default": "on", "off": "off", **fields}


def details(answers: Any) -> set[str]:
    return {answer.detail for answer in answers}


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": {"start": "2026-05-01", "end": "2026-06-01T00:00:00Z"}},
        {"start": "2026-05-01T02:00:00+02:00", "end": 1780272000},
        {"schedule": {"start": 1777593600}, "end": "2026-06-01"},
    ],
)
def test_schedules_begin_inclusive_and_end_exclusive(fields: dict[str, Any]) -> None:
    june = 1_780_272_000_000
    for item in (on(**fields), {"enabled": True, "rollout_percentage": 100, **fields}):
        of = evaluator({"f": item})
        assert [of.boolean("f", {}, False, now) for now in (MAY - 1, MAY, june - 1, june)] == [False, True, True, False]
        assert of.evaluate("f", {}, MAY - 1).detail == "not_scheduled"
    experiment = {"status": "active", "variants": PAIR, **fields}
    of = evaluator(experiments={"e": experiment})
    assert of.evaluate("e", {"targetingKey": "u"}, june).detail == "not_scheduled"
    assert of.evaluate("e", {"targetingKey": "u"}, MAY).detail == "enabled"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"schedule": {"start": "soon"}}, "BAD-INSTANT"),
        ({"end": True}, "WRONG-TYPE"),
        ({"start": 5, "end": 5}, "EMPTY-SCHEDULE"),
        ({"start": 5, "schedule": {"start": 6}}, "REPEATED-FIELD"),
        ({"schedule": {"begin": 5}}, "UNKNOWN-FIELD"),
        ({"schedule": "always"}, "WRONG-TYPE"),
        ({"overrides": {"u": "blue"}}, "UNKNOWN-VARIANT"),
        ({"overrides": {"u": 5}}, "WRONG-TYPE"),
        ({"overrides": ["u"]}, "WRONG-TYPE"),
        ({"prerequisites": [{"flag": "none", "variant": "on"}]}, "UNKNOWN-PREREQUISITE"),
        ({"prerequisites": [{"flag": "none"}]}, "BAD-PREREQUISITE"),
        ({"prerequisites": [{"flag": "other", "variant": "x"}]}, "UNKNOWN-VARIANT"),
        ({"prerequisites": [{"flag": "other", "variant": False}]}, "BAD-PREREQUISITE"),
        ({"prerequisites": [{"flag": "text"}]}, "BAD-PREREQUISITE"),
        ({"prerequisites": [{"flag": "f", "variant": "on"}]}, "PREREQUISITE-CYCLE"),
        ({"prerequisites": [{"variant": "on"}]}, "MISSING-FIELD"),
        ({"prerequisites": ["other"]}, "WRONG-TYPE"),
        ({"holdouts": ["globl"]}, "UNKNOWN-HOLDOUT"),
        ({"layer": {"name": "chekout", "range": [0, 50]}}, "UNKNOWN-LAYER"),
        ({"layer": {"name": "checkout", "range": [50, 50]}}, "BAD-RANGE"),
        ({"layer": {"name": "checkout", "range": [0, 101]}}, "BAD-RANGE"),
        ({"layer": {"name": "checkout", "range": [0, "x"]}}, "BAD-RANGE"),
        ({"layer": {"name": "checkout", "range": [1, 2, 3]}}, "BAD-RANGE"),
        ({"layer": {"name": "checkout"}}, "MISSING-FIELD"),
        ({"layer": "checkout"}, "WRONG-TYPE"),
    ],
)
def test_mistakes_in_gates(fields: dict[str, Any], code: str) -> None:
    text = {"variants": {"x": "1"}, "default": "x"}
    flags = {"f": on(**fields), "other": on(), "text": text}
    result = compiled(flags, layers={"checkout": None}, holdouts={"global": {"percentage": 5}})
    assert codes_of(result) == [code]
    assert result.project is not None
    assert [item.key for item in result.project.flags if item.error] == ["f"]


def test_overrides_force_a_variant() -> None:
    item = {"variants": {"x": "1", "y": "2", "z": "3"}, "default": "x", "overrides": {"ann": "y", "bob": "z", "eve": "y"}}
    answer = ask(item, {"targetingKey": "eve"})
    assert (answer.value, answer.variant, answer.detail, answer.reason) == ("2", "y", "override", "TARGETING_MATCH")
    assert ask(item, {"targetingKey": "zoe"}).value == "1"
    assert ask({**item, "enabled": False}, {"targetingKey": "eve"}).detail == "flag_disabled"


def test_overrides_of_table_items() -> None:
    plain = {"enabled": True, "overrides": {"in": True, "out": False}}
    of = evaluator({"f": {**plain, "rollout_percentage": 50}, "label": {**plain, "default_variant": "blue"}})
    assert (of.boolean("f", {"targetingKey": "in"}, False), of.boolean("f", {"targetingKey": "out"}, True)) == (True, False)
    assert of.evaluate("label", {"targetingKey": "in"}).variant == "blue"
    assert of.evaluate("label", {"targetingKey": "out"}).variant is None
    of = evaluator({"f": {"enabled": True, "variants": PAIR, "overrides": {"x": "b", "y": False}}})
    assert of.evaluate("f", {"targetingKey": "x"}).variant == "b"
    assert of.evaluate("f", {"targetingKey": "y"}).value is False
    experiment = {"status": "active", "variants": PAIR, "traffic_allocation": 0, "overrides": {"x": "b"}}
    of = evaluator(experiments={"e": experiment})
    assert of.evaluate("e", {"targetingKey": "x"}).variant == "b"
    assert of.evaluate("e", {"targetingKey": "y"}).detail == "not_in_traffic"


def test_overrides_are_keyed_by_what_is_bucketed() -> None:
    of = evaluator({"f": on(default="off", bucket_by="account", overrides={"42": "on"})})
    for account, expected in ((42, True), ("42", True), (43, False)):
        assert of.boolean("f", {"targetingKey": "42", "account": account}, False) is expected


def test_prerequisites() -> None:
    flags = {
        "base": {
            "type": "boolean",
            "rules": [{"when": {"attribute": "beta", "operator": "eq", "value": True}, "variant": "on"}],
        },
        "table": {
            "enabled": True,
            "rollout_percentage": 100,
            "targeting_rules": [{"attribute": "x", "operator": "eq", "value": 1}],
        },
        "weighted": {"enabled": True, "rollout_percentage": 100, "variants": PAIR},
        "needs": on(prerequisites=[{"flag": "base"}, {"flag": "table", "variant": True}]),
        "names": on(prerequisites=[{"flag": "base", "variants": ["on", "off"]}, {"flag": "weighted", "variant": "a"}]),
        "any": on(prerequisites=[{"flag": "weighted"}]),
    }
    of = evaluator(flags)
    assert of.boolean("needs", {"beta": True, "x": 1}, False)
    for context in ({"beta": True}, {"x": 1}, {}):
        answer = of.evaluate("needs", context)
        assert (answer.value, answer.detail) == (False, "prerequisite_failed")
    for user in users(20):
        context = {"targetingKey": user}
        assert of.boolean("names", context, False) is (of.evaluate("weighted", context).variant == "a")
        assert of.boolean("any", context, False)


def test_a_prerequisite_with_errors_fails_and_spoils_nothing_else(both_cores: tuple[ModuleType, ModuleType]) -> None:
    flags = {"broken": on(rules=[{"variant": "nope"}], default="off"), "needs": on(prerequisites=[{"flag": "broken"}])}
    result = compiled(flags)
    assert codes_of(result) == ["UNKNOWN-VARIANT"]
    for core in both_cores:
        answer = core.Evaluator(result.snapshot).evaluate("needs", {})
        assert (answer.value, answer.detail) == (False, "prerequisite_failed")


def test_holdouts() -> None:
    flags = {
        "f": on(holdouts=["global"]),
        "g": on(holdouts=["global"]),
        "all": on(holdouts=["everyone"]),
        "none": on(holdouts=["nobody"]),
    }
    holdouts = {"global": {"percentage": "10"}, "everyone": {"percentage": 100}, "nobody": {"percentage": 0}}
    of = evaluator(flags, holdouts=holdouts)
    held = {user for user in users(2_000) if of.evaluate("f", {"targetingKey": user}).detail == "held_out"}
    assert abs(len(held) - 200) < 50
    assert held == {user for user in users(2_000) if not of.boolean("g", {"targetingKey": user}, True)}
    seed = mmh3.hash(b"global_holdout", 0x9747B28C, False)
    assert held == {user for user in users(2_000) if mmh3.hash(user.encode(), seed, False) < 2**32 / 10}
    assert (of.evaluate("all", {}).detail, of.evaluate("none", {}).value) == ("held_out", True)


def test_layers_exclude_one_another_and_share_out_everyone() -> None:
    def experiment(low: float, high: float) -> dict[str, Any]:
        return {"status": "active", "variants": PAIR, "layer": {"name": "page", "range": [low, high]}}

    of = evaluator(
        experiments={"x": experiment(0, 33.3), "y": experiment(33.3, 50), "z": experiment(50, 100)}, layers={"page": {}}
    )
    counts = {"x": 0, "y": 0, "z": 0}
    for user in users(3_000):
        inside = [key for key in counts if of.evaluate(key, {"targetingKey": user}).variant is not None]
        assert len(inside) == 1
        counts[inside[0]] += 1
    assert abs(counts["x"] - 1_000) < 100 and abs(counts["y"] - 500) < 100
    assert of.evaluate("x", {}).detail == "not_in_layer"


def test_layers_by_another_attribute_with_several_ranges() -> None:
    layers = {"page": {"by": "account", "salt": "v2", "hash_version": 1}}
    of = evaluator({"f": on(layer={"name": "page", "range": [[0, 10], [50, 60]]})}, layers=layers)
    inside = sum(of.boolean("f", {"account": number}, False) for number in range(2_000))
    assert abs(inside - 400) < 70


def test_overlapping_ranges_of_running_items_are_an_error_of_the_later_key() -> None:
    def experiment(key: str, low: int, high: int, status: str = "active") -> dict[str, Any]:
        return {"key": key, "status": status, "variants": PAIR, "layer": {"name": "page", "range": [low, high]}}

    items = [experiment("b", 40, 60), experiment("a", 0, 50), experiment("c", 60, 100), experiment("d", 0, 100, "draft")]
    for order in (items, items[::-1]):
        result = compiled(experiments=order, layers=[{"key": "page"}])
        assert codes_of(result) == ["LAYER-OVERLAP"]
        assert result.project is not None
        assert [flag.key for flag in result.project.flags if flag.error] == ["b"]


def test_the_order_of_the_gates() -> None:
    """Each gate that refuses is taken away in turn; the next one is then the reason."""
    flags = {"never": on(default="off")}
    refusals: dict[str, Any] = {
        "enabled": False,
        "schedule": {"end": "2020-01-01"},
        "overrides": {"u": "off"},
        "prerequisites": [{"flag": "never"}],
        "holdouts": ["everyone"],
        "layer": {"name": "page", "range": [0, 0.0000001]},
        "rules": [{"when": [], "variant": "off"}],
    }
    expected = [
        "flag_disabled",
        "not_scheduled",
        "override",
        "prerequisite_failed",
        "held_out",
        "not_in_layer",
        "enabled",
        "enabled",
    ]
    got = []
    while True:
        of = evaluator({"f": on(**refusals), **flags}, holdouts={"everyone": {"percentage": 100}}, layers={"page": None})
        got.append(of.evaluate("f", {"targetingKey": "u"}, MAY).detail)
        if not refusals:
            break
        del refusals[next(iter(refusals))]
    assert got == expected


@pytest.mark.parametrize("written", [{"end": "2027-01-01T00:00:00Z"}, {"schedule": {"end": "2027-01-01T00:00:00Z"}}, {}])
def test_asg_08_an_experiment_s_end_is_told_to_whoever_stores_assignments(written: dict[str, object]) -> None:
    item = {"key": "e", "status": "active", "variants": [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]}
    result = compile_project({"experiments": [item | written]})
    assert not result.has_errors and result.snapshot is not None
    metadata = Evaluator(result.snapshot).flag_metadata("e")
    assert metadata is not None
    assert metadata.get("ends_at") == ("2027-01-01T00:00:00Z" if written else None)
