"""Every code that a snapshot may hold has a word in the native dialect's exact forms, and the words are told apart."""

from collections.abc import Mapping

import pytest

from config_sync import ir, words
from config_sync.passes.operands import _CHECKS as OPERATORS
from evaluator.snapshot import opcodes as codes
from tests.parity import programs

FAMILIES = {
    "HASH": (words.HASHES, range(1, codes.HASH_LAST + 1)),
    "SPACE": (words.SPACES, range(codes.SPACE_LAST + 1)),
    "UNIT": (words.UNITS, range(codes.UNIT_LAST + 1)),
    "ON": (words.ENDS, range(codes.ON_LAST + 1)),
    "NODE": (words.NODES, range(1, codes.NODE_LAST + 1)),
    "CMP": (words.COMPARISONS, range(codes.CMP_GE + 1)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_code_has_one_word(name: str) -> None:
    family, every = FAMILIES[name]
    assert sorted(family.values()) == list(every)
    assert {words.word_of(family, code) for code in every} == set(family)


def test_every_reason_has_a_word() -> None:
    reasons = [value for name, value in vars(codes).items() if name.startswith("REASON_") and "ERROR" not in name[-5:]]
    assert set(words.REASONS.values()) >= set(reasons) - {codes.REASON_LAST}
    assert len(set(words.REASONS.values())) == len(words.REASONS)


def test_every_mode_bit_has_a_word() -> None:
    """But for MODE_INTEGER: how a number is stored is the lowering's own business."""
    bits = {name: value for name, value in vars(codes).items() if name.startswith("MODE_") and name != "MODE_INTEGER"}
    said = {mode.bit for mode in words.MODES.values()}
    assert {name for name, bit in bits.items() if bit not in said} == set()
    assert len(words.MODES) >= len(bits)


def test_modes_belong_to_operators_that_there_are() -> None:
    for word, mode in words.MODES.items():
        assert set(mode.operators or ()) <= set(OPERATORS), word


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_mode_words_say_all_of_a_mode(operator: str) -> None:
    for mode in range(256):
        said = words.mode_words(operator, mode)
        assert sum(word if isinstance(word, int) else words.MODES[word].bit for word in said) == mode


def test_the_generator_of_programs_knows_every_operator() -> None:
    """What the round trip of random projects (test_convert.py) rests on."""
    assert set(programs.OPERATORS) == set(OPERATORS)


def test_truths() -> None:
    assert words.TRUTHS == {True: ir.TRUE, False: ir.FALSE, "unknown": ir.UNKNOWN}


def test_a_code_without_a_word_is_an_error() -> None:
    family: Mapping[str, int] = words.HASHES
    with pytest.raises(KeyError):
        words.word_of(family, 999)
