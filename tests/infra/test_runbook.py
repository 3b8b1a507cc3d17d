"""docs/runbook.md: an entry says what is seen, what it means, where to look, what to do, and when it is over (DOC-04)."""

import re

import pytest

from infra.alarms import ALARMS
from infra.functions import FUNCTIONS
from tests.architecture.imports import ROOT
from tests.infra.test_alarms import OF_AWS, emitted

PAGE = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
PARTS = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
ENTRIES = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
ORDER = ("Seen.", "Means.", "Look.", "Do.", "Over")
OF_ENTRY = pytest.mark.parametrize("heading", ENTRIES)


def labels(text: str) -> list[str]:
    """The bold words that paragraphs begin with; one that says two things counts twice."""
    found = re.findall(r"^\*\*([A-Z][a-z, ]+\.?)\*\*", text, re.MULTILINE)
    return [part for label in found for part in (("Look.", "Do.") if label == "Look, do." else (label,))]


@OF_ENTRY
def test_doc_04_an_entry_is_whole(heading: str) -> None:
    assert tuple(labels(ENTRIES[heading])) == ORDER


@OF_ENTRY
def test_doc_04_an_entry_says_something_in_each_part(heading: str) -> None:
    parts = re.split(r"^\*\*[A-Z][a-z, ]+\.?\*\*", ENTRIES[heading], flags=re.MULTILINE)[1:]
    assert all(len(part.strip()) > 15 for part in parts)


@OF_ENTRY
def test_doc_04_an_entry_has_an_alarm(heading: str) -> None:
    assert heading in {alarm.runbook for alarm in ALARMS}, "nothing leads there"


def seen(heading: str) -> str:
    """What an entry says is seen, up to what it means."""
    return ENTRIES[heading].partition("**Means.**")[0]


def test_doc_04_metrics_that_are_seen_are_measured() -> None:
    known = frozenset().union(*(emitted(row.name) for row in FUNCTIONS), *OF_AWS.values())
    named = {name for heading in ENTRIES for name in re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", seen(heading))}
    assert len(named) > 25
    assert sorted(named - known) == []
