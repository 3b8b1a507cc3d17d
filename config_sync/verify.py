"""A last look at a snapshot before it is published: every core that is here loads it, and all give the same answers.

The contexts are made from what the snapshot itself compares with (its attributes, texts and numbers), so that rules match
often enough to be looked at. The same seed gives the same contexts. The larger the snapshot, the fewer of them: the pure core
takes microseconds an answer, and somebody waits for the publish.
"""

import random
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from typing import Any

import msgspec

from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import Decoded
from evaluator.snapshot.words import strings_of_set, text_of

CORES = ("pure", "fast")
SAMPLES = 200  # contexts at most
ANSWERS = 10_000  # in all, if that leaves two contexts; each is asked for as JSON as well
_NOW = 1_750_000_000_000  # epoch ms; one instant for every core
_ODD_VALUES: tuple[Any, ...] = (None, True, False, "", 0, -1, 2**63, 0.5, [], ["a", 1], {"a": {"b": 1}}, "é\u2603")
_FIELDS = ("value", "variant", "reason_code", "rule", "bucket", "error_code")


class Difference(msgspec.Struct, frozen=True):
    """Two cores that disagree about a flag and a context, and on what."""

    key: str
    context: dict[str, Any]
    field: str
    answers: dict[str, str]


class Verification(msgspec.Struct, frozen=True):
    """``cores``: those that loaded the snapshot; ``evaluations``: how many answers each gave."""

    cores: tuple[str, ...]
    evaluations: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        return not self.differences


def verify(snapshot: bytes, contexts: Iterable[Mapping[str, Any]] | None = None, seed: int = 0) -> Verification:
    """Loads and compares. Raises ``evaluator.SnapshotError`` if a core refuses the snapshot."""
    evaluators = {name: import_module(_module(name)).Evaluator(snapshot) for name in CORES if find_spec(_module(name))}
    asked = _samples(snapshot, evaluators, seed) if contexts is None else [dict(context) for context in contexts]
    differences: list[Difference] = []
    evaluations = 0
    for context in asked:
        answers = {name: evaluator.evaluate_all(context, None, _NOW) for name, evaluator in evaluators.items()}
        evaluations += len(next(iter(answers.values())))
        differences += _differences(context, answers)
        bodies = {name: evaluator.evaluate_all_json(context, _NOW) for name, evaluator in evaluators.items()}
        if len(set(bodies.values())) > 1:
            differences.append(Difference("", context, "json", {name: body.decode() for name, body in bodies.items()}))
    return Verification(tuple(evaluators), evaluations, tuple(differences))


def _module(core: str) -> str:
    return f"evaluator._{core}.evaluator"


def _samples(snapshot: bytes, evaluators: Mapping[str, Any], seed: int) -> list[dict[str, Any]]:
    flags = len(next(iter(evaluators.values())).flag_keys())
    return sample_contexts(snapshot, max(2, min(SAMPLES, ANSWERS // max(flags, 1))), seed)


def _differences(context: dict[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> Iterable[Difference]:
    for key in sorted(set().union(*answers.values())):
        if len({_told(given.get(key)) for given in answers.values()}) == 1:
            continue
        for field in _FIELDS:
            seen = {name: repr(getattr(given.get(key), field, "no answer")) for name, given in answers.items()}
            if len(set(seen.values())) > 1:
                yield Difference(key, context, field, seen)


def _told(answer: Any) -> tuple[Any, ...]:
    """Everything of an answer that is compared; the value in words, for 1, 1.0 and true are equal and not the same."""
    return () if answer is None else (repr(answer.value), *_others(answer))


_others = attrgetter(*_FIELDS[1:])


# --- contexts ---------------------------------------------------------------------------------------------------------


def sample_contexts(snapshot: bytes, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Contexts over the snapshot's own attributes and operands, with a few odd values among them."""
    program = Decoded(snapshot)
    chance = random.Random(seed)
    values = _operands(program)
    return [_context(program, values, chance) for _ in range(count)]


def _operands(program: Decoded) -> dict[str, list[Any]]:
    """What each attribute is compared with somewhere."""
    found: dict[str, list[Any]] = {name: [] for name in program.attribute_names}
    for row in program.attributes:
        if row.flags & codes.ATTRIBUTE_GUARDED:
            found[program.attribute_names[program.attributes[row.guard].name]].append(program.attribute_names[row.guard_text])
    for row in program.conditions:
        if row.attribute != codes.NONE_16 and 1 <= row.op <= codes.OP_LAST:  # what a newer compiler means isn't followed
            found[program.attribute_names[program.attributes[row.attribute].name]] += _operand_values(program, row)
    return found


def _operand_values(program: Decoded, row: Any) -> list[Any]:
    """A few values on which this row may well be true."""
    if row.op == codes.OP_IN_TEXT_SMALL:
        refs = program.text_refs[row.offset : row.offset + row.count]
        return [text_of(program, ref.offset, ref.length) for ref in refs]
    if row.op == codes.OP_IN_TEXT_TABLE:
        return [text for _, text in zip(range(20), strings_of_set(program.sets, row.offset * 8), strict=False)]
    if row.op in (codes.OP_EQ_NUMBER, codes.OP_LESS, codes.OP_LESS_EQUAL, codes.OP_GREATER, codes.OP_GREATER_EQUAL):
        number = row.payload if row.mode & codes.MODE_INTEGER and row.payload < 1 << 63 else 1.5
        return [number - 1, number, number + 1, str(number)]
    if row.op in (codes.OP_IN_INTEGER, codes.OP_IN_FLOAT):
        return list(program.numbers[row.offset : row.offset + min(row.count, 20)])
    if row.op in (codes.OP_EQ_VALUE, codes.OP_CONTAINS_ALL, codes.OP_CONTAINS_ANY, codes.OP_ORDER, codes.OP_WITHIN):
        return [program.values[row.offset]]
    if row.op == codes.OP_MODULO:
        return [*program.numbers[row.offset : row.offset + row.count], -1, row.payload + 0.5]
    if row.op == codes.OP_DISTANCE:
        place = program.places[row.offset]
        return [[place.latitude, place.longitude], {"lat": 0, "lon": 0}]
    if row.op in (codes.OP_TIME, codes.OP_WINDOW):
        return ["2026-01-01", "2026-01-01T00:00:00Z", 1_750_000_000, 1.75e12]
    return [text_of(program, row.offset, row.length)] if row.length else []


def _context(program: Decoded, values: Mapping[str, list[Any]], chance: random.Random) -> dict[str, Any]:
    context: dict[str, Any] = {"targetingKey": f"user-{chance.randrange(1_000_000)}"}
    for row in program.attributes:
        name = program.attribute_names[row.name]
        if chance.random() < 0.2 or (name == "targetingKey" and chance.random() < 0.9):
            continue
        candidates = values[name] if values[name] and chance.random() < 0.8 else _ODD_VALUES
        _put(context, _steps(program, row), chance.choice(candidates))
    return context


def _steps(program: Decoded, row: Any) -> list[str | int]:
    return [program.attribute_names[row.name]] if row.path == codes.NONE else list(program.paths[row.path])


def _put(context: dict[str, Any], steps: list[str | int], value: Any) -> None:
    """Sets a value at a path of keys, making maps on the way; a path through a list is left alone."""
    at = context
    for step in steps[:-1]:
        inner = at.setdefault(str(step), {})
        if not isinstance(inner, dict):
            return
        at = inner
    at[str(steps[-1])] = value
