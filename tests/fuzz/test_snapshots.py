"""Spoiled bodies and byte sections, sealed again: refused with SnapshotError by both cores or answered alike by both.

``BURGEE_FUZZ`` sets the number of cases of the seeded loops; hypothesis drives the same generators and shrinks.
"""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import ask, bodies
from tests.parity import contexts, corruption, programs, store

Way = Callable[[bytes, Random], bytes]
CHUNKS = 8
EACH = 20  # ways to spoil one snapshot
FEWEST = 5  # snapshots a chunk: about one spoiled body in six is accepted, so a hundred tries never meet none


def _check(snapshot: bytes, chance: Random) -> bool:
    """Whether it was accepted."""
    evaluators = ask.load_both(snapshot)
    if evaluators is None:
        return False
    for _ in range(3):
        wrong = ask.disagreement(evaluators, contexts.context(chance), contexts.clock(chance))
        assert wrong is None, f"{wrong}\nsnapshot {snapshot.hex()}"
    return True


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("way", [bodies.edit_body, bodies.edit_section])
def test_spoiled_parts_are_refused_or_answered_alike(way: Way, chunk: int) -> None:
    accepted = 0
    for number in range(max(FEWEST, ask.CASES // CHUNKS // EACH)):
        chance = Random(f"{way.__name__} {chunk} {number}")
        snapshot = store.snapshot(programs.project(chance, most=4))
        accepted += sum(_check(way(snapshot, chance), chance) for _ in range(EACH))
    assert accepted > 0, "not one was accepted: what the change does to answers wasn't seen"


def test_longer_forms_of_the_same_body_are_taken() -> None:
    for seed in range(max(1, ask.CASES // 20)):
        chance = Random(seed)
        snapshot = store.snapshot(programs.project(chance, most=3))
        assert _check(bodies.repack(snapshot, chance), chance)


@pytest.mark.parametrize("depth", bodies.DEEP)
@pytest.mark.parametrize("element", range(bodies.BODY_ELEMENTS))
def test_depth_is_limited_alike(element: int, depth: int) -> None:
    """Even 100,000 containers inside each other end in SnapshotError, not in the C stack."""
    chance = Random(depth)
    elements, tables = bodies.taken_apart(store.snapshot(programs.project(Random(1), most=2)))
    deep = bodies.nested(depth, chance)
    elements[element] = [*elements[element], deep] if element else {**elements[0], "more": deep}
    ask.load_both(bodies.assemble(elements, tables, chance))


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_generated_damage_is_refused_or_answered_alike(chance: Random) -> None:
    snapshot = store.snapshot(programs.project(chance, most=2))
    for _ in range(3):
        _check(bodies.spoil(snapshot, chance), chance)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_body_is_refused_or_answered_alike(payload: bytes) -> None:
    _check(corruption.sealed(payload), Random(0))
    _check(corruption.sealed(b"\x99" + payload), Random(0))
