"""Spoiled Powertools documents: the compiler raises nothing, what it makes loads, and the cores agree on what it answers."""

from random import Random
from typing import Any

import pytest

from config_sync import compile_project
from tests.differential.powertools import ACTIONS, KEYS, REQUIRES, Writer
from tests.fuzz.ask import CASES, cores, load_both
from tests.parity import compare

CHUNKS = 4
STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 2**70, 1.5, float("nan"), float("inf"), "", "a", "\ud800", "x" * 70_000, [], {}, [[]], [{}],
    [None], {"": 1}, {"a": {"a": {"a": 1}}}, {1: 2}, (1, 2), {1, 2}, b"bytes", object(), "EQUALS", "CURRENT_TIME",
    {"BASE": 0}, {"DAYS": []},
)  # fmt: skip
FIELDS = ["default", "boolean_type", "rules", "when_match", "conditions", "action", "key", "value", "START", "END", "TIMEZONE"]


def spoiled(data: Any, chance: Random) -> Any:
    """The document with something in it changed, gone, doubled or in the wrong place."""
    if not isinstance(data, dict | list) or not data or chance.random() < 0.15:
        return _other(data, chance)
    where = chance.choice(list(data) if isinstance(data, dict) else range(len(data)))
    copy: Any = data.copy()
    luck = chance.random()
    if luck < 0.7:
        copy[where] = spoiled(data[where], chance)
    elif luck < 0.85:
        del copy[where]
    elif isinstance(copy, dict):
        copy[chance.choice(FIELDS)] = copy[where]
    else:
        copy.append(copy[where])
    return copy


def _other(data: Any, chance: Random) -> Any:
    if isinstance(data, str) and data and chance.random() < 0.5:
        place = chance.randrange(len(data))
        return data[:place] + chance.choice(("", "x", "0", ":", "\x00", "é")) + data[place + 1 :]
    return chance.choice((*STRANGE, chance.choice(ACTIONS)))


def _checked(document: Any, dialect: str, chance: Random, writer: Writer) -> bool:
    """Compiles and asks; whether there was anything to ask."""
    try:
        result = compile_project(document, dialect=dialect)
    except Exception as error:
        pytest.fail(f"{type(error).__name__}: {error} of {document!r:.2000}")
    if result.snapshot is None:
        assert result.has_errors
        return False
    both = load_both(result.snapshot)
    assert both is not None, "what was compiled is refused"
    for _ in range(3):
        question = (chance.choice(("one", "two")), writer.context([chance.choice(STRANGE)]), writer.moment())
        wrong = compare.disagreement(*both, *question)
        assert wrong is None, f"{wrong} of {document!r:.2000}"
    return True


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_spoiled_documents(chunk: int) -> None:
    cores()
    answered = 0
    for number in range(CASES // CHUNKS):
        chance = Random(chunk * 1_000_000 + number)
        writer = Writer(chance)
        document: Any = {"one": writer.feature(), "two": writer.feature()}
        for _ in range(chance.randint(1, 3)):
            document = spoiled(document, chance)
        if isinstance(document, dict):
            answered += _checked(document, chance.choice(list(REQUIRES)), chance, writer)
    assert answered > CASES // CHUNKS // 4


def test_one_spoiled_feature_leaves_the_other_as_it_was() -> None:
    """A feature that is sound answers the same whatever stands beside it."""
    fast = cores()[1]
    for number in range(CASES // 4):
        chance = Random(number)
        writer = Writer(chance)
        sound, wrong = {"one": {"default": True}}, spoiled({"two": writer.feature()}, chance)
        if isinstance(wrong, dict) and "one" not in wrong:
            result = compile_project(sound | wrong, dialect="powertools")
            if result.snapshot is not None:
                found = fast.Evaluator(result.snapshot).evaluate("one", {key: 1 for key in KEYS})
                assert (found.value, found.reason) == (True, "STATIC"), wrong
