"""Two cores, one answer: random programs and contexts through both, equal in value, variant, reason, rule and bucket."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config_sync import ir
from tests.parity import compare, contexts, programs, shrink, store

Cores = tuple[ModuleType, ModuleType]
PAIRS = int(os.environ.get("BURGEE_PARITY_PAIRS", "20000"))
CONTEXTS = 25  # questions a program
CHUNKS = 20  # tests, so that several processes share the work


def _both(cores: Cores, snapshot: bytes) -> tuple[Any, Any]:
    pure, fast = cores
    return pure.Evaluator(snapshot), fast.Evaluator(snapshot)


def _report(
    name: str, cores: Cores, project: ir.Project, question: tuple[Any, Any, Any], what: Callable[..., str | None]
) -> str:
    """Shrinks a disagreement, keeps it as a fixture, and says it."""
    key, context, now = question

    def fails(smaller: ir.Project, its_context: Any) -> bool:
        return what(*_both(cores, store.snapshot(smaller)), key, its_context, now) is not None

    project, context = shrink.smallest(project, context, fails)
    path = store.save(name, project, key, context, now)
    return f"{what(*_both(cores, store.snapshot(project)), key, context, now)}\nkept as {path.name}"


def _all_or_one(pure: Any, fast: Any, key: Any, context: Any, now: Any) -> str | None:
    return (
        compare.disagreement(pure, fast, key, context, now)
        or compare.disagreement_of_all(pure, fast, context, now)
        or compare.disagreement_of_explanation(pure, fast, key, context, now)
    )


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_programs_answer_the_same(both_cores: Cores, chunk: int) -> None:
    """A pair is a program and a context. One in five is also asked for all flags at once and for an explanation."""
    for number in range(PAIRS // CONTEXTS // CHUNKS):
        seed = chunk * 1_000_000 + number
        chance = Random(seed)
        project = programs.project(chance)
        pure, fast = _both(both_cores, store.snapshot(project))
        keys = [flag.key for flag in project.flags]
        for asked in range(CONTEXTS):
            question = (contexts.key(chance, keys), contexts.context(chance), contexts.clock(chance))
            what = compare.disagreement if asked % 5 else _all_or_one
            if what(pure, fast, *question):
                pytest.fail(_report(store.name_of(seed), both_cores, project, question, what))


@settings(max_examples=300)
@given(chance=st.randoms(use_true_random=False))
def test_generated_programs_answer_the_same(chance: Random) -> None:
    """The same under hypothesis, which shrinks the draws themselves; what is left is kept as a fixture."""
    from tests.conftest import core

    project = programs.project(chance, most=2)
    key = contexts.key(chance, [flag.key for flag in project.flags])
    question = (key, contexts.context(chance), contexts.clock(chance))
    wrong = _all_or_one(*_both((core("pure"), core("fast")), store.snapshot(project)), *question)
    if wrong:
        store.save("hypothesis", project, *question)
        pytest.fail(wrong)


@pytest.mark.parametrize("path", store.fixtures(), ids=lambda path: path.stem)
def test_old_disagreements_stay_settled(both_cores: Cores, path: Path) -> None:
    project, *question = store.load(path)
    wrong = _all_or_one(*_both(both_cores, store.snapshot(project)), *question)
    assert wrong is None, wrong


def test_a_fixture_is_read_back_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a kept failure would replay something else."""
    monkeypatch.setattr(store, "PLACE", tmp_path)
    for seed in range(60):
        chance = Random(seed)
        project, context, now = programs.project(chance), contexts.context(chance), contexts.clock(chance)
        path = store.save("once", project, "key", context, now)
        read, written = store.text(*store.load(path)), store.text(project, "key", context, now)
        assert sorted(read) == sorted(written)  # the order inside a set may differ


def test_shrinking_finds_the_one_rule_that_matters() -> None:
    """A stand-in failure, present as long as any test on attribute ``a`` and a context entry ``a`` are left."""
    project = programs.project(Random(11))
    asked = ir.Test("exists", ir.Attribute("a"))
    flag = ir.Flag("needle", (ir.Variant("on", True),), (ir.Rule(ir.Constant("on"), 2, ir.All((ir.Not(asked), asked))),))
    whole = ir.Project("native", (*project.flags, flag))

    def fails(smaller: ir.Project, context: Any) -> bool:
        return "a" in context and any(f.key == "needle" and f.rules and f.rules[0].condition is not None for f in smaller.flags)

    smaller, context = shrink.smallest(whole, {"a": 1, "b": 2, "c": 3}, fails)
    assert [found.key for found in smaller.flags] == ["needle"]
    assert smaller.flags[0].rules[0].condition in (asked, ir.All(()))
    assert context == {"a": 1}
