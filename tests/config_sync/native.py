"""Native projects for tests, compiled and asked."""

from collections.abc import Iterable
from typing import Any

from config_sync import ir
from config_sync.compile import CompileResult, compile_project
from evaluator import Evaluation, Evaluator


def compiled(flags: Any = None, **sections: Any) -> CompileResult:
    """A project given in Python, compiled."""
    return compile_project({"flags": flags or {}, **sections})


def evaluator(flags: Any = None, **sections: Any) -> Evaluator:
    """The evaluator of a project that must be free of errors."""
    result = compiled(flags, **sections)
    assert not result.has_errors, [f"{item.origin.pointer} {item.code} {item.message}" for item in result.diagnostics]
    assert result.snapshot is not None
    return Evaluator(result.snapshot)


def ask(flag: dict[str, Any], context: Any = None, now: Any = None, **sections: Any) -> Evaluation:
    """The answer of a project that is one flag."""
    return evaluator({"flag": flag}, **sections).evaluate("flag", context, now)


def holds(condition: Any, context: Any, now: Any = None, **sections: Any) -> bool:
    """Whether a condition is true in a context."""
    flag = {"type": "boolean", "default": "off", "rules": [{"id": "it", "when": condition, "variant": "on"}]}
    return bool(ask(flag, context, now, **sections).value)


def codes_of(result: CompileResult) -> list[str]:
    """The codes of the diagnostics, in order."""
    return [item.code for item in result.diagnostics]


def problems(condition: Any) -> list[tuple[str, ir.Pointer]]:
    """The diagnostics of a condition: codes, and where inside the condition."""
    flag = {"type": "boolean", "default": "off", "rules": [{"id": "it", "when": condition, "variant": "on"}]}
    result = compiled({"flag": flag})
    where = ("flags", "flag", "rules", 0, "when")
    return [(item.code, item.origin.pointer[len(where) :]) for item in result.diagnostics]


def users(count: int) -> list[str]:
    return [f"user_{number}" for number in range(count)]


def chosen(of: Evaluator, key: str, who: Iterable[str], **context: Any) -> dict[str, str | None]:
    """The variant of each user."""
    return {user: of.evaluate(key, {"targetingKey": user, **context}).variant for user in who}


def let_in(of: Evaluator, key: str, who: Iterable[str], **context: Any) -> set[str]:
    """The users for whom a boolean flag is true."""
    return {user for user in who if of.boolean(key, {"targetingKey": user, **context}, False)}


def chi_square(left: dict[str, Any], right: dict[str, Any]) -> float:
    """Pearson's statistic of independence of two classifications of the same users."""
    rows, columns = sorted(set(map(str, left.values()))), sorted(set(map(str, right.values())))
    table = {(row, column): 0 for row in rows for column in columns}
    for user, row in left.items():
        table[str(row), str(right[user])] += 1
    total = len(left)
    sums = {row: sum(table[row, column] for column in columns) for row in rows}
    others = {column: sum(table[row, column] for row in rows) for column in columns}
    expected = {(row, column): sums[row] * others[column] / total for row, column in table}
    return sum((table[cell] - expected[cell]) ** 2 / expected[cell] for cell in table)
