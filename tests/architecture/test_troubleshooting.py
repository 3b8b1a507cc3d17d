"""docs/troubleshooting.md quotes what the code says, of every function (DOC-04)."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain

import pytest

from tests.architecture.imports import ROOT, modules

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
HOLE = "…"
# First columns hold other words in backticks too: names of members, variables, metrics, paths, and what AWS says.
NAME = re.compile(r"^[\w./:`-]+$")
FUNCTIONS = {
    "flags": "Flags and OFREP",
    "assignments": "Assignments",
    "ingest": "Ingest",
    "events": "The event processor",
    "results": "Results",
    "sync": "Sync: tables in, versions out",
    "mirror": "The mirror",
}


@cache
def texts() -> frozenset[str]:
    """Every text of the sources that isn't a docstring, with a hole for what is formatted into it."""
    files = chain(modules().values(), (ROOT / "scripts").rglob("*.py"))
    return frozenset(text for path in files for text in _texts(ast.parse(path.read_text())))


def _texts(tree: ast.Module) -> Iterator[str]:
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(value) for value in node.values}
            yield "".join(str(value.value) if isinstance(value, ast.Constant) else HOLE for value in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.add(id(node.value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| it says", "| reason |"))]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def quoted() -> list[str]:
    """The texts of the first columns, and of what a cause quotes besides."""
    found = [text for row in rows(PAGE) for cell in row[:2] for text in re.findall(r"`([^`]+)`", cell)]
    return sorted({text for text in found if not NAME.match(text)})


def is_said(quote: str) -> bool:
    """Whether some text of the sources reads so; a hole of the page is anything, a hole of the source too."""
    wanted = re.compile(".*".join(re.escape(part) for part in quote.split(HOLE)), re.DOTALL)
    return any(wanted.search(text) for text in texts())


@pytest.mark.parametrize("quote", quoted())
def test_doc_04_what_the_page_quotes_is_said_somewhere(quote: str) -> None:
    assert len(quote.replace(HOLE, "").strip()) >= 8, "too little to look for"
    assert is_said(quote)


def test_doc_04_there_is_a_part_for_every_function() -> None:
    for heading in FUNCTIONS.values():
        assert len(rows(sections()[heading])) >= 5, heading
    from infra.functions import FUNCTIONS as table

    assert {row.name for row in table} == set(FUNCTIONS)
    assert len(rows(sections()["The local platform"])) >= 5


def test_doc_04_every_row_says_because_of_what_and_what_to_do() -> None:
    found = rows(PAGE)
    assert len(found) > 80
    for row in found:
        if not row[0].startswith("---"):
            assert len(row) == 3 and row[0] and row[1], row


def test_doc_04_why_a_version_is_refused_is_complete() -> None:
    """The words that the readers' code has for it."""
    tree = ast.parse((ROOT / "handlers" / "_follow.py").read_text())
    words = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("_Failure", "self._refuse", "Outcome"):
            words |= {each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    said = {row[0].strip("`") for row in rows(sections()["Readers: what the log says of a version"])}
    listed = {text.strip("`") for cell in said for text in cell.split("`, `")}
    assert words - {"refused before", "older"} <= listed, words


def test_what_nobody_says_would_be_found() -> None:
    assert not is_said("the … is on fire")
    assert is_said("no snapshot of the flags has been loaded yet")
    assert "Feature flag not found: …" in quoted()


def test_doc_04_what_it_refers_to_in_the_runbook_is_there() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    named = re.findall(r"the runbook's \*([^*]+)\*", PAGE)
    assert len(named) > 5
    assert [name for name in named if f"\n## {name}\n" not in runbook] == []


def test_doc_04_the_commands_that_it_gives_are_there() -> None:
    from burgee.cli import _parser

    commands = next(iter(_parser()._subparsers._group_actions)).choices  # type: ignore[union-attr]
    given = set(re.findall(r"`burgee ([a-z-]+)", PAGE)) - {"up"}
    assert len(given) > 5
    assert commands is not None and given <= set(commands)


def test_doc_04_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).is_file(), target
    headings = {_anchor(heading) for heading in sections()}
    for anchor in re.findall(r"\]\(#([^)]+)\)", PAGE):
        assert anchor in headings, anchor


def _anchor(heading: str) -> str:
    return "".join(each for each in heading.lower() if each.isalnum() or each in " -").replace(" ", "-")
