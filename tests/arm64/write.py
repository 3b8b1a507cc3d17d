"""Writes what the pure core answers here, for the compiled core to be asked on another machine (``ask.py``).

``python -m tests.arm64.write FILE``: golden cases, the hash vectors and known answers of ``tests/evaluator/test_hashing.py``,
random programs (BURGEE_ARM64_PROGRAMS of them) with hostile contexts, and spoiled snapshots. Snapshots and plain contexts are
pickled; hostile contexts are drawn there from the same seeds. Answers are text, exact to the last bit.
"""

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from evaluator._pure import evaluator as pure
from evaluator.errors import SnapshotError
from evaluator.snapshot import opcodes as codes
from tests.arm64 import ask
from tests.conftest import conformance_data, spec_data
from tests.evaluator import test_hashing as hashing
from tests.golden import cases
from tests.parity import corruption, programs, store

PROGRAMS = int(os.environ.get("BURGEE_ARM64_PROGRAMS", "160"))
SPOILED = 200


class Recorder:
    """Stands for an implementation: the pure core, writing down what it is asked and what it answers."""

    def __init__(self) -> None:
        self.asked: dict[bytes, list[ask.Question]] = {}

    def Evaluator(self, snapshot: bytes) -> "Recording":  # the name of the class it stands for
        return Recording(snapshot, self.asked.setdefault(snapshot, []))


class Recording:
    def __init__(self, snapshot: bytes, asked: list[ask.Question]) -> None:
        self._evaluator, self._asked = pure.Evaluator(snapshot), asked

    def evaluate(self, key: Any, context: Any, now: Any = 0) -> Any:
        self._asked.append((key, context, now, ask.one(self._evaluator, key, context, now)))
        return self._evaluator.evaluate(key, context, now)

    def boolean(self, key: Any, context: Any, default: bool) -> bool:
        self.evaluate(key, context)
        return self._evaluator.boolean(key, context, default)


def hashes() -> dict[bytes, list[ask.Question]]:
    """The hashing tests themselves, asking the recorder; each also checks the answers that it records."""
    recorder: Any = Recorder()
    if spec_data("hash_vectors.json"):
        hashing.test_hash_01_md5_vectors(recorder)
        hashing.test_hash_02_murmur_vectors(recorder)
    if conformance_data("murmur3", "vectors.json"):
        hashing.test_hash_02_hash_19_the_public_murmur_vectors(recorder)
    hashing.test_hash_02_murmur_known_answers(recorder)
    hashing.test_hash_04_half_of_ten_thousand_users(recorder)
    hashing.test_hash_17_independent_seeds_and_prefixes(recorder)
    for code, text, expected in hashing.KNOWN_ANSWERS:
        hashing.test_known_answers_of_other_hashes(recorder, code, text, expected)
    for length in (*range(130), 1_000, 4_096):
        hashing.test_other_hashes_of_every_length(recorder, length)
    for unit in ("", "1", "ß", "日本語", "\U0001f600", hashing.WIDTHS):
        hashing.test_fnv1a_of_utf16_code_units(recorder, unit)
    used = {getattr(codes, name) for name in dir(codes) if name.startswith("HASH_")}
    assert len(used) > 5 and recorder.asked
    found: dict[bytes, list[ask.Question]] = recorder.asked
    return found


def golden() -> Iterator[tuple[str, bytes, list[ask.Question]]]:
    """Every golden case, as this machine's pure core answers it; that this is right is for tests/golden to say."""
    for folder in cases.folders():
        snapshot = cases.compiled(folder).snapshot
        assert snapshot is not None
        evaluator = pure.Evaluator(snapshot)
        questions = ((each["flag"], each["context"], each.get("now", 0)) for each in cases.questions(folder))
        yield folder.name, snapshot, [(*each, ask.one(evaluator, *each)) for each in questions]


def parity() -> Iterator[tuple[int, bytes, list[str]]]:
    """(seed, snapshot, answers) of random programs."""
    for seed in range(PROGRAMS):
        snapshot = store.snapshot(programs.project(Random(seed)))
        evaluator = pure.Evaluator(snapshot)
        yield seed, snapshot, [ask.answer(evaluator, *each) for each in ask.drawn(seed, evaluator.flag_keys())]


def spoiled() -> Iterator[tuple[int, bytes, list[str] | None]]:
    """Snapshots with something broken; None: they must be refused."""
    for seed in range(SPOILED):
        chance = Random(seed)
        snapshot = corruption.spoil(store.snapshot(programs.project(chance, most=3)), chance)
        try:
            evaluator = pure.Evaluator(snapshot)
        except SnapshotError:
            yield seed, snapshot, None
        else:
            drawn = ask.drawn(seed, evaluator.flag_keys())[:3]
            yield seed, snapshot, [ask.answer(evaluator, *each) for each in drawn]


def main(path: Path) -> None:
    questions = {"golden": list(golden()), "hashes": hashes(), "parity": list(parity()), "spoiled": list(spoiled())}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(questions))
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB of questions and the pure core's answers")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
