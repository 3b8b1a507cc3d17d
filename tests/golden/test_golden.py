"""Each golden case on each core: diagnostics, disassembly, answers, and the same answers from every way of asking."""

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from config_sync import compile_project
from config_sync.diagnostics import Diagnostics
from config_sync.sources import read_sources
from config_sync.verify import verify
from tests.golden import cases

FOLDERS = cases.folders()


def _recorded(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden_compile(folder: Path) -> None:
    """After a change that is meant: ``python -m tests.golden.update``, and read the difference."""
    result = cases.compiled(folder)
    assert cases.errors(folder, result) == _recorded(folder / "errors.txt")
    assert cases.disassembly(result) == _recorded(folder / "snapshot.txt")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden_answers(folder: Path, implementation: ModuleType) -> None:
    asked = cases.questions(folder)
    snapshot = cases.compiled(folder).snapshot
    assert snapshot is not None and asked
    for question, answer in zip(asked, cases.answers(implementation, snapshot, asked), strict=True):
        assert answer == question["answer"], question


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden_answers_do_not_depend_on_the_question(folder: Path, implementation: ModuleType) -> None:
    """``evaluate_all`` and ``explain`` say what ``evaluate`` says."""
    snapshot = cases.compiled(folder).snapshot
    evaluator = implementation.Evaluator(snapshot)
    for question in cases.questions(folder):
        key, context, now = question["flag"], question["context"], question.get("now")
        alone = evaluator.evaluate(key, context, now)
        assert evaluator.explain(key, context, now).evaluation == alone
        if key in evaluator.flag_keys():
            assert evaluator.evaluate_all(context, None, now)[key] == alone


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden_snapshots_are_verified(folder: Path) -> None:
    """Contexts made from each case's own operands: the cores agree on them."""
    found = verify(cases.compiled(folder).snapshot or b"")
    assert found.ok, found.differences[:2]


def _shuffled(data: Any, chance: random.Random, ordered: bool = False) -> Any:
    """The same document with the keys of every mapping in another order, but for ``rules``: Powertools' are tried in theirs."""
    if isinstance(data, dict):
        keys = list(data) if ordered else chance.sample(list(data), len(data))
        return {key: _shuffled(data[key], chance, key == "rules") for key in keys}
    return [_shuffled(item, chance) for item in data] if isinstance(data, list) else data


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_order_of_keys_does_not_change_the_bytes(folder: Path) -> None:
    sources = read_sources(cases.source(folder), Diagnostics())
    expected = cases.compiled(folder).snapshot
    for seed in range(3):
        result = compile_project(_shuffled(sources[0].data, random.Random(seed)), cases.dialect(folder))
        assert result.snapshot == expected


def test_every_folder_is_a_case() -> None:
    places = {path for path in cases.HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert places == set(FOLDERS) and len(FOLDERS) >= 10
