"""DOC-01: each function has a page that says what it is told, what fails, and how it is run, tested, deployed and watched."""

import re

import pytest

from infra.functions import FUNCTIONS, Function
from tests.architecture.imports import ROOT

PAGES = {
    "flags": "flags.md",
    "assignments": "assignments.md",
    "ingest": "ingest.md",
    "events": "event-processor.md",
    "results": "results.md",
    "sync": "sync.md",
    "mirror": "assignment-mirror.md",
}
# What each must give, and by what it is known.
GIVEN = {
    "what runs it here": r"`?burgee (?:up|simulate)",
    "its tests": r"python -m pytest (tests/\S+)",
    "how it is deployed": r"\(deployment\.md",
    "how it is watched": r"\((?:telemetry|runbook)\.md",
    "its variables": r"^## .*(?:Environment|Configuration)$",
    "what happens when something fails": r"^## .*(?:What happens when|isn't answered|doesn't answer|in trouble|Pipeline)",
}
BY_NAME = pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)


def page(row: Function) -> str:
    return (ROOT / "docs" / PAGES[row.name]).read_text(encoding="utf-8")


@BY_NAME
@pytest.mark.parametrize("what", GIVEN)
def test_doc_01_a_functions_page_says_it(row: Function, what: str) -> None:
    assert re.search(GIVEN[what], page(row), re.MULTILINE), what


@BY_NAME
def test_doc_01_a_functions_tests_are_where_its_page_says(row: Function) -> None:
    commands = re.findall(r"python -m pytest ([^`\n]+(?:\n[^`\n]+)?)", page(row))
    named = [path for words in commands for path in re.findall(r"tests/[\w/*.]*\w", words)]
    assert named and all(list(ROOT.glob(path)) for path in named), named


@BY_NAME
def test_doc_01_every_variable_of_a_function_is_on_its_page_or_on_one_that_it_leads_to(row: Function) -> None:
    text = page(row)
    leads_to = {name for name in re.findall(r"\(([\w-]+\.md)", text) if (ROOT / "docs" / name).is_file()}
    text += "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in sorted(leads_to))
    assert [name for name in row.environment if name not in text] == []


def test_doc_01_every_function_has_a_page() -> None:
    assert PAGES.keys() == {row.name for row in FUNCTIONS}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in PAGES.values() if f"docs/{name}" not in readme] == []
