"""The harness of the conformance suites: what it lets pass, and everything that it must not."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.suite import Case, NotAsked, Suite, Tally, read_skips

CORE = ModuleType("core")


def fine(_: ModuleType) -> None:
    """An answer as expected."""


def wrong(_: ModuleType) -> None:
    raise AssertionError("True, not False")


def no_question(_: ModuleType) -> None:
    raise NotAsked("a cache")


def crash(_: ModuleType) -> None:
    raise KeyError("flag")


ALL = [
    Case("a/1", fine, "a"),
    Case("a/2", wrong, "a"),
    Case("b/1", no_question),
    Case("c/1", fine, "c"),
    Case("c/2", fine, "c"),
]
RIGHT = [("wrong", "a/2"), ("cache", "b/.*")]


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A maker of suites: cases and entries (heading, ids) in, a suite of a dialect ``shop`` out."""
    (tmp_path / "data" / "shop").mkdir(parents=True)
    (tmp_path / "shop").mkdir()
    monkeypatch.setenv("BURGEE_CONFORMANCE", str(tmp_path / "data"))

    def make(cases: list[Case], entries: list[tuple[str, str]]) -> Suite:
        rows = [f'[[skip]]\nheading = "{name}"\nids = "{ids}"\nreason = "because of {name}"\n' for name, ids in entries]
        (tmp_path / "shop" / "skips.toml").write_text("\n".join(rows))

        def read(data: Path) -> Iterator[Case]:
            assert data == tmp_path / "data" / "shop"
            yield from cases

        return Suite(str(tmp_path / "shop" / "test_suite.py"), read)

    return make


def _fails(suite: Suite, group: str) -> str:
    with pytest.raises(pytest.fail.Exception) as found:
        suite.check(group, CORE)
    return str(found.value)


def test_listed_disagreements_pass_and_are_counted(suite: Any) -> None:
    made = suite(ALL, RIGHT)
    assert made.groups == ["a", "b/1", "c"] and (made.dialect, made.name) == ("shop", "shop")
    made.check("a", CORE)
    made.check("c", CORE)
    made.check_skips()
    assert made.tally(CORE) == Tally(5, 3, {"wrong": 1, "cache": 1}, [])


def test_a_group_of_listed_cases_alone_is_a_visible_skip(suite: Any) -> None:
    with pytest.raises(pytest.skip.Exception, match="because of cache"):
        suite(ALL, RIGHT).check("b/1", CORE)


def test_what_is_not_listed_fails_every_case_by_name(suite: Any) -> None:
    made = suite([Case(f"a/{number}", wrong, "a") for number in range(30)], [])
    text = _fails(made, "a")
    assert text.startswith("30 of 30 cases") and all(f"a/{number}: True, not False" in text for number in range(30))
    assert "NotAsked: a cache" in _fails(suite(ALL, []), "b/1")
    assert len(made.tally(CORE).failures) == 30


def test_a_listed_case_that_passes_fails(suite: Any) -> None:
    made = suite(ALL, [("wrong", "a/.*"), ("cache", "b/.*")])
    assert "a/1 passes: the entry 'a/.*'" in _fails(made, "a")
    assert made.tally(CORE).failures == [made.problem(ALL[0], CORE)]


def test_a_pattern_is_of_whole_ids(suite: Any) -> None:
    assert "a/2: True, not False" in _fails(suite(ALL, [("wrong", "a"), ("cache", "b/1")]), "a")


def test_an_entry_that_no_case_needs_fails(suite: Any) -> None:
    for idle in ("z/.*", "a/2"):  # matches nothing; covered by the entry before
        with pytest.raises(AssertionError, match="no case needs"):
            suite(ALL, [*RIGHT, ("idle", idle)]).check_skips()


def test_a_crash_is_never_skipped(suite: Any) -> None:
    assert "crashed with KeyError" in _fails(suite([Case("a", crash)], [("crash", "a")]), "a")


def test_two_cases_of_one_id_are_refused(suite: Any) -> None:
    with pytest.raises(ValueError, match="several cases have the id 'a/1'"):
        _ = suite([ALL[0], ALL[0]], []).cases


def test_absent_data_are_one_visible_skip(suite: Any, tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="elsewhere isn't on this machine"):
        Suite(str(tmp_path / "shop" / "test_suite.py"), lambda data: ALL, name="elsewhere")


@pytest.mark.parametrize("fields", ['heading = "x"\nids = "a"', 'heading = "x"\nids = "a"\nreason = ""', 'id = "a"'])
def test_an_entry_has_heading_reason_and_ids(fields: str, tmp_path: Path) -> None:
    path = tmp_path / "skips.toml"
    path.write_text(f"[[skip]]\n{fields}\n")
    with pytest.raises(ValueError, match="heading, reason and ids"):
        read_skips(path)
    assert read_skips(tmp_path / "none.toml") == []
