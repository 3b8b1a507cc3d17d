"""Another evaluator's public suite as cases, with a skip list that has a conscience. For ``tests/conformance/<dialect>/``.

A dialect's ``test_suite.py`` is this, and a ``skips.toml`` beside it::

    from tests.conformance.suite import Case, NotAsked, Suite

    def cases(data: Path) -> Iterator[Case]:                     # data: the suite's folder
        for number, row in enumerate(json.loads((data / "cases.json").read_text())):
            yield Case(f"evalCondition/{number}", partial(ask_condition, row), group="evalCondition")

    SUITE = Suite(__file__, cases)      # the folder's name is the dialect and the suite; absent data: one visible skip

    @pytest.mark.parametrize("group", SUITE.groups)
    def test_suite(group: str, implementation: ModuleType) -> None:
        SUITE.check(group, implementation)

    def test_every_skip_has_a_case() -> None:
        SUITE.check_skips()

``ask(core)`` gets a core (a module with ``Evaluator``) and raises AssertionError where the answer is another; it raises
NotAsked where the case isn't about evaluation at all (a client's cache, a random choice). Cases of one ``group`` are one pytest
item, which tells every one that fails; without a group a case is an item of its own. Compile lazily and cache: ``cases`` runs
whenever tests are collected.

``skips.toml`` has entries of ``heading`` (a word or two; the README counts by it), ``reason`` (a sentence) and ``ids`` (a
pattern that whole ids match)::

    [[skip]]
    heading = "random"
    ids = 'stickiness/random .*'
    reason = "a random choice for every call; nothing to compare"

A case that disagrees and isn't listed fails, and so does a listed one that passes, an entry that no case needs, and any other
exception, listed or not: a crash is never skipped. A second suite of one dialect names its files and itself:
``Suite(__file__, cases, name="datadog-ffe", skips="skips_datadog.toml")``.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from tests.conftest import conformance_data

Ask = Callable[[ModuleType], None]
LONGEST = 600  # characters of one case's message


class NotAsked(AssertionError):
    """The case is about something that isn't evaluation; its skip says what."""


class Case(NamedTuple):
    """``id`` is unique in its suite and says what the case is about."""

    id: str
    ask: Ask
    group: str = ""


class Skip(NamedTuple):
    """An entry of the skip list."""

    heading: str
    reason: str
    ids: re.Pattern[str]


class Tally(NamedTuple):
    """What became of a suite: how many cases there are, passed, and were refused by heading; and what failed, in words."""

    cases: int
    passed: int
    refused: dict[str, int]
    failures: list[str]


def read_skips(path: Path) -> list[Skip]:
    """The entries of a skip list; no file is an empty list. Raises ValueError where an entry lacks something."""
    entries = tomllib.loads(path.read_text()).get("skip", []) if path.exists() else []
    for entry in entries:
        if set(entry) != {"heading", "reason", "ids"} or not all(isinstance(text, str) and text for text in entry.values()):
            raise ValueError(f"{path.name}: an entry has heading, reason and ids, not {entry}")
    return [Skip(entry["heading"], entry["reason"], re.compile(entry["ids"])) for entry in entries]


class Suite:
    """A dialect's cases and its skip list. Skips the module that makes it where the data are absent."""

    def __init__(self, file: str, cases: Callable[[Path], Iterable[Case]], name: str = "", skips: str = "skips.toml") -> None:
        folder = Path(file).parent
        self.dialect, self.name = folder.name, name or folder.name
        data = conformance_data(self.name)
        if data is None:
            absent = f"the public suite of {self.name} isn't on this machine; the golden cases still run"
            pytest.skip(absent, allow_module_level=True)
        self.data: Path = data
        self.skips = read_skips(folder / skips)
        self._read = cases

    @cached_property
    def cases(self) -> list[Case]:
        """All of them, in the suite's order. Raises ValueError on an id that occurs twice."""
        found = list(self._read(self.data))
        twice = [name for name, count in Counter(case.id for case in found).items() if count > 1]
        if twice:
            raise ValueError(f"{self.name}: several cases have the id {twice[0]!r}")
        return found

    @cached_property
    def _groups(self) -> dict[str, list[Case]]:
        found: dict[str, list[Case]] = {}
        for case in self.cases:
            found.setdefault(case.group or case.id, []).append(case)
        return found

    @property
    def groups(self) -> list[str]:
        """What to parametrise a test over."""
        return list(self._groups)

    def skip_of(self, case: Case) -> Skip | None:
        """The first entry that covers a case."""
        return next((skip for skip in self.skips if skip.ids.fullmatch(case.id)), None)

    def check(self, group: str, core: ModuleType) -> None:
        """Asks every case of a group. Fails with all that is wrong; skips where all of them are listed."""
        reasons, wrong = set(), []
        for case in self._groups[group]:
            skip, problem = self.skip_of(case), self.problem(case, core)
            if problem is not None:
                wrong.append(problem)
            reasons.add(skip and skip.reason)
        if wrong:
            pytest.fail(f"{len(wrong)} of {len(self._groups[group])} cases:\n" + "\n".join(wrong), pytrace=False)
        if None not in reasons:
            pytest.skip("; ".join(sorted(filter(None, reasons))))

    def problem(self, case: Case, core: ModuleType) -> str | None:
        """What is wrong about a case, in words that begin with its id; None if it passes, or is listed and doesn't."""
        skip = self.skip_of(case)
        try:
            case.ask(core)
        except AssertionError as disagreement:
            said = f"{type(disagreement).__name__}: {disagreement}" if isinstance(disagreement, NotAsked) else str(disagreement)
            return None if skip else f"{case.id}: {said[:LONGEST]}"
        except Exception as crash:
            return f"{case.id}: it crashed with {type(crash).__name__}: {str(crash)[:LONGEST]}"
        return f"{case.id} passes: the entry {skip.ids.pattern!r} is too wide, or no longer needed" if skip else None

    def check_skips(self) -> None:
        """Every entry covers a case that no entry before it covers."""
        used = {id(self.skip_of(case)) for case in self.cases}
        assert [skip.ids.pattern for skip in self.skips if id(skip) not in used] == [], "entries that no case needs"

    def tally(self, core: ModuleType) -> Tally:
        """The whole suite on one core, counted."""
        refused: Counter[str] = Counter()
        failures = []
        for case in self.cases:
            skip, problem = self.skip_of(case), self.problem(case, core)
            if problem is not None:
                failures.append(problem)
            elif skip is not None:
                refused[skip.heading] += 1
        passed = len(self.cases) - len(failures) - refused.total()
        return Tally(len(self.cases), passed, dict(refused), failures)
