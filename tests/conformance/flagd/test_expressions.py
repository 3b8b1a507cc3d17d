"""What expressions give, operator by operator (docs/dialects/flagd.md, section 3), on both cores and through the compiler.

A row is (rule, data, value): the targeting asks whether the rule is strictly equal to the value.
"""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given

from config_sync import ir
from config_sync.frontends.flagd.operators import OPERATORS
from config_sync.lower import lower
from evaluator._pure.expressions import evaluate_expression
from evaluator._pure.load import load
from evaluator._pure.values import UNUSABLE
from evaluator._pure.view import View
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import encode
from tests.conformance.flagd import targetings
from tests.conformance.flagd.asking import cores, evaluator_of
from tests.conformance.flagd.test_optimised import project

Row = tuple[Any, dict[str, Any], Any]

DATA: dict[str, Any] = {
    "a": 1,
    "text": "hello",
    "none": None,
    "empty": "",
    "list": [3, 1, 2],
    "user": {"name": "Ann", "tags": ["x", "y"], "0": "zero"},
    "deep": {"a": {"b": {"c": 7}}},
    "people": [{"name": "Ann", "age": 30}, {"name": "Bob", "age": 20}],
}

ROWS: dict[str, list[tuple[Any, Any]]] = {
    "var": [
        ({"var": "a"}, 1),
        ({"var": ["a"]}, 1),
        ({"var": "user.name"}, "Ann"),
        ({"var": "user.tags.1"}, "y"),
        ({"var": "user.tags.01"}, None),
        ({"var": "user.tags.2"}, None),
        ({"var": "user.tags.-1"}, None),
        ({"var": "user.0"}, "zero"),
        ({"var": "list.0"}, 3),
        ({"var": "deep.a.b.c"}, 7),
        ({"var": "absent"}, None),
        ({"var": ["absent", "other"]}, "other"),
        ({"var": ["absent", {"var": "a"}]}, 1),
        ({"var": ["none", "other"]}, None),
        ({"var": "text.0"}, None),
        ({"var": "user."}, None),
        ({"var": {"cat": ["us", "er.name"]}}, "Ann"),
        ({"var": "$flagd.flagKey"}, "flag"),
        ({"var": "$flagd.timestamp"}, 1_700_000_000),
        ({"var": "$flagd.other"}, None),
        ({"var": [["a"]]}, None),
    ],
    "missing": [
        ({"missing": ["a", "absent", "none", "empty", "user.name"]}, ["absent", "none", "empty"]),
        ({"missing": "absent"}, ["absent"]),
        ({"missing": [["a", "absent"]]}, ["absent"]),
        ({"missing": []}, []),
        ({"missing_some": [1, ["a", "absent"]]}, []),
        ({"missing_some": [2, ["a", "absent", "none"]]}, ["absent", "none"]),
        ({"missing_some": ["x", ["absent"]]}, ["absent"]),
    ],
    "if": [
        ({"if": [True, "yes", "no"]}, "yes"),
        ({"if": [False, "yes", "no"]}, "no"),
        ({"if": [False, "yes"]}, None),
        ({"if": [0, 1, "", 2, [], 3, None, 4, "0", 5]}, 5),
        ({"if": ["alone"]}, "alone"),
        ({"if": []}, None),
        ({"?:": [{"==": [{"var": "a"}, 1]}, "one", "other"]}, "one"),
    ],
    "truth": [
        ({"!!": [[]]}, False),
        ({"!!": [[0]]}, True),
        ({"!!": "0"}, True),
        ({"!!": ""}, False),
        ({"!!": 0}, False),
        ({"!!": -0.5}, True),
        ({"!!": None}, False),
        ({"!!": {"var": "user"}}, True),
        ({"!": [True]}, False),
        ({"!": []}, True),
        ({"!!": []}, False),
        ({"and": [1, "a", 3]}, 3),
        ({"and": [1, "", 3]}, ""),
        ({"and": []}, None),
        ({"or": [0, "", "a", 3]}, "a"),
        ({"or": [0, False]}, False),
        ({"or": []}, None),
    ],
    "equal": [
        ({"==": [1, 1.0]}, True),
        ({"==": [1, "1"]}, True),
        ({"==": ["1.0", 1]}, True),
        ({"==": ["1", "1.0"]}, False),
        ({"==": ["", 0]}, True),
        ({"==": [" ", 0]}, True),
        ({"==": [True, 1]}, True),
        ({"==": [True, "1"]}, True),
        ({"==": [True, "true"]}, False),
        ({"==": [False, ""]}, True),
        ({"==": [None, False]}, False),
        ({"==": [None, 0]}, False),
        ({"==": [None, {"var": "absent"}]}, True),
        ({"==": [[1], [1]]}, True),
        ({"==": [[1], 1]}, False),
        ({"==": [{"var": "user"}, {"var": "user"}]}, True),
        ({"!=": [1, "2"]}, True),
        ({"===": [1, "1"]}, False),
        ({"===": [1, 1.0]}, True),
        ({"===": [1, True]}, False),
        ({"===": [None, None]}, True),
        ({"===": [[1, [2]], [1, [2.0]]]}, True),
        ({"===": [[1, 2], [2, 1]]}, False),
        ({"===": ["a", "a"]}, True),
        ({"!==": [1, "1"]}, True),
        ({"==": [1]}, False),
    ],
    "order": [
        ({"<": [1, 2]}, True),
        ({"<": ["2", 10]}, True),
        ({"<": ["2", "10"]}, False),
        ({"<": ["a", "b"]}, True),
        ({"<": ["a", 1]}, False),
        ({">": ["a", 1]}, False),
        ({"<": [None, 1]}, True),
        ({"<": [{"var": "absent"}, 1]}, True),
        ({"<=": [1, 1]}, True),
        ({"<": [1, 2, 3]}, True),
        ({"<": [1, 4, 3]}, False),
        ({"<=": [1, 1, 3]}, True),
        ({">": [2, 1]}, True),
        ({">=": [1, 1, 9]}, True),
        ({"<": [[1], 2]}, False),
        ({"<": [9007199254740992, 9007199254740993]}, True),
        ({"<": [1]}, False),
    ],
    "in": [
        ({"in": ["Spring", "Springfield"]}, True),
        ({"in": ["i", "team"]}, False),
        ({"in": [1, "a1"]}, True),
        ({"in": [None, "null"]}, False),
        ({"in": ["Ringo", ["John", "Ringo"]]}, True),
        ({"in": [1, ["1"]]}, False),
        ({"in": [1.0, [1]]}, True),
        ({"in": [True, [1]]}, False),
        ({"in": [[1], [[1], 2]]}, True),
        ({"in": ["a", None]}, False),
        ({"in": ["a", {"var": "user"}]}, False),
    ],
    "numbers": [
        ({"+": [1, 2, 3]}, 6),
        ({"+": ["3.5", 1]}, 4.5),
        ({"+": []}, 0),
        ({"+": ["x", 1]}, None),
        ({"+": [None, 1]}, 1),
        ({"+": [0.1, 0.2]}, 0.1 + 0.2),
        ({"-": [5, 3]}, 2),
        ({"-": [5]}, -5),
        ({"-": []}, None),
        ({"*": [2, "3", 4]}, 24),
        ({"*": []}, None),
        ({"/": [7, 2]}, 3.5),
        ({"/": [6, 2]}, 3),
        ({"/": [1, 0]}, None),
        ({"%": [101, 2]}, 1),
        ({"%": [-7, 3]}, -1),
        ({"%": [5.5, 2]}, 1.5),
        ({"%": [5, 0]}, None),
        ({"min": [3, 1, "2"]}, 1),
        ({"max": [3, 1, "12"]}, 12),
        ({"max": []}, None),
        ({"max": [1, "x"]}, None),
        ({"*": [1e308, 10]}, None),
    ],
    "text": [
        ({"cat": ["I love", " pie"]}, "I love pie"),
        ({"cat": [1, "-", 1.5, "-", 2.0, "-", True, None, [1]]}, "1-1.5-2-true"),
        ({"cat": []}, ""),
        ({"cat": {"var": "text"}}, "hello"),
        ({"substr": ["jsonlogic", 4]}, "logic"),
        ({"substr": ["jsonlogic", -5]}, "logic"),
        ({"substr": ["jsonlogic", 1, 3]}, "son"),
        ({"substr": ["jsonlogic", 4, -2]}, "log"),
        ({"substr": ["jsonlogic", -5, 2]}, "lo"),
        ({"substr": ["abc", 9]}, ""),
        ({"substr": ["abc", -9]}, "abc"),
        ({"substr": ["abc", 0, -9]}, ""),
        ({"substr": ["a\U0001f600b", 1, 1]}, "\U0001f600"),
        ({"substr": [12345, 1, 2]}, "23"),
    ],
    "lists": [
        ({"map": [{"var": "list"}, {"*": [{"var": ""}, 2]}]}, [6, 2, 4]),
        ({"map": [{"var": "absent"}, {"var": ""}]}, []),
        ({"filter": [{"var": "list"}, {">": [{"var": ""}, 1]}]}, [3, 2]),
        ({"reduce": [{"var": "list"}, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]}, 6),
        ({"reduce": [{"var": "absent"}, {"var": "current"}, "start"]}, "start"),
        ({"reduce": [[], {"var": "current"}]}, None),
        ({"all": [{"var": "list"}, {">": [{"var": ""}, 0]}]}, True),
        ({"all": [[], True]}, False),
        ({"none": [[], True]}, True),
        ({"none": [{"var": "list"}, {">": [{"var": ""}, 2]}]}, False),
        ({"some": [{"var": "people"}, {"==": [{"var": "name"}, "Bob"]}]}, True),
        ({"some": [[], True]}, False),
        ({"map": [{"var": "people"}, {"var": "age"}]}, [30, 20]),
        ({"map": [[0, None], {"var": ["", "x"]}]}, [0, None]),
        ({"some": [[1], {"var": "a"}]}, False),  # inside, only the element is there
        ({"merge": [[1, 2], 3, [[4]]]}, [1, 2, 3, [4]]),
        ({"merge": []}, []),
    ],
    "affixes": [
        ({"starts_with": ["abc", "ab"]}, True),
        ({"starts_with": ["abc", "bc"]}, False),
        ({"ends_with": ["abc", "bc"]}, True),
        ({"starts_with": ["abc", ""]}, True),
        ({"starts_with": [123, "1"]}, None),
        ({"ends_with": ["abc", 3]}, None),
        ({"starts_with": ["abc"]}, None),
        ({"starts_with": [{"var": "absent"}, "a"]}, None),
    ],
    "sem_ver": [
        ({"sem_ver": ["1.2.3", "=", "v1.2.3"]}, True),
        ({"sem_ver": [{"var": "text"}, ["="], "1.2.3"]}, None),
        ({"sem_ver": ["V1.2.3+x", "=", "1.2.3+y"]}, True),
        ({"sem_ver": ["1.2.3-a", "<", "1.2.3"]}, True),
        ({"sem_ver": ["1.2.3-a.2", "<", "1.2.3-a.10"]}, True),
        ({"sem_ver": ["1", "=", "1.0.0"]}, True),
        ({"sem_ver": [1.2, ">", "1.1"]}, True),
        ({"sem_ver": [1, ">=", "1"]}, True),
        ({"sem_ver": ["1.9.9", "^", "1.0.0"]}, True),
        ({"sem_ver": ["2.0.0", "^", "1.0.0"]}, False),
        ({"sem_ver": ["1.2.9", "~", "1.2.0"]}, True),
        ({"sem_ver": ["1.3.0", "~", "1.2.0"]}, False),
        ({"sem_ver": ["1.2.3", "!=", "1.2.4"]}, True),
        ({"sem_ver": ["1.2.3", "<=", "1.2.3"]}, True),
        ({"sem_ver": ["1.2.3.4", "=", "1.2.3"]}, None),
        ({"sem_ver": ["01.2.3", "=", "1.2.3"]}, None),
        ({"sem_ver": [True, "=", "1.2.3"]}, None),
        ({"sem_ver": ["1.2.3", "===", "1.2.3"]}, None),
        ({"sem_ver": ["1.2.3", ["="], "1.2.3"]}, None),
        ({"sem_ver": ["1.2.3", "="]}, None),
    ],
}
TABLE = [(name, *row) for name, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("name", "rule", "expected"), TABLE)
def test_operator(name: str, rule: Any, expected: Any, implementation: ModuleType) -> None:
    document = targetings.document({"===": [rule, expected]})
    evaluator = evaluator_of(document, "flagd", implementation)
    assert evaluator.evaluate("flag", DATA, 1_700_000_000_999).variant == "true"


def test_the_table_has_every_operator() -> None:
    asked = {name for _, rule, _ in TABLE for name in rule}
    assert asked >= set(OPERATORS) - {"fractional"}  # which has a file of its own


def test_the_whole_context_is_the_empty_path(implementation: ModuleType) -> None:
    """With ``$flagd`` in it, whatever the context says about that."""
    rule = {"if": [{"==": [{"var": ""}, {"var": "expected"}]}, "on", "off"]}
    evaluator = evaluator_of(targetings.document(rule), "flagd", implementation)
    assert evaluator.evaluate("flag", {"expected": {}}, 0).variant == "off"
    reading = {"in": [{"var": "$flagd.flagKey"}, [{"var": "$flagd.flagKey"}, "flag"]]}
    overwritten = {"and": [reading, {"===": [{"var": "$flagd.flagKey"}, "flag"]}]}
    evaluator = evaluator_of(targetings.document(overwritten), "flagd", implementation)
    assert evaluator.evaluate("flag", {"$flagd": {"flagKey": "mine"}}, 0).variant == "true"


class Odd:
    """An object that no dialect knows."""


@pytest.mark.parametrize("value", [Odd(), {1, 2}, b"bytes", "\ud800", 1j])
def test_what_json_does_not_have_is_null(value: Any, implementation: ModuleType) -> None:
    document = targetings.document({"and": [{"==": [{"var": "a"}, None]}, {"==": [{"cat": {"var": "a"}}, ""]}]})
    assert evaluator_of(document, "flagd", implementation).evaluate("flag", {"a": value}, 0).variant == "true"


def failing() -> dict[str, Any]:
    """Rules that reach a limit, and the context they need for it."""
    many = {"var": "many"}
    nested = {"map": [many, {"map": [[1] * 200, {"var": ""}]}]}
    long = {"cat": [{"var": "long"}, {"var": "long"}]}
    return {"steps": nested, "text": long, "depth": {"==": [{"var": "deep"}, {"var": "deeper"}]}}


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("name", list(failing()))
def test_limits_end_an_evaluation(name: str, implementation: ModuleType) -> None:
    """As a result the failure is an error, as a condition it isn't true."""
    context = {"many": list(range(600)), "long": "x" * 40_000, "deep": deep(70), "deeper": deep(70)}
    rule = failing()[name]
    evaluator = evaluator_of(targetings.document(rule), "flagd", implementation)
    assert evaluator.evaluate("flag", context, 0).error_code == "GENERAL"
    evaluator = evaluator_of(targetings.document({"if": [rule, "on", "1"]}), "flagd", implementation)
    assert evaluator.evaluate("flag", context, 0).variant == "1"


@pytest.mark.parametrize("count", [490, 510])
def test_the_limit_of_steps_is_exact_on_both_cores(count: int) -> None:
    """Of 100,000 steps: a map over n elements, each a map over 200, takes about 202 n."""
    rule = {"!!": {"map": [{"var": "many"}, {"map": [[1] * 200, 1]}]}}
    context = {"many": [0] * count}
    found = {evaluator_of(targetings.document(rule), "flagd", core).evaluate("flag", context, 0).reason for core in cores()}
    assert len(found) == 1


def exact(value: Any) -> Any:
    """Comparable to the last bit and type."""
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(exact, value)]
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return repr(value), type(value).__name__


@given(rule=targetings.targetings, context=targetings.contexts, now=targetings.clocks)
def test_both_cores_give_the_same_value(rule: Any, context: dict[str, Any], now: float) -> None:
    """Not only the same variant: the value of the whole expression, type and all."""
    if len(cores()) < 2:
        pytest.skip("the Cython core isn't there")
    from evaluator._fast.program import Program

    from evaluator._fast import expressions as fast

    flag = project(targetings.document(rule), "flagd", False).flags[0]
    if flag.error is not None:
        return
    snapshot = encode(lower(ir.Project("flagd", (flag,))).body)
    program = load(snapshot)
    node = next(row.node for row in program.outcomes if row.kind == codes.OUTCOME_EXPRESSION)
    value = evaluate_expression(program, node, View(context, now, "flag"))
    try:
        other = fast.evaluate_expression(Program(snapshot), node, fast.View(context, now, "flag"))
    except Exception:
        other = UNUSABLE
    assert exact(value) == exact(other)
