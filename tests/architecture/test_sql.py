"""SEC-06: SQL is a constant and its values are parameters. Read from the sources of everything that ships.

Two rules: what is executed is a literal or a module's constant that is one; and no text that looks like SQL is put together,
whatever becomes of it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.imports import ROOT, modules

EXECUTES = {"execute", "executemany", "executescript", "mogrify"}
DRIVER_EXECUTES = {"copy", "stream"}  # words with other meanings where there is no driver
BUILDS = {"format", "format_map", "join", "replace", "replace_all", "substitute", "safe_substitute"}
LOOKS_LIKE_SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|SELECT\s+\w+\(|INSERT\s+INTO|UPDATE\s+[\w.\"{}%]+\s+(AS\s+\w+\s+)?SET|DELETE\s+FROM|MERGE\s+INTO|"
    r"(CREATE|ALTER|DROP|TRUNCATE)\s+(TABLE|SCHEMA|VIEW|INDEX|FUNCTION|ROLE|DATABASE)|SET\s+(LOCAL|SESSION)\s|WHERE\s+\S+\s*(=|<|>|IN\b))",
    re.DOTALL,  # in capitals: "select one of these" is English, and is found by the other rule where it is executed
)
# Files that ship with the package, and hold no values.
EXCEPTIONS = {("burgee.migrate", "migration.sql")}


def problems(source: str, module: str = "example") -> list[str]:
    """What is wrong in a module, with its line."""
    tree = ast.parse(source)
    constants = set(_constants(tree))
    found = []
    for node in ast.walk(tree):
        if _executes(node, "psycopg" in source) and not _is_constant(node.args[0], constants):  # type: ignore[attr-defined]
            text = ast.unparse(node.args[0])  # type: ignore[attr-defined]
            if (module, text) not in EXCEPTIONS:
                found.append(f"{module}:{node.lineno}: executes {text:.60}")  # type: ignore[attr-defined]
        elif any(LOOKS_LIKE_SQL.search(part) for part in _parts(node)):
            found.append(f"{module}:{node.lineno}: builds SQL: {ast.unparse(node):.60}")  # type: ignore[attr-defined]
    return found


def _constants(tree: ast.Module) -> Iterator[str]:
    """The module's names that are bound once, to a text."""
    names = [
        (target.id, node.value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    for name, value in names:
        if [other for other, _ in names].count(name) == 1 and isinstance(value, ast.Constant) and name.isupper():
            yield name


def _executes(node: ast.AST, has_driver: bool) -> bool:
    names = EXECUTES | DRIVER_EXECUTES if has_driver else EXECUTES
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names and bool(node.args)


def _is_constant(node: ast.AST, constants: set[str]) -> bool:
    return (isinstance(node, ast.Constant) and isinstance(node.value, str)) or (
        isinstance(node, ast.Name) and node.id in constants
    )


def _parts(node: ast.AST) -> list[str]:
    """The texts that an expression is put together of, as one; none if it puts nothing together."""
    if isinstance(node, ast.JoinedStr):
        texts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        return ["".join(map(str, texts))] if any(isinstance(part, ast.FormattedValue) for part in node.values) else []
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mod, ast.Add)):
        return _texts(node.left) + _texts(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in BUILDS:
        return _texts(node.func.value) + [text for argument in node.args for text in _texts(argument)]
    return []


def _texts(node: ast.AST) -> list[str]:
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def test_sec_06_no_sql_is_put_together() -> None:
    found = [line for name, path in modules().items() for line in problems(path.read_text(), name)]
    assert found == []


def test_sec_06_the_lint_has_something_to_look_at() -> None:
    trees = {name: ast.parse(path.read_text()) for name, path in modules().items()}
    executed = [name for name, tree in trees.items() for node in ast.walk(tree) if _executes(node, has_driver=False)]
    assert {"handlers._mirror_tables", "burgee.migrate"} <= set(executed)
    for module, text in EXCEPTIONS:
        assert f".execute({text})" in (ROOT / Path(*module.split("."))).with_suffix(".py").read_text(), "no longer needed"


@pytest.mark.parametrize(
    "source",
    [
        'c.execute(f"SELECT a FROM b WHERE c = {d}")',
        'c.execute("SELECT a FROM b WHERE c = %s" % d)',
        'c.execute("SELECT a FROM b WHERE c = {}".format(d))',
        'c.execute("SELECT a FROM b WHERE c = " + d)',
        'c.execute("SELECT a FROM b WHERE " + " AND ".join(d))',
        "c.execute(query)",
        "c.execute(query())",
        'c.executemany(QUERY, rows)\nQUERY = f"INSERT INTO {t} VALUES (%s)"',
        'QUERY = "SELECT a"\nQUERY += d\nc.execute(QUERY)',
        'QUERY = "SELECT a"\nif x:\n    QUERY = y\nc.execute(QUERY)',
        'query = "DELETE FROM %s" % table',
        'c.execute(f"delete  from {table}")',
        'query = f"""\n  UPDATE {table} SET a = 1"""',
        'query = "INSERT INTO " + table',
        'query = "DROP TABLE x".replace("x", table)',
        'tail = f" WHERE user_id = {user}"',
        "import psycopg\nwith c.copy(query) as copy:\n    pass",
    ],
)
def test_sec_06_the_lint_finds(source: str) -> None:
    assert problems(source) != []


@pytest.mark.parametrize(
    "source",
    [
        'c.execute("SELECT a FROM b WHERE c = %s", [d])',
        'QUERY = "SELECT a FROM b WHERE c = %(d)s"\nc.execute(QUERY, {"d": d})',
        'message = f"select one of {names} from the list"',
        'message = "the item was deleted from " + table',
        "loop.run_until_complete(work)",
        "decoder.copy(data)",
    ],
)
def test_sec_06_the_lint_leaves_alone(source: str) -> None:
    assert problems(source) == []
