"""Hash tables for large lists: what the format asks of them, and that every member and only members are found."""

import random
from types import ModuleType

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync.lower import sets
from evaluator.snapshot.opcodes import SET_EMPTY_SLOT, SET_SEED
from tests.config_sync.build import check, flag, snapshot


def look_up(table: bytes, string: bytes) -> bool:
    """The format's own words: fingerprint, wrap around, stop at an empty slot."""
    count, slots, heap_bytes, zero = (int.from_bytes(table[at : at + 4], "little") for at in range(0, 16, 4))
    assert zero == 0 and count < slots and len(table) == 16 + 4 * slots + heap_bytes
    digest = mmh3.hash(string, SET_SEED, signed=False)
    place = (digest * slots) >> 32
    for _ in range(slots):
        entry = int.from_bytes(table[16 + 4 * place : 20 + 4 * place], "little")
        if entry == SET_EMPTY_SLOT:
            return False
        at = 16 + 4 * slots + (entry >> 8)
        length = int.from_bytes(table[at : at + 2], "little")
        if entry & 255 == digest & 255 and table[at + 2 : at + 2 + length] == string:
            return True
        place = (place + 1) % slots
    raise AssertionError("no empty slot")


@given(st.sets(st.binary(max_size=12), min_size=1, max_size=200), st.lists(st.binary(max_size=12), max_size=50))
def test_members_and_only_members_are_found(members: set[bytes], others: list[bytes]) -> None:
    (table,) = sets.build_sets(members)
    assert all(look_up(table, member) for member in members)
    assert [look_up(table, other) for other in others] == [other in members for other in others]


def test_the_load_is_two_thirds() -> None:
    (table,) = sets.build_sets({str(number).encode() for number in range(1_000)})
    slots = int.from_bytes(table[4:8], "little")
    assert 0.6 < 1_000 / slots < 0.7


def test_order_of_the_members_does_not_matter() -> None:
    members = [str(number).encode() for number in range(500)]
    shuffled = random.Random(1).sample(members, len(members))
    assert list(sets.build_sets(members)) == list(sets.build_sets(shuffled))


def test_a_heap_past_24_bits_becomes_several_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "MAX_HEAP_BYTES", 1_000)
    members = {f"member-{number:04}".encode() for number in range(500)}
    tables = list(sets.build_sets(members))
    assert len(tables) > 5
    assert all(any(look_up(table, member) for table in tables) for member in members)
    assert not any(look_up(table, b"stranger") for table in tables)


def test_tables_in_a_snapshot_are_read_by_both_cores(implementation: ModuleType) -> None:
    members = tuple(f"user-{number}" for number in range(0, 2_000, 2))
    evaluator = implementation.Evaluator(snapshot(flag("f", check("one_of", "id", members))))
    for number in range(2_000):
        assert evaluator.boolean("f", {"id": f"user-{number}"}, False) is (number % 2 == 0)


def test_split_tables_are_joined_by_or(implementation: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "MAX_HEAP_BYTES", 2_000)
    members = tuple(f"user-number-{number}" for number in range(400))
    data = snapshot(flag("f", check("one_of", "id", members)), flag("g", check("one_of", "id", members, negate=True)))
    evaluator = implementation.Evaluator(data)
    for number in range(800):
        context = {"id": f"user-number-{number}"}
        assert evaluator.boolean("f", context, False) is (number < 400)
        assert evaluator.boolean("g", context, False) is (number >= 400)
