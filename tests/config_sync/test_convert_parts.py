"""Parts of the conversion that the round trips don't show: what it reads like, names, depth, and what it leaves out."""

from typing import Any, get_args

import msgspec
import pytest

from config_sync import ir, later_fields
from config_sync.convert.conditions import test_data as written
from config_sync.convert.flags import labels_of
from config_sync.convert.project import compile_text, project_data
from config_sync.convert.proof import decides_alike, prove
from config_sync.convert.yaml_text import yaml_text
from config_sync.limits import MAX_CONDITION_DEPTH
from config_sync.operand_json import from_json, to_json
from config_sync.samples import sample_users
from evaluator.snapshot import opcodes as codes
from tests.config_sync.build import check, flag, snapshot, when
from tests.config_sync.converting import round_trip

AGE = ir.Attribute("age")


def test_every_kind_of_condition_and_outcome_is_converted() -> None:
    """Fields that come later are converted as they are (later_fields); a new kind needs a form: write it, then add it here."""
    kinds = {ir.Test, ir.All, ir.Any_, ir.Not, ir.SegmentReference, ir.Prerequisite, ir.InBucket, ir.Truthy}
    assert set(get_args(ir.Condition)) == kinds
    assert set(get_args(ir.Outcome)) == {ir.Constant, ir.NoAnswer, ir.Split, ir.Computed}


def test_the_forms_say_fields_that_there_are() -> None:
    for kind, names in later_fields.KNOWN.items():
        assert names <= set(kind.__struct_fields__), kind


class Attribute(msgspec.Struct, frozen=True):
    """An attribute with fields of a later day."""

    name: str
    path: tuple[str | int, ...] = ()
    guard: "tuple[Attribute, str, bool] | None" = None
    kind: int = 0


def test_later_fields_are_written_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(later_fields.KNOWN, Attribute, frozenset({"name", "path"}))
    part = Attribute("a", ("b",), (Attribute("c", kind=2), "x", True), 1)
    data = later_fields.written(part)
    assert data["kind"] == 1 and isinstance(data["guard"], list)
    rest, more = later_fields.read(Attribute, {"name": "a", **data})
    assert rest == {"name": "a"} and Attribute("a", ("b",), **more) == part
    assert later_fields.written(Attribute("a")) == {} and later_fields.read(Attribute, 5) == (5, {})
    with pytest.raises(ValueError, match="guard"):
        later_fields.read(Attribute, {"guard": 5})


def test_operands_without_a_form_are_written_under_their_names() -> None:
    operand = (ir.Place(1.0, 2.0, 3.0), "x", 5)
    data = to_json("an operator of a later day", operand)
    assert data[1:] == ["x", 5] and data[0].keys() == {"Place"}
    assert from_json("an operator of a later day", data) == operand
    assert from_json("contains_any", [{"Place": {}}]) == ({"Place": {}},)
    with pytest.raises(ValueError, match="Place"):
        from_json("an operator of a later day", {"Place": {}})


@pytest.mark.parametrize(
    ("test", "wanted"),
    [
        (ir.Test("equal", AGE, 1), {"attribute": "age", "operator": "eq", "value": 1}),
        (ir.Test("equal", AGE, 1, negate=True), {"attribute": "age", "operator": "neq", "value": 1}),
        (ir.Test("equal", AGE, None, negate=True), {"attribute": "age", "operator": "exists"}),
        (ir.Test("one_of", AGE, ("a",), negate=True), {"attribute": "age", "operator": "not_in", "value": ["a"]}),
        (ir.Test("one_of", AGE, ("a", None)), {"attribute": "age", "test": "one_of", "value": ["a", None]}),
        (ir.Test("less", AGE, 5, mode=codes.MODE_COERCE_TEXT), {"attribute": "age", "operator": "lt", "value": 5}),
        (ir.Test("less", AGE, 5), {"attribute": "age", "test": "less", "value": 5}),
        (
            ir.Test("less", AGE, 5, missing=ir.TRUE, mistyped=ir.UNKNOWN),
            {"attribute": "age", "test": "less", "value": 5, "missing": True, "mistyped": "unknown"},
        ),
        (
            ir.Test("time", AGE, 0, compare=codes.CMP_LT),
            {"attribute": "age", "operator": "before", "value": "1970-01-01T00:00:00Z"},
        ),
        (ir.Test("time", AGE, 2**62), {"attribute": "age", "test": "time", "value": {"microseconds": 2**62}}),
        (
            ir.Test("version", AGE, "1.2", mode=24, compare=codes.CMP_GE),
            {
                "attribute": "age",
                "test": "version",
                "value": "1.2",
                "compare": "gte",
                "mode": ["version_prefix", "version_partial"],
            },
        ),
        (ir.Test("contains", AGE, "x", mode=1), {"attribute": "age", "operator": "contains_i", "value": "x"}),
        (ir.Test("less", AGE, 2**64), {"attribute": "age", "test": "less", "value": 2.0**64}),
    ],
)
def test_a_test_is_short_where_that_is_the_same(test: ir.Test, wanted: dict[str, Any]) -> None:
    assert written(test) == wanted


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["a"], {"a": "a"}),
        (["", "\x00on"], {"": "off", "\x00on": "on"}),
        (["", "off"], {"": "", "off": "off"}),
        (["\x00on", "on"], {"\x00on": "\x00on", "on": "on"}),
        (["", "\x00a"], {"": "", "\x00a": "a"}),  # "off" would come after "a"
        (["\x00"], {"\x00": "\x00"}),
    ],
)
def test_variants_without_a_name_are_called_something(names: list[str], labels: dict[str, str]) -> None:
    assert labels_of(ir.Flag("f", tuple(ir.Variant(name, 1) for name in names))) == labels


def test_variants_that_are_reported_alike_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir, "reported_name", lambda name: name.partition("\x00")[0])
    names = ["a", "b\x001", "c\x001", "c\x00two", "c\x00", "\x00on"]
    made = ir.Flag("f", tuple(ir.Variant(name, 1) for name in names))
    wanted = {"a": "a", "b\x001": "1", "c\x001": "c\x001", "c\x00two": "two", "c\x00": "c\x00", "\x00on": "on"}
    assert labels_of(made) == wanted
    original, result, text = round_trip(ir.Project("native", (made,)))
    assert original.snapshot == result.snapshot is not None
    assert 'reported_as: {"1": b, two: c}' in text and "unnamed: [on]" in text


def nested(depth: int) -> ir.Condition:
    """Groups within groups that can't be flattened."""
    condition: ir.Condition = check("equal", "p", 0)
    for level in range(depth):
        other = check("equal", "p", level + 1)
        condition = ir.All((condition, other)) if level % 2 else ir.Any_((condition, other))
    return condition


@pytest.mark.parametrize("depth", [MAX_CONDITION_DEPTH, MAX_CONDITION_DEPTH + 1, 40])
def test_deep_groups_become_segments(depth: int) -> None:
    project = ir.Project("native", (flag("f", when(nested(depth))),), {"f part 1": check("equal", "q", 1)})
    original, result, text = round_trip(project)
    assert original.snapshot == result.snapshot is not None
    assert ("f part" in text) == (depth > MAX_CONDITION_DEPTH)
    assert not result.has_errors


def test_segments_stay_and_unneeded_ones_go() -> None:
    segments = {
        "outer": ir.Not(ir.SegmentReference("inner")),
        "inner": check("equal", "q", 1),
        "unused": check("equal", "r", 1),
        "circle": ir.SegmentReference("circle"),
    }
    flags = (flag("f", when(ir.SegmentReference("outer"))), flag("g", when(ir.SegmentReference("circle"))))
    original, result, text = round_trip(ir.Project("native", flags, segments))
    data = project_data(ir.Project("native", flags, segments), original.project or ir.Project("native"))
    assert data["segments"] == {
        "inner": {"attribute": "q", "operator": "eq", "value": 1},
        "outer": {"not": {"segment": "inner"}},
    }
    assert "refers to itself" in data["flags"]["g"]["error"]
    assert original.snapshot == result.snapshot is not None, text


def test_what_is_no_key_is_left_out_and_twins_are_broken() -> None:
    flags = (flag("", when(None)), flag("f", when(None)), flag("f", when(None)), flag("\ud800", when(None)))
    original, result, _ = round_trip(ir.Project("native", flags))
    assert original.snapshot == result.snapshot is not None
    assert [item.key for item in (result.project or ir.Project("native")).flags] == ["f"]


def test_what_cant_be_said_in_unicode_is_broken_in_both() -> None:
    flags = (flag("f", when(check("equal", "p", "\ud800"))), flag("g", when(None)))
    original, result, _ = round_trip(ir.Project("native", flags))
    assert original.snapshot == result.snapshot is not None


def test_what_a_dialect_ignores_says_so() -> None:
    broken = ir.Flag("f", default_reason=codes.REASON_DEFAULT, ignored=True)
    original, result, text = round_trip(ir.Project("native", (broken,)))
    assert original.snapshot == result.snapshot is not None
    assert "description: " in text and not result.has_errors


def test_the_proof_tells_bytes_and_users_apart() -> None:
    """Another layout with the same answers isn't identical, and holds; another answer doesn't hold."""
    one = snapshot(flag("f", when(check("equal", "p", 1))))
    other = snapshot(flag("f", when(ir.Not(ir.Not(check("one_of", "p", (1, 1)))))))
    more = snapshot(flag("f", when(check("equal", "p", 1)), when(check("equal", "q", 1))))
    users = [{"p": 1}, {"q": 1}, {}]
    assert decides_alike(one, one) and prove(one, one, users).identical
    assert prove(one, other, users).holds and not prove(one, other, users).identical
    found = prove(one, more, users)
    assert not found.holds and not found.identical
    assert "1 of 3 contexts get another answer" in found.text() and "laid out otherwise" in found.text()


def test_another_dialects_name_decides_nothing() -> None:
    result = compile_text(yaml_text({"flags": {"f": {"type": "boolean", "default": "on"}}}))
    assert result.snapshot is not None
    from config_sync.lower import lower
    from evaluator.snapshot.codec import encode

    assert result.project is not None
    renamed = ir.Project("flagd", result.project.flags)
    other = encode(lower(renamed).body)
    assert other != result.snapshot and decides_alike(other, result.snapshot)


def test_made_up_users_are_the_same_each_time_and_reach_what_matters() -> None:
    how = ir.Bucketing(source=ir.Attribute("account", fallback=ir.TARGETING_KEY))
    half = ir.Rule(ir.Split(how, (ir.Range(2**31, "on"),)), codes.REASON_SPLIT)
    variable = ir.Expression(codes.NODE_VARIABLE, (ir.Expression(codes.NODE_CONSTANT, value="user.plan"),))
    equal = ir.Expression(codes.NODE_EQUAL, (variable, ir.Expression(codes.NODE_CONSTANT, value="gold")))
    data = snapshot(flag("f", when(check("equal", "country", "DE")), when(ir.Truthy(equal)), half))
    users = sample_users([data, data], 301)
    assert users == sample_users([data, data], 301) and len(users) == 301
    assert len({str(user["account"]) for user in users if "account" in user}) > 150
    assert sum(user.get("country") == "DE" for user in users) > 50
    assert sum(isinstance(user.get("user"), dict) and user["user"].get("plan") == "gold" for user in users) > 10
    assert sample_users([data], 0) == []
