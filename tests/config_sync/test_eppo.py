"""The Eppo front end: its arithmetic, its conditions, what it refuses, and that no spoiled document crashes it."""

import copy
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync import compile_project, ir
from config_sync.frontends.eppo.allocations import first_of, merged
from config_sync.frontends.eppo.conditions import decimal_text
from tests.conformance.flagd.asking import cores
from tests.differential import eppo as drawn

BUCKETS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4).map(
    lambda pairs: tuple(merged(sorted((low, high) for low, high in pairs if low <= high)))
)


@given(st.lists(st.tuples(BUCKETS, st.sampled_from(("a", "b", None))), max_size=5))
def test_every_bucket_goes_to_the_first_that_has_it(named: list[tuple[tuple[tuple[int, int], ...], str | None]]) -> None:
    ranges = first_of(named)
    for bucket in range(40):
        wanted = next((name for pairs, name in named if any(low <= bucket <= high for low, high in pairs)), ir.NEXT_RULE)
        found = next((item.variant for item in ranges if bucket <= item.last), ir.NEXT_RULE)
        assert found == wanted
    assert [item.last for item in ranges] == sorted({item.last for item in ranges})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.5, "0.5"),
        (-3.0, "-3"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (1.7976931348623157e308, "17976931348623157" + 292 * "0"),
        (2.0**53, "9007199254740992"),
        (-0.0, "-0"),
    ],
)
def test_numbers_are_written_without_exponents(value: float, text: str) -> None:
    assert decimal_text(value) == text


def document(**fields: Any) -> dict[str, Any]:
    flag: dict[str, Any] = {
        "enabled": True,
        "variationType": "STRING",
        "variations": {"on": {"key": "on", "value": "on"}, "off": {"key": "off", "value": "off"}},
        "allocations": [],
        "totalShards": 10_000,
    }
    return {"flags": {"f": flag | fields}}


def allocation(operator: str, value: Any) -> dict[str, Any]:
    condition = {"attribute": "x", "operator": operator, "value": value}
    return {"key": "a", "rules": [{"conditions": [condition]}], "splits": [{"variationKey": "on", "shards": []}]}


HOLDS: list[tuple[str, Any, tuple[Any, ...], tuple[Any, ...]]] = [
    ("ONE_OF", ["1"], (1, 1.0, "1"), (True, "1.0", 2, None, [1])),
    ("ONE_OF", ["1.0", "01", "1e3", "+1"], ("1.0", "01", "1e3", "+1"), (1, 1000, 1.0)),
    ("ONE_OF", ["true"], (True, "true"), (1, "True", "1", False)),
    ("ONE_OF", ["0.0000001"], (1e-7, "0.0000001"), (0,)),
    ("ONE_OF", ["1000000000000000000000"], (1e21, 10**21), (1e22,)),
    ("ONE_OF", [], (), ("", 1, None)),
    ("NOT_ONE_OF", ["1", "true"], (2, "2", False, "True", ""), (1, "1", True, None, [], ["2"], {})),
    ("NOT_ONE_OF", [], ("", 1, True), (None, [1])),
    ("MATCHES", "^1$", (1, 1.0, "1"), (True, 11, None)),
    ("MATCHES", "^(true|0\\.0000001)$", (True, 1e-7), (1, "True")),
    ("MATCHES", "^9007199254740992$", (2**53, 2**53 + 1), (2**53 + 2,)),
    ("MATCHES", "\\bñ", ("ñ", "a ñ"), ("añ", 1)),
    ("NOT_MATCHES", "a", ("b", "", 1, True), ("a", None, ["b"], {})),
    ("GT", 1, (2, 1.5, "2", "+2", "2.", ".2e2"), (1, "1", " 2", "2 ", "2x", "", True, None, [2])),
    ("GT", "1", (2, "2"), (1, "1.0")),
    ("LTE", 1, (1, "1", -2, "1e-3"), (1.5, "\t1", "1\n", None)),
    ("GTE", "1.2.3", ("1.2.3", "1.2.4-rc", "10.0.0"), ("1.2.3-rc", "1.2", "v1.2.3", 2, " 1.2.3", None)),
    ("LT", "1.2.3", ("1.2.3-rc.1", "1.2.2"), ("1.2.3", "1.2.3+b1", "1")),
    ("IS_NULL", True, (None,), (0, "", False, [])),
    ("IS_NULL", False, (0, "", False, []), (None,)),
]


@pytest.mark.parametrize(("operator", "value", "yes", "no"), HOLDS)
def test_conditions(operator: str, value: Any, yes: tuple[Any, ...], no: tuple[Any, ...]) -> None:
    result = compile_project(document(allocations=[allocation(operator, value)]), dialect="eppo")
    assert result.snapshot is not None and not result.has_errors
    for core in cores():
        asked = core.Evaluator(result.snapshot)
        assert [each for each in yes if asked.string("f", {"x": each}, "") != "on"] == []
        assert [each for each in no if asked.string("f", {"x": each}, "") == "on"] == []
        missing = "on" if operator == "IS_NULL" and value else ""
        assert asked.string("f", {}, "") == missing


Data = dict[str, Any]
BARE: Data = {"variationKey": "on", "shards": []}
SHARDED: Data = {"variationKey": "on", "shards": [{"salt": "s", "ranges": []}]}
WHOLE: Data = {"variationKey": "on", "shards": [{"salt": "s", "ranges": [{"start": 0, "end": 10_000}]}]}
DATES: Data = {"startAt": "2020-01-01T00:00:00Z"}
RULES: Data = {"rules": [{"conditions": []}]}
REASONS: list[tuple[Data, list[Data], str]] = [
    ({}, [BARE], "STATIC"),
    ({}, [WHOLE], "SPLIT"),
    ({}, [SHARDED, BARE], "STATIC"),
    ({}, [SHARDED, WHOLE], "SPLIT"),
    (DATES, [BARE], "DEFAULT"),
    (DATES, [WHOLE], "SPLIT"),
    (DATES, [SHARDED, BARE], "STATIC"),
    (RULES, [BARE], "TARGETING_MATCH"),
    (RULES | DATES, [SHARDED, WHOLE], "TARGETING_MATCH"),
    ({}, [SHARDED], "DEFAULT"),
]


@pytest.mark.parametrize(("fields", "splits", "reason"), REASONS)
def test_reasons(fields: Data, splits: list[Data], reason: str) -> None:
    snapshot = compile_project(document(allocations=[{"key": "a", "splits": splits} | fields]), dialect="eppo").snapshot
    assert snapshot is not None
    for core in cores():
        assert core.Evaluator(snapshot).evaluate("f", {"targetingKey": "u"}).reason == reason


LOST = [
    ({"enabled": "yes"}, "WRONG-TYPE"),
    ({"enabled": None}, "MISSING-FIELD"),
    ({"variationType": "string"}, "INVALID-VALUE"),
    ({"variations": []}, "WRONG-TYPE"),
    ({"variations": {"on": {"key": "on"}}}, "MISSING-FIELD"),
    ({"totalShards": -1}, "WRONG-TYPE"),
    ({"totalShards": 1.5}, "WRONG-TYPE"),
    ({"allocations": [[]]}, "WRONG-TYPE"),
    ({"allocations": [{"key": "a"}]}, "MISSING-FIELD"),
    ({"allocations": [{"key": 1, "splits": []}]}, "WRONG-TYPE"),
    ({"allocations": [{"key": "a", "splits": [{"variationKey": "on"}]}]}, "MISSING-FIELD"),
    ({"allocations": [{"key": "a", "splits": [], "endAt": "2026-01-31T12:00:00"}]}, "BAD-INSTANT"),
    ({"allocations": [{"key": "a", "splits": [], "endAt": 1}]}, "WRONG-TYPE"),
    ({"allocations": [allocation("ONE_OF", "a")]}, "WRONG-TYPE"),
    ({"allocations": [allocation("ONE_OF", [1])]}, "WRONG-TYPE"),
    ({"allocations": [allocation("MATCHES", 1)]}, "WRONG-TYPE"),
    ({"allocations": [allocation("MATCHES", "(?=a)")]}, "INVALID-PATTERN"),
    ({"allocations": [allocation("IS_NULL", "true")]}, "WRONG-TYPE"),
    ({"allocations": [allocation("GT", True)]}, "INVALID-OPERAND"),
    ({"allocations": [allocation("GT", "v1.2.3")]}, "INVALID-OPERAND"),
    ({"allocations": [allocation("EQ", 1)]}, "UNKNOWN-OPERATOR"),
]


@pytest.mark.parametrize(("fields", "code"), LOST)
def test_a_flag_that_cant_be_read_is_lost_alone(fields: dict[str, Any], code: str) -> None:
    spoiled = document(**fields)
    spoiled["flags"]["sound"] = document(allocations=[{"splits": [{"variationKey": "on", "shards": []}]}])["flags"]["f"]
    result = compile_project(spoiled, dialect="eppo")
    assert [item.code for item in result.diagnostics] == [code]
    assert all(item.origin.pointer[:2] == ("flags", "f") for item in result.diagnostics)
    assert result.snapshot is not None
    for core in cores():
        asked = core.Evaluator(result.snapshot)
        found = asked.evaluate("f", {"targetingKey": "u"})
        assert (found.value, found.variant, found.reason, found.error_code) == (None, None, "DEFAULT", None)
        assert asked.string("sound", {}, "") == "on"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"format": "CLIENT", "flags": {}}, "UNREADABLE-FORMAT"),
        ({"format": "PRECOMPUTED", "flags": {}}, "UNREADABLE-FORMAT"),
        ({}, "MISSING-FIELD"),
        ({"flags": []}, "WRONG-TYPE"),
    ],
)
def test_a_document_that_cant_be_read_is_refused(data: dict[str, Any], code: str) -> None:
    result = compile_project(data, dialect="eppo")
    assert result.snapshot is None
    assert [item.code for item in result.diagnostics] == [code]


ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**70, 1e400, "", "x", "\ud800", [], {}, [[]], [None], {"a": None}, {"key": "v0"}, "SERVER", "(",
)  # fmt: skip
FIELDS = ("value", "variant", "reason", "detail", "rule", "bucket", "error_code")


def spoil(chance: Random, data: Any) -> None:
    """Replaces, drops, doubles or renames something somewhere inside."""
    places: list[tuple[Any, Any]] = []
    pending = [data]
    while pending:
        here = pending.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here))
        places += [(here, key) for key in keys]
        pending += [here[key] for key in keys if isinstance(here[key], (dict, list))]
    here, key = chance.choice(places)
    kind = chance.randrange(4)
    if kind == 0:
        here[key] = copy.deepcopy(chance.choice(ODD))
    elif kind == 1:
        del here[key]
    elif isinstance(here, list):
        here.append(copy.deepcopy(here[key]))
    else:
        here[chance.choice((*list(here), "x", ""))] = here.pop(key)


def test_fuzz_spoiled_documents_never_crash_and_both_cores_agree() -> None:
    """Of every spoiled document, either nothing is compiled and that is said, or both cores answer alike."""
    lost = 0
    for number in range(400):
        chance = Random(number)
        spoiled = json.loads(json.dumps(chance.choice(drawn.generate(chance)).document))
        spoiled["flags"]["other"] = copy.deepcopy(spoiled["flags"]["flag"])
        for _ in range(chance.randint(1, 4)):
            spoil(chance, spoiled)
            if not spoiled:
                break
        result = compile_project(spoiled, dialect="eppo")
        if result.snapshot is None:
            lost += 1
            assert result.has_errors
            continue
        asked = [core.Evaluator(result.snapshot) for core in cores()]
        for _ in range(4):
            context = drawn.context(chance) | {chance.choice(drawn.ATTRIBUTES): chance.choice(ODD)}
            answers = [each.evaluate("flag", context, 1_790_000_000_000) for each in asked]
            told = {repr([getattr(answer, name) for name in FIELDS]) for answer in answers}
            assert len(told) == 1
    assert lost < 100
