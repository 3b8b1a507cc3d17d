"""Asks the compiled core what ``write.py`` wrote down, and wants the same answers to the last bit. Plain Python, no pytest.

``python ask.py QUESTIONS BUNDLE``, on the machine that the unpacked bundle is for. The bundle's evaluator is asked; of the
repository only the modules that draw contexts are used.
"""

import pickle
import platform
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

Question = tuple[Any, Any, Any, str]  # key, context, now, answer
QUESTIONS_A_PROGRAM = 20
ALL_AT_ONCE = 5  # of so many questions one is also asked of all flags


def one(evaluator: Any, key: Any, context: Any, now: Any) -> str:
    """One flag's evaluation as text."""
    from tests.parity import compare

    return repr(compare.evaluated(evaluator, key, context, now))


def answer(evaluator: Any, key: Any, context: Any, now: Any, everything: bool) -> str:
    """What all the ways of asking for one flag answer; with ``everything``, those for all flags too."""
    from tests.parity import compare

    found = [compare.evaluated(evaluator, key, context, now), compare.typed(evaluator, key, context, now)]
    return repr([*found, compare.everything(evaluator, context, now)] if everything else found)


def drawn(seed: int, keys: list[str]) -> list[tuple[Any, Any, Any, bool]]:
    """The questions of a program: the same wherever they are drawn."""
    from tests.parity import contexts

    chance = Random(f"questions {seed}")
    return [
        (contexts.key(chance, keys or [""]), contexts.context(chance), contexts.clock(chance), number % ALL_AT_ONCE == 0)
        for number in range(QUESTIONS_A_PROGRAM)
    ]


class Check:
    """Counts, and says the first differences."""

    def __init__(self) -> None:
        self.asked = self.wrong = 0

    def same(self, where: str, found: object, expected: object) -> None:
        self.asked += 1
        if found != expected:
            self.wrong += 1
            if self.wrong <= 5:
                print(f"DIFFERENT: {where}\n  expected {expected!r:.2000}\n  found    {found!r:.2000}")


def _golden(module: Any, cases: Any, check: Check) -> None:
    for name, snapshot, questions in cases:
        evaluator = module.Evaluator(snapshot)
        for key, context, now, expected in questions:
            check.same(f"{name}: {key} {context!r:.500}", one(evaluator, key, context, now), expected)


def _hashes(module: Any, cases: Any, check: Check) -> None:
    for number, (snapshot, questions) in enumerate(cases.items()):
        evaluator = module.Evaluator(snapshot)
        for key, context, now, expected in questions:
            check.same(f"hash snapshot {number}: {context!r:.500}", one(evaluator, key, context, now), expected)


def _parity(module: Any, cases: Any, check: Check) -> None:
    for seed, snapshot, expected in cases:
        evaluator = module.Evaluator(snapshot)
        for question, wanted in zip(drawn(seed, evaluator.flag_keys()), expected, strict=True):
            check.same(f"program {seed}: {question!r:.500}", answer(evaluator, *question), wanted)


def _spoiled(module: Any, cases: Any, check: Check) -> None:
    for seed, snapshot, expected in cases:
        found = None
        try:
            evaluator = module.Evaluator(snapshot)
        except module.SnapshotError:
            pass
        else:
            found = [answer(evaluator, *each) for each in drawn(seed, evaluator.flag_keys())[: len(expected or ())]]
        check.same(f"spoiled {seed}", found, expected)


PARTS = {"golden": _golden, "hashes": _hashes, "parity": _parity, "spoiled": _spoiled}


def main(questions: Path, bundle: Path, machine: str) -> int:
    """Gives the exit status: 1 if anything differs, or if what is asked isn't what the name says."""
    repository = str(Path(__file__).resolve().parent.parent.parent)
    sys.path[:] = [str(bundle), *(entry for entry in sys.path if entry != str(Path(__file__).parent)), repository]
    import evaluator

    print(f"{evaluator.IMPLEMENTATION} core, Python {platform.python_version()}, {platform.machine()}")
    wrong = [
        what
        for what, fine in (
            ("the core is the compiled one", evaluator.IMPLEMENTATION == "fast"),
            ("it is the bundle's", (evaluator.__file__ or "").startswith(f"{bundle}/")),
            (f"the machine is {machine}", platform.machine() == machine),
        )
        if not fine
    ]
    if wrong:
        print(f"not true: {'; '.join(wrong)}")
        return 1
    cases = pickle.loads(questions.read_bytes())
    differences = 0
    for name, part in PARTS.items():
        check, start = Check(), time.monotonic()
        part(evaluator, cases[name], check)
        print(f"{name}: {check.asked:,} answers, {check.wrong} different, {time.monotonic() - start:.1f} s", flush=True)
        differences += check.wrong + (check.asked == 0)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3]))
