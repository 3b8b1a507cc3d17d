"""docs/diagnostics.md lists every code that the compiler can say, and no other."""

import ast
import re

from tests.conftest import ROOT

CODE = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+")


def said() -> set[str]:
    """Every string in the compiler's source that has the form of a code."""
    found = set()
    for path in (ROOT / "config_sync").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.add(node.value)
    return found


def documented() -> list[str]:
    """The codes in the first columns of the page's tables."""
    lines = (ROOT / "docs" / "diagnostics.md").read_text().splitlines()
    return [code for line in lines if line.startswith("| ") for code in CODE.findall(line.split("|")[1])]


def test_every_code_is_documented_once() -> None:
    listed = documented()
    assert len(listed) == len(set(listed))
    assert set(listed) == said()
