"""The pipeline on IR projects and through the front door: determinism, tombstones, clock use, what ends without a snapshot."""

import hashlib
import json
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from config_sync import compile_project, ir
from config_sync.compile import compile_ir
from config_sync.diagnostics import Diagnostics
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import Decoded
from tests.config_sync.build import ON, check, compiled, flag, found, snapshot, tombstones, when

LIST = tuple(f"user-{number}" for number in range(50))


def project() -> ir.Project:
    """Something of everything that gets a number in the snapshot."""
    split = ir.Split(ir.Bucketing(prefix="salt:"), (ir.Range(2**31, "on"), ir.Range(2**32 - 1, "off")))
    condition = ir.All((check("one_of", "id", LIST), check("equal", "plan", "pro"), ir.SegmentReference("adults")))
    nested = ir.Variant("nested", {"b": {"y": 1, "x": [1, 2]}, "a": None})
    flags = (
        flag("z", condition, ir.Rule(split, codes.REASON_SPLIT, id="rollout"), metadata={"owner": "me", "age": 3}),
        flag("a", variants=(ON, nested), default=ir.Constant("nested")),
        flag("m", ir.Prerequisite("z", ("on",)), when(check("matches", "mail", "@example")), default=ir.NoAnswer()),
    )
    return ir.Project("native", flags, {"adults": check("greater_equal", "age", 18)}, {"team": "web", "env": "test"})


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same project with everything whose order means nothing in another order."""
    if isinstance(value, ir.Test) and value.operator == "one_of":
        return msgspec.structs.replace(value, operand=tuple(chance.sample(value.operand, len(value.operand))))
    if isinstance(value, msgspec.Struct):
        fields = {name: shuffled(getattr(value, name), chance) for name in value.__struct_fields__}
        for name in ("flags", "variants"):
            if isinstance(fields.get(name), tuple):
                fields[name] = tuple(chance.sample(fields[name], len(fields[name])))
        return type(value)(**fields)
    if isinstance(value, dict):
        return {key: shuffled(value[key], chance) for key in chance.sample(list(value), len(value))}
    if isinstance(value, tuple):
        return tuple(shuffled(item, chance) for item in value)
    return value


def test_compiling_twice_gives_identical_bytes() -> None:
    first, second = compile_ir(project(), Diagnostics()), compile_ir(project(), Diagnostics())
    assert first.snapshot is not None and first.snapshot == second.snapshot
    assert first.name == hashlib.sha256(first.snapshot).hexdigest()


@pytest.mark.parametrize("seed", range(10))
def test_order_without_meaning_does_not_change_the_bytes(seed: int) -> None:
    expected = compile_ir(project(), Diagnostics()).snapshot
    other = shuffled(project(), random.Random(seed))
    assert compile_ir(other, Diagnostics()).snapshot == expected


def test_order_with_meaning_does_change_the_bytes() -> None:
    rules = (when(check("equal", "p", 1)), when(check("equal", "p", 1), "off"))
    assert snapshot(flag("f", *rules)) != snapshot(flag("f", *reversed(rules)))


# --- tombstones -------------------------------------------------------------------------------------------------------


def test_an_error_buries_its_own_flag_only(implementation: ModuleType) -> None:
    bad = flag("bad", check("matches", "p", "(unclosed"), default=ir.Constant("on"))
    result = compiled(bad, flag("good", check("equal", "p", 1)))
    assert found(result) == ["INVALID-PATTERN"] and tombstones(result) == {"bad"} and result.has_errors
    evaluator = implementation.Evaluator(result.snapshot)
    answer = evaluator.evaluate("bad", {"p": 1})
    assert (answer.value, answer.variant, answer.reason, answer.error_code) == (True, "on", "ERROR", "PARSE_ERROR")
    assert evaluator.boolean("bad", {}, False) is True  # a tombstone's own default
    assert evaluator.boolean("good", {"p": 1}, False) is True


@pytest.mark.parametrize("default", [ir.NoAnswer(), ir.Constant("nothing"), ir.Split(ir.Bucketing(), (ir.Range(5, "on"),))])
def test_a_tombstone_keeps_only_a_default_that_is_a_variant(implementation: ModuleType, default: ir.Outcome) -> None:
    result = compiled(flag("bad", check("matches", "p", "("), default=default))
    answer = implementation.Evaluator(result.snapshot).evaluate("bad", {"p": 1, "targetingKey": "u"})
    assert (answer.value, answer.variant, answer.reason) == (None, None, "ERROR")


def test_a_tombstone_is_never_a_fulfilled_prerequisite(implementation: ModuleType) -> None:
    bad = flag("bad", check("matches", "p", "("), default=ir.Constant("on"))
    result = compiled(bad, flag("needs", ir.Prerequisite("bad", ("on", "off"))))
    assert tombstones(result) == {"bad"}
    assert implementation.Evaluator(result.snapshot).boolean("needs", {}, False) is False


def test_a_key_that_is_used_twice_is_a_tombstone_once(implementation: ModuleType) -> None:
    result = compiled(flag("f", default=ir.Constant("on")), flag("g"), flag("f"))
    assert found(result) == ["DUPLICATE-FLAG"] and tombstones(result) == {"f"}
    evaluator = implementation.Evaluator(result.snapshot)
    assert evaluator.flag_keys() == ["f", "g"] and evaluator.boolean("f", {}, False) is True


@pytest.mark.parametrize("value", [b"bytes", float("nan"), "\ud800", 2**64, {1: 2}])
def test_a_tombstone_keeps_no_value_that_cannot_be_stored(implementation: ModuleType, value: Any) -> None:
    for error in (None, "the front end's \ud800"):
        broken = flag("f", variants=(ir.Variant("on", value),), default=ir.Constant("on"), error=error)
        result = compiled(broken)
        assert tombstones(result) == {"f"}
        assert implementation.Evaluator(result.snapshot).evaluate("f", {}).variant is None


def test_errors_that_a_front_end_reported_bury_the_flag_they_lie_in() -> None:
    diagnostics = Diagnostics()
    mine = ir.Origin("test.yaml", ("flags", "f"))
    diagnostics.error("SOME-ERROR", "misspelt", mine.child("rules", 0))
    from config_sync.passes.buried import bury_reported

    buried = bury_reported(ir.Project("native", (flag("f"), flag("ff"))), diagnostics)
    assert [item.error for item in buried.flags] == ["misspelt", None]


def test_a_flag_with_an_error_is_stripped() -> None:
    result = compiled(flag("f", check("equal", "p", 1), error="the front end says no", metadata={"a": 1}))
    decoded = Decoded(result.snapshot or b"")
    row = decoded.flags[0]
    assert (row.state, row.rule_count, row.default_reason) == (codes.STATE_TOMBSTONE, 0, codes.REASON_PARSE_ERROR)
    assert decoded.values[row.message] == "the front end says no"


# --- rows -------------------------------------------------------------------------------------------------------------


def test_rules_that_cannot_decide_are_dropped(implementation: ModuleType) -> None:
    never, always = ir.Any_(()), ir.All(())
    data = snapshot(flag("f", when(never), when(check("equal", "p", 1)), when(always, "off"), when(always)))
    assert Decoded(data).flags[0].rule_count == 2
    evaluator = implementation.Evaluator(data)
    assert [evaluator.boolean("f", {"p": value}, True) for value in (1, 2)] == [True, False]


def test_a_split_that_may_pass_on_does_not_hide_what_follows() -> None:
    split = ir.Rule(ir.Split(ir.Bucketing(), (ir.Range(5, "on"),)), codes.REASON_SPLIT)
    assert Decoded(snapshot(flag("f", split, when(None)))).flags[0].rule_count == 2


@pytest.mark.parametrize(
    ("rules", "given_reason", "expected"),
    [
        ((), codes.REASON_STATIC, "STATIC"),
        ((when(ir.Any_(())),), codes.REASON_STATIC, "DEFAULT"),
        ((when(check("equal", "p", 1)),), codes.REASON_STATIC, "DEFAULT"),
        ((), codes.REASON_DEFAULT, "DEFAULT"),
        ((), codes.REASON_NOT_IN_ROLLOUT, "DEFAULT"),
    ],
)
def test_only_a_flag_without_rules_is_static(
    implementation: ModuleType, rules: tuple[ir.Rule, ...], given_reason: int, expected: str
) -> None:
    data = snapshot(flag("f", *rules, default_reason=given_reason))
    assert implementation.Evaluator(data).evaluate("f", {}).reason == expected


def test_empty_ranges_are_dropped_and_neighbours_joined() -> None:
    ranges = (ir.Range(-1, "off"), ir.Range(10, "on"), ir.Range(10, "off"), ir.Range(20, "on"), ir.Range(30, None))
    data = snapshot(flag("f", ir.Rule(ir.Split(ir.Bucketing(), ranges), codes.REASON_SPLIT)))
    assert [row.last for row in Decoded(data).ranges] == [20, 30]


def constant(value: Any) -> ir.Expression:
    return ir.Expression(codes.NODE_CONSTANT, value=value)


def variable(path: Any) -> ir.Expression:
    return ir.Expression(codes.NODE_VARIABLE, (path if isinstance(path, ir.Expression) else constant(path), constant(None)))


TIMED = [
    check("equal", "p", 1),
    ir.Test("now", None, 5),
    ir.Test("window", None, ir.Window(days=(1,))),
    check("window", "p", ir.Window(days=(1,))),
    ir.Truthy(variable("$flagd.timestamp")),
    ir.Truthy(variable("$flagd")),
    ir.Truthy(variable("")),
    ir.Truthy(variable(variable("p"))),
    ir.Truthy(variable("$flagd.flagKey")),
    ir.Truthy(ir.Expression(codes.NODE_NOT, (variable("$flagd.timestamp"),))),
]


@pytest.mark.parametrize(("place", "expected"), list(enumerate([0, 1, 1, 1, 1, 1, 1, 1, 0, 1])))
def test_flags_know_whether_they_read_the_clock(place: int, expected: int) -> None:
    data = snapshot(
        flag("f", TIMED[place]),
        flag("needs", ir.Prerequisite("f", ("on",))),
        flag("needs-that", ir.Prerequisite("needs", ("on",))),
        flag("other"),
    )
    assert [row.has_time for row in Decoded(data).flags] == [expected, expected, expected, 0]


def test_a_split_by_an_expression_reads_the_clock_too() -> None:
    how = ir.Bucketing(source=variable("$flagd.timestamp"))
    rule = ir.Rule(ir.Split(how, (ir.Range(5, "on"),)), codes.REASON_SPLIT)
    assert [row.has_time for row in Decoded(snapshot(flag("f", rule))).flags] == [1]


def test_expressions_choose_the_variant(implementation: ModuleType) -> None:
    data = snapshot(flag("f", ir.Rule(ir.Computed(variable("v")), codes.REASON_TARGETING_MATCH)))
    evaluator = implementation.Evaluator(data)
    assert evaluator.evaluate("f", {"v": "on"}).variant == "on"
    assert evaluator.evaluate("f", {"v": "odd"}).error_code == "GENERAL"
    assert evaluator.evaluate("f", {}).reason == "DEFAULT"


def test_json_texts_are_compact_and_not_escaped(implementation: ModuleType) -> None:
    odd = ir.Variant("ö", {"b": 1.5, "a": ["é", None]})
    data = snapshot(flag("clé", variants=(odd,), default=ir.Constant("ö"), metadata={"who": "ü"}))
    item = '{"key":"clé","reason":"STATIC","variant":"ö","value":{"a":["é",null],"b":1.5},"metadata":{"who":"ü"}}'
    assert implementation.Evaluator(data).evaluate_all_json({}).decode() == f'{{"flags":[{item}]}}'


# --- the front door ---------------------------------------------------------------------------------------------------


def test_an_unknown_dialect_is_a_diagnostic() -> None:
    result = compile_project({}, dialect="klingon")
    assert found(result) == ["UNKNOWN-DIALECT"] and result.snapshot is None


@pytest.mark.parametrize("content", ["{", '{"flags": [1, 2}', "\xff"])
def test_no_snapshot_when_a_document_cannot_be_read(tmp_path: Path, content: str) -> None:
    (tmp_path / "good.json").write_text(json.dumps({"flags": {}}))
    (tmp_path / "bad.json").write_text(content, encoding="latin-1")
    result = compile_project(tmp_path)
    assert result.has_errors and result.snapshot is None and result.name is None


@pytest.mark.parametrize("place", ["/nowhere/at/all", "/dev/null/x"])
def test_places_that_are_none_are_diagnostics(place: str) -> None:
    result = compile_project(place)
    assert result.has_errors and result.snapshot is None


HOSTILE: list[Any] = [
    {"flags": value} for value in (None, 1, "x", [], [None], {"f": None}, {"f": []}, {"f": {"variants": 3}}, {1: 2}, [[[]]])
] + [{}, {"nonsense": 1}, {"segments": []}, {"experiments": [{}]}, {"flags": [{"key": "f", "rules": [{"if": "x"}] * 3}]}]


@pytest.mark.parametrize("mapping", HOSTILE, ids=str)
@pytest.mark.parametrize("dialect", ["native", "flagd", "flagd@v1", "flagd@v3"])
def test_bad_input_never_raises(mapping: Any, dialect: str) -> None:
    compile_project(mapping, dialect)


def test_what_nests_without_end_is_a_diagnostic(tmp_path: Path) -> None:
    condition: Any = {"operator": "equals", "attribute": "a", "value": 1}
    for _ in range(400):
        condition = {"operator": "and", "groups": [condition]}
    path = tmp_path / "deep.json"
    path.write_text(json.dumps({"flags": [{"flag_id": "1", "key": "f", "targeting_rules": condition}]}))
    assert compile_project(path).has_errors
