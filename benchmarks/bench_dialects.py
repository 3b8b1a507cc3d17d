"""W2 as each dialect's users would write it, against the hand-written floor: what moving from a vendor costs per evaluation.

``benchmarks/dialects/<dialect>.json`` holds the flag ``w2`` in the vendor's own format: ``country`` in three and ``age`` of 18
or more, then half the users by the vendor's own hash of the unit. Powertools has no such hash: its flag is the conditions.

``python -m benchmarks.bench_dialects [--rounds N] [--json]``
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import bench_core, floor_module, measure, workloads
from benchmarks.measure import Case
from config_sync.compile import compile_project
from config_sync.frontends.registry import DIALECTS

PLACE = Path(__file__).parent / "dialects"
WHOLE = ("powertools",)  # on for everyone who fulfils the conditions


def documents() -> dict[str, dict[str, Any]]:
    """The flag in every dialect that there is a front end for."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(PLACE.glob("*.json"))}
    return {dialect: document for dialect, document in found.items() if dialect in DIALECTS}


def snapshot(dialect: str, document: dict[str, Any]) -> bytes:
    """Raises AssertionError if anything at all is said about the document."""
    result = compile_project(document, dialect=dialect)
    assert result.snapshot is not None and not len(result.diagnostics), (dialect, *map(str, result.diagnostics))
    return result.snapshot


def check(dialect: str, evaluator: Any, contexts: list[Any]) -> None:
    """The flag is W2: on for about half the users, and for nobody who is too young or from elsewhere."""
    share = sum(evaluator.boolean("w2", context, False) for context in contexts) / len(contexts)
    assert share == 1.0 if dialect in WHOLE else 0.45 < share < 0.55, (dialect, share)
    for context in contexts[:200]:
        for wrong in ({"age": workloads.LEAST_AGE - 1}, {"country": "DE"}):
            assert evaluator.boolean("w2", context | wrong, False) is False, (dialect, context, wrong)


def run(rounds: int) -> bench_core.Results:
    """Every dialect's flag and the floor, in one process and pass."""
    from evaluator import IMPLEMENTATION, Evaluator

    assert IMPLEMENTATION == "fast", "the benchmarks are of the Cython core"
    floors, contexts = floor_module.load(), workloads.contexts()
    workloads.by_hand(floors)
    cases = [Case("e+", floors.e_plus, contexts, "context", "call('w2', context, False)")]
    for dialect, document in documents().items():
        evaluator = Evaluator(snapshot(dialect, document))
        check(dialect, evaluator, contexts)
        cases.append(Case(dialect, evaluator.boolean, contexts, "context", "call('w2', context, False)", "e+"))
    return measure.results(measure.interleave(cases, rounds, before=lambda: measure.touch(contexts)), cases)


def settled(rounds: int, processes: int) -> bench_core.Results:
    """The medians over several processes."""
    return bench_core.middles([in_fresh_process(rounds) for _ in range(processes)])


def in_fresh_process(rounds: int) -> bench_core.Results:
    return bench_core.fresh("benchmarks.bench_dialects", "--rounds", str(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    wanted = parser.parse_args()
    found = run(wanted.rounds)
    print(json.dumps(found, indent=2) if wanted.json else measure.table(found))


if __name__ == "__main__":
    main()
