"""Segments: reusable conditions, by name, of one another, with their mistakes."""

from typing import Any

from tests.config_sync.native import codes_of, compiled, evaluator

STAFF = {"attribute": "email", "operator": "ends_with", "value": "@x.example"}


def flag(condition: Any) -> dict[str, Any]:
    return {"type": "boolean", "rules": [{"when": condition, "variant": "on"}]}


def test_segments_in_both_forms_and_of_one_another() -> None:
    segments = {
        "staff": STAFF,
        "adults": {"description": "of age", "when": [{"attribute": "age", "operator": "gte", "value": 18}]},
        "grown_staff": {"all": [{"segment": "staff"}, {"segment": "adults"}]},
    }
    of = evaluator({"f": flag({"segment": "grown_staff"}), "g": flag({"not": {"segment": "staff"}})}, segments=segments)
    who = {"email": "a@x.example", "age": 30}
    assert of.boolean("f", who, False)
    assert not of.boolean("f", {**who, "age": 17}, False)
    assert not of.boolean("g", who, False)
    assert of.boolean("g", {}, False)


def test_segments_as_a_list() -> None:
    segments = [{"key": "staff", "when": STAFF}, {"key": "all", **STAFF}]
    of = evaluator({"f": flag({"segment": "staff"}), "g": flag({"segment": "all"})}, segments=segments)
    assert of.boolean("f", {"email": "a@x.example"}, False) and of.boolean("g", {"email": "a@x.example"}, False)


def test_table_flags_use_segments_too() -> None:
    item = {"enabled": True, "rollout_percentage": 100, "targeting_rules": [{"segment": "staff"}]}
    of = evaluator({"f": item}, segments={"staff": STAFF})
    assert of.evaluate("f", {"email": "z"}).detail == "targeting_rules_not_met"
    assert of.boolean("f", {"email": "a@x.example"}, False)


def test_a_broken_segment_breaks_those_that_use_it_and_no_others() -> None:
    segments = {"bad": {"attribute": "x", "operator": "nope", "value": 1}, "uses": {"all": [{"segment": "bad"}]}, "good": STAFF}
    flags = {"a": flag({"segment": "bad"}), "b": flag({"segment": "uses"}), "c": flag({"segment": "good"})}
    result = compiled(flags, segments=segments)
    assert codes_of(result) == ["UNKNOWN-OPERATOR", "BROKEN-SEGMENT", "BROKEN-SEGMENT"]
    assert result.project is not None
    assert {item.key for item in result.project.flags if item.error} == {"a", "b"}


def test_unknown_and_cyclic_segments() -> None:
    result = compiled({"a": flag({"segment": "staf"})}, segments={"staff": STAFF})
    assert [(item.code, item.hint) for item in result.diagnostics] == [("UNKNOWN-SEGMENT", "did you mean 'staff'?")]
    cycle = {"a": {"all": [{"segment": "b"}]}, "b": {"not": {"segment": "a"}}}
    assert "SEGMENT-CYCLE" in codes_of(compiled({"f": flag({"segment": "a"})}, segments=cycle))


def test_percentage_bucket_in_a_segment_is_salted_by_the_segment() -> None:
    half = {"operator": "percentage_bucket", "value": 50}
    of = evaluator({"f": flag({"segment": "half"}), "g": flag({"segment": "half"})}, segments={"half": half})
    answers = [[of.boolean(key, {"targetingKey": f"u{number}"}, False) for number in range(400)] for key in "fg"]
    assert answers[0] == answers[1]
    assert 150 < sum(answers[0]) < 250
