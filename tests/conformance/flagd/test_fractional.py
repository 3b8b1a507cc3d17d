"""``fractional`` in its three generations, against an implementation that shares nothing with ours: mmh3 and cbor2, in floats.

And golden vectors (``golden/fractional.json``), so that a change of all implementations at once would be seen too.
"""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import cbor2
import mmh3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conformance.flagd import targetings
from tests.conformance.flagd.asking import cores, evaluator_of

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden" / "fractional.json").read_text())
DIALECTS = ("flagd@v1", "flagd", "flagd@v3")

units = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
anything = st.recursive(
    units, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
)
weighted = st.lists(st.tuples(st.sampled_from(("on", "off", "1")), st.integers(0, 2**28)), min_size=1, max_size=6)


def whole(value: Any) -> Any:
    """Whole floats as the integers they are, as v3 has them."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    return {key: whole(item) for key, item in value.items()} if isinstance(value, dict) else value


def expected(dialect: str, unit: Any, shorthand: bool, pairs: list[tuple[str, int]]) -> str | None:
    """The variant by the definition of the generation; ``unit`` is the targeting key for a shorthand, of flag ``flag``."""
    total = sum(weight for _, weight in pairs)
    if total == 0 or unit is None or (shorthand and (not isinstance(unit, str) or not unit)):
        return None
    if dialect == "flagd@v3":
        data = cbor2.dumps(["flag", unit] if shorthand else whole(unit), canonical=True)
    elif isinstance(unit, str):
        data = (f"flag{unit}" if shorthand else unit).encode()
    else:
        return None
    if dialect == "flagd@v1":
        place, end = abs(mmh3.hash(data, 0, True)) / (2**31 - 1) * 100, 0.0
        for name, weight in pairs:
            end += 100 * weight / total
            if place < end:
                return name
        return None
    place, ends = mmh3.hash(data, 0, False) * total // 2**32, 0
    for name, weight in pairs:
        ends += weight
        if place < ends:
            return name
    return None


def answered(dialect: str, rule: Any, context: dict[str, Any]) -> list[str | None]:
    """The variants of both cores; None where the flag's default, ``false``, was given."""
    document = targetings.document(rule, "false")
    answers = [evaluator_of(document, dialect, core).evaluate("flag", context, 0) for core in cores()]
    assert {answer.reason for answer in answers} <= {"DEFAULT", "TARGETING_MATCH"}
    return [None if answer.reason == "DEFAULT" else answer.variant for answer in answers]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("form", ["split", "expression"])
@given(unit=anything, pairs=weighted)
@example(unit="", pairs=[("on", 1), ("off", 1)])
@example(unit=-0.0, pairs=[("on", 1), ("off", 1)])
@example(unit=1e20, pairs=[("on", 1), ("off", 1)])
@example(unit={"b": 1, "aa": 2, "a": 3}, pairs=[("on", 1), ("off", 1)])
def test_explicit_unit(form: str, dialect: str, unit: Any, pairs: list[tuple[str, int]]) -> None:
    written = [list(pair) for pair in pairs]
    if form == "expression":  # a computed weight keeps the front end from making a split of it
        written = [[name, {"+": [weight, 0]}] for name, weight in pairs]
    rule = {"fractional": [{"var": "unit"}, *written]}
    wanted = expected(dialect, unit, False, pairs)
    assert set(answered(dialect, rule, {"unit": unit})) == {wanted}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("form", ["split", "expression"])
@given(unit=units, pairs=weighted)
@example(unit="", pairs=[("on", 1), ("off", 1)])
@example(unit=12345, pairs=[("on", 1), ("off", 1)])
def test_shorthand(form: str, dialect: str, unit: Any, pairs: list[tuple[str, int]]) -> None:
    written = [list(pair) for pair in pairs]
    if form == "expression":
        written = [[name, {"+": [weight, 0]}] for name, weight in pairs]
    wanted = expected(dialect, unit, True, pairs)
    assert set(answered(dialect, {"fractional": written}, {"targetingKey": unit})) == {wanted}


@pytest.mark.parametrize("dialect", DIALECTS[:2])
@given(unit=st.text(st.characters(codec="utf-8"), max_size=20), pairs=weighted)
def test_salted_unit(dialect: str, unit: str, pairs: list[tuple[str, int]]) -> None:
    rule = {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, "/", {"var": "user.id"}, "!"]}, *map(list, pairs)]}
    wanted = expected(dialect, f"flag/{unit}!", False, pairs)
    assert set(answered(dialect, rule, {"user": {"id": unit}})) == {wanted}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_null_unit(dialect: str) -> None:
    """v1 and v2 go on with the targeting key, as flagd's Go core does; v3 gives null."""
    pairs = [("on", 50), ("off", 50)]
    rule = {"fractional": [{"var": "absent"}, *map(list, pairs)]}
    wanted = None if dialect == "flagd@v3" else expected(dialect, "u1", True, pairs)
    assert set(answered(dialect, rule, {"targetingKey": "u1"})) == {wanted}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [["on", 0], ["off", 0]],
        [["on", 1.5], ["off", 1]],
        [["on", "1"], ["off", 1]],
        [["on", True], ["off", 1]],
        [["on", 2**31], ["off", 1]],
        [["on", 2**30], ["off", 2**30]],
        [["on", 1], "off"],
        [[], ["off", 1]],
        [[["on"], 1], ["off", 1]],
    ],
)
def test_unusable_weights_are_null(dialect: str, pairs: list[Any]) -> None:
    for unit in ([], [{"var": "targetingKey"}]):
        assert set(answered(dialect, {"fractional": [*unit, *pairs]}, {"targetingKey": "u1"})) == {None}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_variants_may_be_booleans_numbers_and_null(dialect: str) -> None:
    """A boolean and a number name a variant by their text, and a null is the default."""
    context = {"targetingKey": "u1"}
    assert set(answered(dialect, {"fractional": [[True, 1]]}, context)) == {"true"}
    assert set(answered(dialect, {"fractional": [[1, 1]]}, context)) == {"1"}
    assert set(answered(dialect, {"fractional": [[None, 1]]}, context)) == {None}
    assert set(answered(dialect, {"fractional": [["on"], ["off", -7], ["off", 0]]}, context)) == {"on"}


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['dialect']}-{case['unit']!r:.30}")
def test_golden_vectors(case: dict[str, Any], implementation: ModuleType) -> None:
    document = targetings.document({"fractional": [{"var": "unit"}, *([name, 1] for name in case["variants"])]})
    document["flags"]["flag"]["variants"] = {name: name for name in case["variants"]}
    document["flags"]["flag"]["defaultVariant"] = None
    found = evaluator_of(document, case["dialect"], implementation).evaluate("flag", {"unit": case["unit"]}, 0)
    assert found.variant == case["variant"]
