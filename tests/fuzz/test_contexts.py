"""Hostile contexts: nothing raises, nothing crashes, both cores agree; also when the context swaps the snapshot meanwhile."""

import copy
import threading
from collections.abc import Sequence
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import ask, hostile
from tests.parity import compare, contexts, programs, store

CHUNKS = 8
EACH = 10  # contexts a program


def _evaluators(chance: Random) -> tuple[Any, Any]:
    evaluators = ask.load_both(store.snapshot(programs.project(chance, most=4)))
    assert evaluators is not None
    return evaluators


def _hostile(seed: str, deeds: Sequence[hostile.Deed]) -> tuple[Any, Any]:
    """A context and a clock, made anew from the seed: asking may destroy the context."""
    chance = Random(seed)
    return hostile.context(chance, deeds), contexts.clock(chance)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_hostile_contexts_are_answered_alike(chunk: int) -> None:
    for number in range(max(1, ask.CASES // CHUNKS // EACH)):
        evaluators = _evaluators(Random(f"{chunk} {number}"))
        for asked in range(EACH):
            seed = f"{chunk} {number} {asked}"
            context, now = _hostile(seed, hostile.STEADY)
            for key in evaluators[0].flag_keys():
                for question in (compare.evaluated, compare.typed):
                    pure, fast = (question(evaluator, key, context, now) for evaluator in evaluators)
                    assert pure[0] != "raised", (seed, key, pure)
                    assert pure == fast, (seed, key)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_contexts_that_change_while_they_are_read_break_nothing(implementation: ModuleType, chunk: int) -> None:
    for number in range(max(1, ask.CASES // CHUNKS // EACH // 2)):
        evaluator = implementation.Evaluator(store.snapshot(programs.project(Random(f"{chunk} {number}"), most=3)))
        for asked in range(EACH):
            for key in evaluator.flag_keys():
                for question in (compare.evaluated, compare.typed):
                    answer = question(evaluator, key, *_hostile(f"{chunk} {number} {asked}", hostile.CHANGING))
                    assert answer[0] != "raised", answer
            body = compare.everything(evaluator, *_hostile(f"{chunk} {number} {asked}", hostile.CHANGING))
            assert body[0] != "raised", body


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_context_that_swaps_the_snapshot_is_answered_from_one(implementation: ModuleType, chunk: int) -> None:
    """The old program is still being walked when the last reference to it could go: the answer is the old one's."""
    for number in range(max(1, ask.CASES // CHUNKS // EACH // 2)):
        chance = Random(f"swap {chunk} {number}")
        first, second = (store.snapshot(programs.project(chance, most=3)) for _ in range(2))
        evaluator = implementation.Evaluator(first)
        version = evaluator.snapshot_version
        deeds = _swapping(evaluator, second)
        for asked in range(EACH):
            context = hostile.context(Random(f"{number} {asked}"), deeds)
            for key in evaluator.flag_keys():
                evaluator.swap(first)
                answer = evaluator.evaluate(key, context, 0)
                assert answer.snapshot_version == version
                compare.flat(answer)
                assert compare.typed(evaluator, key, context, 0)[0] != "raised"
            evaluator.swap(first)
            assert compare.everything(evaluator, context, 0)[0] != "raised"


def _swapping(evaluator: Any, snapshot: bytes) -> tuple[hostile.Deed, ...]:
    return (lambda _: evaluator.swap(snapshot), lambda _: evaluator.evaluate_all(None), hostile.collect)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4) | st.tuples(inner, inner)
    ),
    max_leaves=8,
)
ANY_CONTEXT = st.dictionaries(st.sampled_from(hostile.NAMES) | st.text(max_size=3), JSON_LIKE, max_size=6) | JSON_LIKE
ANY_CLOCK = st.integers() | st.floats() | st.just(0) | st.booleans() | st.text(max_size=3)


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), ANY_CONTEXT, ANY_CLOCK)
def test_any_data_are_answered_alike(chance: Random, context: Any, now: Any) -> None:
    kept = copy.deepcopy(context)
    wrong = ask.disagreement(_evaluators(chance), context, now)
    assert wrong is None, wrong
    assert compare.exact(context) == compare.exact(kept), "the context was changed"


def test_contexts_may_change_under_the_evaluator() -> None:
    """One thread asks, two others change the mapping that it asks with. Answers may be either; none raises or crashes."""
    chance = Random(7)
    for number in range(max(2, ask.CASES // 200)):
        evaluators = _evaluators(Random(number))
        shared: dict[Any, Any] = {name: ["US", {"name": "US"}] for name in hostile.NAMES}
        stop = threading.Event()

        def disturb(shared: dict[Any, Any] = shared, stop: threading.Event = stop) -> None:
            mine = Random(3)
            while not stop.is_set():
                shared[mine.choice(hostile.NAMES)] = mine.choice(("US", 5, None, ["US"] * 3, {"name": ["US"]}))
                shared.pop(mine.choice(hostile.NAMES), None)

        threads = [threading.Thread(target=disturb) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for evaluator in evaluators:
                for key in evaluator.flag_keys() * 20:
                    answer = compare.evaluated(evaluator, key, shared, contexts.CLOCKS[0])
                    assert answer[0] != "raised", answer
                body = compare.everything(evaluator, shared, chance.choice(contexts.CLOCKS))
                assert body[0] != "raised", body
        finally:
            stop.set()
            for thread in threads:
                thread.join()
