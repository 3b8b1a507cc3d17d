"""The front end's rules, tests and splits mean what the targeting means: compared with one expression for all of it.

And both cores agree on either form.
"""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given, settings

from config_sync.compile import compile_ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.flagd.documents import translate_documents
from config_sync.ir import Computed, Origin, Project, Split, Truthy
from config_sync.walk import conditions_of
from evaluator.snapshot import opcodes as codes
from tests.conformance.flagd import targetings
from tests.conformance.flagd.asking import cores

GENERATIONS = {
    "flagd": codes.NODE_FRACTIONAL,
    "flagd@v1": codes.NODE_FRACTIONAL_SIGNED,
    "flagd@v3": codes.NODE_FRACTIONAL_CBOR,
}


def project(document: dict[str, Any], dialect: str, optimise: bool) -> Project:
    source = Source(document, Origin("flags.json"))
    return translate_documents([source], Diagnostics(), dialect, GENERATIONS[dialect], optimise)


def evaluators(document: dict[str, Any], dialect: str, core: ModuleType) -> tuple[Any, Any]:
    """(as one expression, as rules)."""
    snapshots = [compile_ir(project(document, dialect, optimise), Diagnostics()).snapshot for optimise in (False, True)]
    assert snapshots[0] is not None
    assert snapshots[1] is not None
    plain, optimised = (core.Evaluator(snapshot) for snapshot in snapshots)
    return plain, optimised


def answer(evaluator: Any, context: dict[str, Any], now: float) -> tuple[Any, ...]:
    found = evaluator.evaluate("flag", context, now)
    return found.value, found.variant, found.reason, found.error_code


@pytest.mark.parametrize("dialect", GENERATIONS)
@settings(max_examples=200)
@given(targeting=targetings.targetings, context=targetings.contexts, now=targetings.clocks)
@example(targeting={"if": [{"==": [{"var": "a"}, "1"]}, "on", "off"]}, context={"a": True}, now=0)
@example(targeting={"if": [{"<": [{"var": "a"}, 5]}, "on"]}, context={}, now=0)
@example(targeting={"if": [{"in": ["a", {"var": "a"}]}, "on"]}, context={"a": ["a"]}, now=0)
@example(targeting={"fractional": [{"var": "a"}, ["on", 1], ["off", 1]]}, context={"targetingKey": "b"}, now=0)
@example(targeting={"fractional": [["on", 1], ["off", 1]]}, context={"targetingKey": ""}, now=0)
def test_rules_mean_what_the_targeting_means(dialect: str, targeting: Any, context: dict[str, Any], now: float) -> None:
    document = targetings.document(targeting)
    answers = [answer(evaluator, context, now) for core in cores() for evaluator in evaluators(document, dialect, core)]
    assert answers[1:] == answers[:-1]


VALUES: tuple[Any, ...] = (
    *targetings.TEXTS, *targetings.NUMBERS, True, False, None,
    "abcd", "xab", "1e0", "+1", "1e999", "0x1", "  2 ", "2.0", 2.5, 100, 10**400, float("inf"), float("-inf"), float("nan"),
    [], ["ab"], ["ab", 1], [1], ["1"], [True], [[]], [None], ("ab",), (1,), {}, {"ab": 1}, {"name": "ab"}, {"name": None},
)  # fmt: skip
OPERANDS: tuple[Any, ...] = (*targetings.TEXTS, *targetings.NUMBERS, True, False, None, [], ["ab", "1"], [1, 2.5, True], [None])
MISSING = object()


def asked(operator: str, operand: Any) -> list[Any]:
    """The operator on an attribute and a constant, either way round."""
    if operator == "sem_ver":
        signs = ("=", "!=", "<", "<=", ">", ">=", "^", "~", "?")
        return [{operator: [{"var": "a"}, sign, operand]} for sign in signs]
    if operator == "var":
        return [{"var": "a"}, {"var": ["a", operand]}]
    return [{operator: [{"var": "a"}, operand]}, {operator: [operand, {"var": "a"}]}]


@pytest.mark.parametrize(
    "operator",
    ["var", "==", "!=", "===", "!==", "<", "<=", ">", ">=", "in", "starts_with", "ends_with", "sem_ver"],
)
def test_each_test_means_its_expression(operator: str) -> None:
    """Every operator on every kind of value: as a native test, and the other way round, as the expression."""
    for operand in OPERANDS:
        for rule in asked(operator, operand):
            branches = [rule, "on", {"!": [rule]}, "off", "true"]
            pairs = [evaluators(targetings.document({"if": branches}), "flagd", core) for core in cores()]
            for value in (MISSING, *VALUES):
                context = {} if value is MISSING else {"a": value}
                answers = [answer(evaluator, context, 0) for pair in pairs for evaluator in pair]
                assert answers[1:] == answers[:-1], (rule, context)


def outcomes(targeting: Any, dialect: str = "flagd") -> list[str]:
    flag = project(targetings.document(targeting), dialect, True).flags[0]
    return [type(rule.outcome).__name__ for rule in flag.rules]


def test_a_chain_of_ifs_becomes_rules() -> None:
    chain = {"if": [{"==": [{"var": "a"}, "x"]}, "on", {"if": [{"==": [{"var": "b"}, 2]}, "off", None]}]}
    assert outcomes(chain) == ["Constant", "Constant"]
    flag = project(targetings.document(chain), "flagd", True).flags[0]
    assert not any(isinstance(part, Truthy) for rule in flag.rules for part in conditions_of(rule.condition))


@pytest.mark.parametrize("dialect", GENERATIONS)
@pytest.mark.parametrize(
    ("unit", "v3"),
    [([], ["Computed"]), ([{"var": "a"}], ["Split"]), ([{"cat": ["salt", {"var": "a"}]}], ["Computed"])],
)
def test_fractional_becomes_a_split(dialect: str, unit: list[Any], v3: list[str]) -> None:
    found = outcomes({"fractional": [*unit, ["on", 1], ["off", 1]]}, dialect)
    if dialect == "flagd@v3":
        assert found == v3
    else:  # an explicit unit is followed by the expression, for units that are no text
        assert found == (["Split", "Computed"] if unit else ["Split"])


def test_unusual_targeting_stays_an_expression() -> None:
    assert outcomes({"cat": ["o", "n"]}) == ["Computed"]
    assert outcomes({"fractional": [{"var": "a"}, [{"var": "b"}, 1], ["off", 1]]}) == ["Computed"]
    assert outcomes({"fractional": [{"var": "a"}, ["nobody", 1]]}) == ["Computed"]


@pytest.mark.parametrize("total", [1, 3, 7, 100, 9973])
def test_v1_thresholds_are_those_of_floating_point(total: int) -> None:
    """At every bound of the split, the last magnitude inside and the first outside fall where the comparison puts them."""
    flag = project(targetings.document({"fractional": [["on", 1], ["off", total]]}), "flagd@v1", True).flags[0]
    split = flag.rules[0].outcome
    assert isinstance(split, Split)
    assert not isinstance(split, Computed)
    end = 0.0
    for weight, bound in zip((1, total), split.ranges, strict=True):
        end += 100.0 * weight / (total + 1)
        assert bound.last / 2147483647 * 100 < end
        assert bound.last == 2**31 or (bound.last + 1) / 2147483647 * 100 >= end
