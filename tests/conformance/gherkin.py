"""A small reader of Gherkin features: scenarios with their tags, steps and tables, outlines expanded row by row.

What the public suites use of the language (cucumber.io/docs/gherkin/reference), not more: no doc strings, no rules.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_STEPS = ("Given ", "When ", "Then ", "And ", "But ", "* ")


class Step(NamedTuple):
    """``text`` without its keyword; ``table`` rows of cells, the header included."""

    text: str
    table: tuple[tuple[str, ...], ...] = ()


class Case(NamedTuple):
    """One scenario, or one row of an outline's examples. ``line`` is where the scenario or the row stands."""

    file: str
    scenario: str
    line: int
    tags: frozenset[str]
    steps: tuple[Step, ...]

    @property
    def id(self) -> str:
        return f"{self.file}:{self.line}"


class _Scenario:
    def __init__(self, name: str, line: int, tags: frozenset[str]) -> None:
        self.name, self.line, self.tags = name, line, tags
        self.steps: list[Step] = []
        self.examples: list[tuple[frozenset[str], list[tuple[int, tuple[str, ...]]]]] = []


def read_feature(path: Path, name: str) -> list[Case]:
    """Every case of a feature file, which the cases call ``name``."""
    background: list[Step] = []
    scenarios: list[_Scenario] = []
    feature_tags: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    steps = background
    rows: list[tuple[int, tuple[str, ...]]] | None = None
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.strip()
        if line.startswith("@"):
            pending |= frozenset(line.split())
        elif line.startswith("Feature:"):
            feature_tags, pending = pending, frozenset()
        elif line.startswith("Background:"):
            steps, rows = background, None
        elif line.startswith(("Scenario:", "Scenario Outline:", "Example:")):
            scenarios.append(_Scenario(line.partition(":")[2].strip(), number, feature_tags | pending))
            steps, rows, pending = scenarios[-1].steps, None, frozenset()
        elif line.startswith(("Examples:", "Scenarios:")):
            rows = []
            scenarios[-1].examples.append((pending, rows))
            pending = frozenset()
        elif line.startswith("|"):
            if rows is None and steps:
                steps[-1] = steps[-1]._replace(table=(*steps[-1].table, _cells(line)))
            elif rows is not None:  # else a table in a description
                rows.append((number, _cells(line)))
        elif line.startswith(_STEPS):
            steps.append(Step(line.partition(" ")[2].strip()))
    return [case for scenario in scenarios for case in _cases(name, background, scenario)]


def _cells(line: str) -> tuple[str, ...]:
    r"""The cells of a table row; ``\|``, ``\\`` and ``\n`` are escapes."""
    cells, cell, characters = [], "", iter(line[1:])
    for character in characters:
        if character == "\\":
            following = next(characters, "")
            cell += {"n": "\n", "|": "|", "\\": "\\"}.get(following, "\\" + following)
        elif character == "|":
            cells.append(cell.strip())
            cell = ""
        else:
            cell += character
    return tuple(cells)


def _cases(file: str, background: list[Step], scenario: _Scenario) -> Iterator[Case]:
    steps = (*background, *scenario.steps)
    if not scenario.examples:
        yield Case(file, scenario.name, scenario.line, scenario.tags, steps)
    for tags, rows in scenario.examples:
        if not rows:
            continue
        header = rows[0][1]
        for line, cells in rows[1:]:
            filled = tuple(_fill(step, dict(zip(header, cells, strict=True))) for step in steps)
            yield Case(file, scenario.name, line, scenario.tags | tags, filled)


def _fill(step: Step, row: dict[str, str]) -> Step:
    return Step(_fill_text(step.text, row), tuple(tuple(_fill_text(cell, row) for cell in cells) for cells in step.table))


def _fill_text(text: str, row: dict[str, str]) -> str:
    """Placeholders replaced in one go, so that a value that looks like one stays as it is."""
    result, rest = "", text
    while rest:
        before, opened, after = rest.partition("<")
        name, closed, tail = after.partition(">")
        if opened and closed and name in row:
            result, rest = result + before + row[name], tail
        else:
            result, rest = result + before + opened, after
    return result
