"""Jump threading against a brute-force three-valued evaluation of the same condition trees."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config_sync import ir
from config_sync.lower import lower
from config_sync.passes.normalise import ALWAYS, NEVER, simplify
from evaluator._pure.evaluator import Evaluator
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import encode
from tests.config_sync.build import check, compiled, flag, snapshot

TRUTHS = st.sampled_from([ir.FALSE, ir.TRUE, ir.UNKNOWN])
SCALARS = st.sampled_from(["a", "b", "user-1", 0, 1, 2, 1.5, 2.0, True, False, None])
VALUES = st.one_of(SCALARS, st.sampled_from([["a"], [], {"a": 1}, "", float("nan")]))
CONTEXTS = st.dictionaries(st.sampled_from(["p", "q", "r"]), VALUES)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    """Equality of scalars by JSON type."""
    if _number(left) and _number(right):
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)


def _operator(test: ir.Test, value: Any) -> int:
    """The operator's own answer: TRUE, FALSE, or UNKNOWN where it doesn't apply."""
    if test.operator == "equal":
        return int(_same(value, test.operand))
    if test.operator == "one_of":
        if value is None:
            return ir.TRUE if None in test.operand else ir.UNKNOWN
        return int(any(_same(value, item) for item in test.operand))
    if test.operator == "less":
        return int(value < test.operand) if _number(value) else ir.UNKNOWN
    if test.operator == "starts_with":
        if value is None or isinstance(value, (list, dict)):
            return ir.UNKNOWN
        text = str(value).lower() if isinstance(value, bool) else str(int(value) if value == 2.0 else value)
        return int(text.startswith(test.operand))
    assert test.operator == "exists"
    return ir.TRUE


def _truth(condition: ir.Condition, context: Mapping[str, Any]) -> int:
    """Kleene's logic, written to be read."""
    if isinstance(condition, ir.Not):
        return {ir.TRUE: ir.FALSE, ir.FALSE: ir.TRUE, ir.UNKNOWN: ir.UNKNOWN}[_truth(condition.child, context)]
    if isinstance(condition, (ir.All, ir.Any_)):
        truths = {_truth(child, context) for child in condition.children}
        decisive, other = (ir.FALSE, ir.TRUE) if isinstance(condition, ir.All) else (ir.TRUE, ir.FALSE)
        if decisive in truths:
            return decisive
        return ir.UNKNOWN if ir.UNKNOWN in truths else other
    assert isinstance(condition, ir.Test) and condition.attribute is not None
    if condition.attribute.name not in context:
        return condition.missing
    own = _operator(condition, context[condition.attribute.name])
    if own == ir.UNKNOWN:
        return condition.mistyped
    return (ir.FALSE if own == ir.TRUE else ir.TRUE) if condition.negate else own


def _tests() -> st.SearchStrategy[ir.Condition]:
    operators = st.one_of(
        st.tuples(st.just("equal"), SCALARS),
        st.tuples(st.just("one_of"), st.lists(SCALARS, max_size=7).map(tuple)),
        st.tuples(st.just("less"), st.sampled_from([1, 1.5, 2])),
        st.tuples(st.just("starts_with"), st.sampled_from(["a", "", "t", "2"])),
        st.tuples(st.just("exists"), st.none()),
    )
    fields = st.fixed_dictionaries({"negate": st.booleans(), "missing": TRUTHS, "mistyped": TRUTHS})
    names = st.sampled_from(["p", "q", "r"])
    return st.builds(lambda name, operator, rest: check(operator[0], name, operator[1], **rest), names, operators, fields)


def _groups(children: st.SearchStrategy[ir.Condition]) -> st.SearchStrategy[ir.Condition]:
    several = st.lists(children, max_size=4).map(tuple)
    return st.one_of(several.map(ir.All), several.map(ir.Any_), children.map(ir.Not))


CONDITIONS = st.recursive(_tests(), _groups, max_leaves=12)


@settings(max_examples=600)
@given(CONDITIONS, st.lists(CONTEXTS, min_size=1, max_size=5))
def test_rul_08_rows_with_jumps_answer_as_three_valued_logic_does(
    condition: ir.Condition, contexts: list[dict[str, Any]]
) -> None:
    for project in (ir.Project("native", (flag("f", condition),)), compiled(flag("f", condition)).project):
        assert project is not None
        evaluator = Evaluator(encode(lower(project).body))
        for context in contexts:
            assert evaluator.boolean("f", context, False) is (_truth(condition, context) == ir.TRUE), context


@settings(max_examples=300)
@given(CONDITIONS, CONTEXTS)
def test_simplifying_keeps_all_three_truth_values(condition: ir.Condition, context: dict[str, Any]) -> None:
    assert _truth(simplify(condition), context) == _truth(condition, context)


@given(CONDITIONS)
def test_simplified_conditions_hold_no_constants(condition: ir.Condition) -> None:
    simple = simplify(condition)
    inside = [simple.child] if isinstance(simple, ir.Not) else list(getattr(simple, "children", ()))
    for child in inside:
        assert child not in (ALWAYS, NEVER)
        inside += [child.child] if isinstance(child, ir.Not) else getattr(child, "children", ())


def test_short_circuits_take_one_row_per_test(implementation: ModuleType) -> None:
    """(p or q) and not (r or s): four tests, four rows; the answers of all 16 contexts."""
    p, q, r, s = (check("equal", name, True) for name in "pqrs")
    condition = ir.All((ir.Any_((p, q)), ir.Not(ir.Any_((r, s)))))
    lowered = lower(ir.Project("native", (flag("f", condition),)))
    assert lowered.sizes["conditions"] == 4 * 32
    evaluator = implementation.Evaluator(encode(lowered.body))
    for bits in range(16):
        context = {name: bool(bits >> place & 1) for place, name in enumerate("pqrs")}
        expected = (context["p"] or context["q"]) and not (context["r"] or context["s"])
        assert evaluator.boolean("f", context, False) is expected


def test_constant_conditions_take_no_rows() -> None:
    always = ir.Any_((check("equal", "p", 1), ir.All(())))
    never = ir.All((check("equal", "p", 1), ir.Any_(())))
    lowered = lower(ir.Project("native", (flag("f", never, always),)))
    assert (lowered.sizes["rules"], lowered.sizes["conditions"]) == (16, 0)


def test_equal_rules_share_their_rows() -> None:
    condition = ir.All((check("equal", "p", 1), check("equal", "q", "x")))
    one = lower(ir.Project("native", (flag("a", condition),)))
    two = lower(ir.Project("native", (flag("a", condition), flag("b", condition))))
    assert one.sizes["conditions"] == two.sizes["conditions"] == 2 * 32


@pytest.mark.parametrize(
    "ranges",
    [
        ((10, 19), (50, 59)),
        ((0, 0), (2, 2), (4, 97), (99, 99)),  # gaps of one bucket
        ((50, 59), (10, 55), (60, 60), (70, 69), (-5, 1)),  # unsorted, overlapping, touching, empty, from below
        ((0, 99),),
        ((0, 10**6),),
    ],
)
def test_bucket_tests_have_gaps(implementation: ModuleType, ranges: tuple[tuple[int, int], ...]) -> None:
    how = ir.Bucketing(total=100, space=codes.SPACE_MULTIPLY)
    inside = ir.InBucket(how, ranges)
    evaluator = implementation.Evaluator(snapshot(flag("f", inside), flag("g", ir.Not(inside))))
    split = ir.Rule(ir.Split(how, tuple(ir.Range(i, "on") for i in range(100))), 3)
    buckets = implementation.Evaluator(snapshot(flag("f", split)))
    for number in range(600):
        context = {"targetingKey": f"user-{number}"}
        bucket = buckets.evaluate("f", context).bucket
        expected = any(first <= bucket <= last for first, last in ranges)
        assert evaluator.boolean("f", context, False) is expected
        assert evaluator.boolean("g", context, False) is not expected
    assert evaluator.boolean("f", {}, False) is False


def test_a_unit_that_is_missing_counts_as_said(implementation: ModuleType) -> None:
    inside = ir.InBucket(ir.Bucketing(), ((0, 5),), missing=ir.TRUE)
    evaluator = implementation.Evaluator(snapshot(flag("f", inside), flag("g", ir.Not(inside))))
    assert (evaluator.boolean("f", {}, False), evaluator.boolean("g", {}, False)) == (True, False)


class HostileKey:
    """A key that lands where "p" is looked up, and then raises."""

    def __hash__(self) -> int:
        return hash("p")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


def test_an_expression_that_fails_is_neither_true_nor_false(implementation: ModuleType) -> None:
    path = ir.Expression(codes.NODE_CONSTANT, value="p")
    truthy = ir.Truthy(ir.Expression(codes.NODE_VARIABLE, (path, ir.Expression(codes.NODE_CONSTANT))))
    evaluator = implementation.Evaluator(snapshot(flag("f", truthy), flag("g", ir.Not(truthy))))
    answers = [[evaluator.boolean(key, context, False) for key in "fg"] for context in ({"p": 1}, {}, {HostileKey(): 1})]
    assert answers == [[True, False], [False, True], [False, False]]
