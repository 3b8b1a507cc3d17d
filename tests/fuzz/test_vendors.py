"""Mutated documents of every dialect compile or are refused, mutated contexts are answered, both cores alike; nothing raises.

``BURGEE_FUZZ`` is the number of questions for each dialect: a mutated context, asked of a mutated document (five of each).
"""

import json
from random import Random
from typing import Any

import pytest

from config_sync import compile_project
from config_sync.detect import detect
from config_sync.diagnostics import ERROR
from config_sync.frontends.base import Source
from config_sync.frontends.registry import DIALECTS
from config_sync.ir import NOWHERE
from config_sync.render import render
from tests.fuzz import ask, vendors
from tests.parity import compare, contexts

CHUNKS = 4
EACH = 5  # contexts a document
ENOUGH = 100  # documents among which some must have come through, and some not


def _question(dialect: str, chance: Random, said: dict[str, int]) -> None:
    """One document and its contexts. ``said`` counts what became of it."""
    document = vendors.document(dialect, chance)
    result = compile_project(document, dialect=dialect)
    detect([Source(document, NOWHERE)])
    render(result.diagnostics)
    said["refused" if result.snapshot is None else "diagnosed" if len(result.diagnostics) else "clean"] += 1
    if result.snapshot is None:
        assert any(item.severity == ERROR for item in result.diagnostics), "refused without a word"
        return
    evaluators = ask.load_both(result.snapshot)
    assert evaluators is not None, f"the cores refuse what was compiled: {result.snapshot.hex()}"
    for _ in range(EACH):
        context, now = vendors.context(dialect, chance), contexts.clock(chance)
        wrong = compare.disagreement_of_all(*evaluators, context, now, sound=False)
        keys = evaluators[0].flag_keys()
        if keys and wrong is None:
            wrong = compare.disagreement(*evaluators, chance.choice(keys), context, now)
        assert wrong is None, f"{wrong}\n{document!r}\n{context!r}"


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_mutated_documents_and_contexts_break_nothing(dialect: str, chunk: int) -> None:
    said = dict.fromkeys(("refused", "diagnosed", "clean"), 0)
    for number in range(max(10, ask.CASES // CHUNKS // EACH)):
        chance = Random(f"{dialect} {chunk} {number}")
        try:
            _question(dialect, chance, said)
        except AssertionError:
            raise
        except Exception as error:
            document = vendors.document(dialect, Random(f"{dialect} {chunk} {number}"))
            raise AssertionError(f"it raised {error!r} for {document!r}") from error
    if sum(said.values()) >= ENOUGH:
        assert said["diagnosed"] and said["clean"], f"{said}: mutations are too wild, or too tame"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_place_takes_what_fits_nowhere(dialect: str) -> None:
    """Not at random: in every place of a seed stands, once, a text that no limit allows, a pattern that none is, and a list."""
    for number, seed in enumerate(vendors.seeds(dialect)):
        for place in range(len(list(vendors.slots(seed)))):
            for odd in ("x" * 3_000, "(?=a)(", [None]):
                document = vendors.seeds(dialect)[number]
                container, where = list(vendors.slots(document))[place]
                container[where] = odd
                result = compile_project(document, dialect=dialect)
                assert result.snapshot is not None or result.has_errors, (dialect, where, odd)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_malformed_flag_is_lost_alone(dialect: str) -> None:
    """Whatever stands where one flag should be, the others of its document are there and answer as before."""
    for document in vendors.seeds(dialect):
        before = _answers(document, dialect)
        for place, key in _flags(document):
            for odd in (odd for odd in vendors.ODD if odd != {"key": "f"}):
                changed = json.loads(json.dumps(document))
                room = changed if place is None else changed[place]
                room[key] = odd
                after = _answers(changed, dialect)
                lost = {name for name, value in before.items() if after.get(name) != value}
                assert lost <= _dependants(document, place, key), (dialect, key, odd, lost)


def _answers(document: Any, dialect: str) -> dict[str, Any]:
    result = compile_project(document, dialect=dialect)
    assert result.snapshot is not None, [f"{item.code} {item.message}" for item in result.diagnostics]
    (_, fast) = ask.load_both(result.snapshot) or pytest.fail("refused")
    return {key: fast.evaluate(key, {"targetingKey": "user-1"}, 1_700_000_000_000).value for key in fast.flag_keys()}


def _flags(document: dict[str, Any]) -> list[tuple[str | None, Any]]:
    for place in ("flags", "features", "f"):
        room = document.get(place)
        if isinstance(room, dict):
            return [(place, key) for key in room]
        if isinstance(room, list):
            return [(place, index) for index in range(len(room))]
    return [] if "events" in document else [(None, key) for key in document]


def _dependants(document: dict[str, Any], place: str | None, key: Any) -> set[str]:
    """The flag itself and those that name it, directly or through others."""
    room = document if place is None else document[place]
    flags = {_name(where, flag): flag for where, flag in (room.items() if isinstance(room, dict) else enumerate(room))}
    found = {_name(key, room[key])}
    while True:
        more = {name for name, flag in flags.items() if any(f'"{one}"' in json.dumps(flag) for one in found)}
        if more <= found:
            return found
        found |= more


def _name(where: Any, flag: Any) -> str:
    return where if isinstance(where, str) else flag.get("key") or flag["name"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_seeds_are_sound(dialect: str) -> None:
    """Else mutations would meet nothing but what was broken before."""
    for document in vendors.seeds(dialect):
        result = compile_project(document, dialect=dialect)
        assert not result.has_errors, [f"{item.code} {item.message} {item.origin}" for item in result.diagnostics]
        assert detect([Source(document, NOWHERE)]).dialect == dialect.partition("@")[0]
