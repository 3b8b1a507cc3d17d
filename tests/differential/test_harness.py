"""The pure part of the differential runs: what is compared and told, and that every dialect's questions can be asked.

The vendors' engines are asked by ``make differential`` alone; here something else stands in for them.
"""

import json
import re
import tomllib
from itertools import islice
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from config_sync.frontends import registry
from tests.conftest import ROOT, core
from tests.differential import __main__ as command
from tests.differential.harness import Answer, Question, Refused, Run, Tally, agree, compiled_as, module_of, ours, same

HERE = Path(__file__).parent
NO_DIALECT = {"harness", "drawing", "test_harness", "__main__"}
MODULES = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NO_DIALECT)
DIALECTS = [dialect for name in MODULES for dialect in module_of(name).REQUIRES if compiled_as(dialect) in registry.DIALECTS]
DOCUMENT = {"flags": {"f": {"state": "ENABLED", "variants": {"on": 10, "off": 0}, "defaultVariant": "on"}}}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (10, 10.0, True),
        (True, 1, False),
        (0, False, False),
        (None, False, False),
        (None, None, True),
        ("1", 1, False),
        ([1, {"a": True}], [1.0, {"a": True}], True),
        ([1, {"a": True}], [1, {"a": 1}], False),
        ([1], [1, 2], False),
        ({"a": None}, {}, False),
    ],
)
def test_values_are_compared_as_json(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal and same(other, one) is equal


def test_only_what_the_vendor_tells_is_compared() -> None:
    mine = Answer(1, "on", "STATIC")
    assert agree(Answer(1), mine) and agree(Answer(1, "on"), mine) and agree(mine, mine)
    assert not agree(Answer(1, "off"), mine) and not agree(Answer(1, reason="DEFAULT"), mine) and not agree(Answer(2), mine)
    assert not agree(Answer(1, None), mine)


def _vendor(answers: dict[str, Answer], explained: str | None = None) -> Any:
    def generate(chance: Random) -> list[Question]:
        return [Question(DOCUMENT, key, {"targetingKey": chance.choice("ab")}, "integer") for key in ("f", "absent")]

    def theirs(document: dict[str, Any], dialect: str) -> Any:
        if not answers:
            raise Refused("no")
        return lambda question: answers[question.key]

    return SimpleNamespace(generate=generate, theirs=theirs, explained=lambda *_: explained, REQUIRES={})


def test_what_differs_is_told_so_that_it_can_be_asked_again(implementation: ModuleType, tmp_path: Path) -> None:
    vendor = _vendor({"f": Answer(10, "on", "STATIC"), "absent": Answer(3, None)})
    run = Run("flagd", implementation, vendor)
    found = list(run.random(10, seed=1))
    assert run.tally == Tally(10, 0, {}, 5) and len(found) == 5
    assert run.tally.summary("flagd") == "flagd: 10 cases, 5 agree, 0 differ as documented, 5 disagree"
    told = json.loads(found[0].line())
    assert told["theirs"] == {"value": 3, "variant": None}
    assert told["ours"] == {"value": None, "variant": None, "reason": "ERROR"}
    assert (told["key"], told["kind"], told["dialect"], told["document"]) == ("absent", "integer", "flagd", DOCUMENT)
    kept = tmp_path / "kept"
    kept.write_text(f"a line of something else\n{found[0].line()}\n")
    again = Run("flagd", implementation, vendor)
    assert [one.line() for one in command.again(again, kept)] == [found[0].line()] and again.tally.asked == 1


def test_one_seed_asks_the_same_again(implementation: ModuleType) -> None:
    vendor = _vendor({"f": Answer(None), "absent": Answer(1)})
    runs = [[one.line() for one in Run("flagd", implementation, vendor).random(30, seed)] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_explained_differences_are_counted_by_their_reason(implementation: ModuleType) -> None:
    run = Run("flagd", implementation, _vendor({"f": Answer(10), "absent": Answer(3)}, "because"))
    assert {one.why for one in run.random(4, seed=1)} == {"because"}
    assert run.tally == Tally(4, 0, {"because": 2}, 0)
    assert run.tally.summary("flagd").endswith("2 differ as documented, 0 disagree\n  2 × because")


def test_documents_that_the_vendor_never_takes_end_the_run(implementation: ModuleType) -> None:
    run = Run("flagd", implementation, _vendor({}))
    with pytest.raises(ValueError, match="none could be asked"):
        list(run.random(1, seed=1))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialects_questions_can_be_asked(dialect: str) -> None:
    """Random documents compile, are asked, and the answers aren't all the same; without the vendor's engine."""
    module, fast = module_of(dialect), core("fast")
    answers = []
    for seed in range(40):
        questions = module.generate(Random(f"{dialect} {seed}"))
        assert questions and all(question.document is questions[0].document for question in questions)
        json.dumps(questions[0].document), json.dumps([question.context for question in questions])
        ask = ours(questions[0].document, compiled_as(dialect), fast)
        answers += [ask(question) for question in questions]
    assert len({json.dumps(answer.value) for answer in answers}) >= 2
    assert sum(answer.reason != "ERROR" for answer in answers) > len(answers) / 2, "mostly errors: they say little"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_installed_is_what_the_project_declares(dialect: str, capsys: pytest.CaptureFixture[str]) -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["differential"]
    known = {_name(line) for line in extra}
    assert command.main([dialect, "--requirements"]) == 0
    wanted = capsys.readouterr().out.split()
    assert {_name(line) for line in wanted} <= known
    assert all(re.search(r">=[^,]+,<", line) for line in wanted)


def _name(line: str) -> str:
    return next(islice(re.finditer(r"[A-Za-z0-9_.-]+", line), 1)).group()
