"""Spoiled snapshots: both cores refuse the same ones, and what both accept they answer alike. Also what ``make asan`` runs."""

import os
from random import Random
from types import ModuleType
from typing import Any

import pytest

from evaluator.errors import SnapshotError
from tests.parity import compare, contexts, corruption, programs, store

Cores = tuple[ModuleType, ModuleType]
SPOILED = int(os.environ.get("BURGEE_SPOILED", "4000"))
CHUNKS = 8
EACH = 20  # ways to spoil one snapshot


def _load(core: ModuleType, snapshot: bytes) -> Any:
    """The evaluator, or None when the core refuses the bytes; anything but SnapshotError is a failure."""
    try:
        return core.Evaluator(snapshot)
    except SnapshotError:
        return None


def _questions(evaluator: Any, chance: Random) -> list[tuple[Any, Any, Any]]:
    keys = evaluator.flag_keys()[:8] or [""]
    return [(contexts.key(chance, keys), contexts.context(chance), contexts.clock(chance)) for _ in range(4)]


def _check(cores: Cores, snapshot: bytes, chance: Random) -> bool:
    """Whether both accepted it; fails the test when they disagree."""
    pure, fast = (_load(core, snapshot) for core in cores)
    assert (pure is None) == (fast is None), f"pure {'refuses' if pure is None else 'accepts'}, fast doesn't: {snapshot.hex()}"
    if pure is None:
        return False
    for question in _questions(pure, chance):
        wrong = compare.disagreement(pure, fast, *question) or compare.disagreement_of_all(
            pure, fast, *question[1:], sound=False
        )
        assert wrong is None, f"{wrong}\nsnapshot {snapshot.hex()}"
    return True


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_spoiled_snapshots_are_refused_or_answered_alike(both_cores: Cores, chunk: int) -> None:
    accepted = 0
    for number in range(SPOILED // EACH // CHUNKS):
        chance = Random(chunk * 1_000_000 + number)
        snapshot = store.snapshot(programs.project(chance, most=3))
        accepted += sum(_check(both_cores, corruption.spoil(snapshot, chance), chance) for _ in range(EACH))
    assert accepted > 0, "not one spoiled snapshot was accepted: the checks behind the checksum weren't reached"


def test_every_cut_is_refused(implementation: ModuleType) -> None:
    snapshot = store.snapshot(programs.project(Random(2), most=2))
    assert _load(implementation, snapshot) is not None
    for length in range(len(snapshot)):
        assert _load(implementation, snapshot[:length]) is None, length


def test_every_flipped_bit_is_refused(implementation: ModuleType) -> None:
    """Without the checksum made right: the header's own bits and every payload bit."""
    snapshot = store.snapshot(programs.project(Random(4), most=2))
    chance = Random(4)
    for bit in [*range(24 * 8), *(chance.randrange(24 * 8, len(snapshot) * 8) for _ in range(2_000))]:
        spoiled = bytearray(snapshot)
        spoiled[bit // 8] ^= 1 << bit % 8
        assert _load(implementation, bytes(spoiled)) is None, bit


@pytest.mark.parametrize("wrong", [b"", b"x", b"BURGEE\r\n", bytes(24), bytes(4096)])
def test_other_files_are_refused(implementation: ModuleType, wrong: bytes) -> None:
    with pytest.raises(SnapshotError):
        implementation.Evaluator(wrong)
