"""docs/diagnostics.md lists every code that the compiler can say, and no other; a dialect's page those of its front end."""

import ast
import re

import pytest

from tests.conftest import ROOT

CODE = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+")


FRONT_ENDS = sorted(path.parent.name for path in (ROOT / "config_sync" / "frontends").glob("*/__init__.py"))


def said(*where: str) -> set[str]:
    """Every string in the source (of the compiler, or a part of it) that has the form of a code."""
    found = set()
    for path in (ROOT / "config_sync").joinpath(*where).rglob("*.py"):
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


@pytest.mark.parametrize("dialect", FRONT_ENDS)
def test_a_dialects_page_has_every_code_of_its_front_end(dialect: str) -> None:
    """But for limits, which are everybody's."""
    page = (ROOT / "docs" / "dialects" / f"{dialect}.md").read_text()
    own = {code for code in said("frontends", dialect) if not code.startswith("LIMIT-")}
    assert own - set(CODE.findall(page)) == set(), f"docs/dialects/{dialect}.md: say what is refused"
