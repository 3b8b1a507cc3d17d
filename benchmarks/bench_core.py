"""The evaluation core against the hand-written floors: W1 to W5, in one process, in random order.

``python -m benchmarks.bench_core [--rounds N] [--only small|large|load] [--json]``
"""

import argparse
import gc
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import floor_module, measure, peer, workloads
from benchmarks.measure import Case

ROOT = Path(__file__).resolve().parent.parent
Results = dict[str, dict[str, Any]]
ALL_CONTEXTS = 200  # evaluate_all answers 100 flags a call, so a pass of 200 is as long as the others


def _check(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(f"the core and the floor answer differently: {what}")


def _small_cases(evaluator: Any, floors: Any, contexts: list[Any]) -> list[Case]:
    empty: list[Any] = [{} for _ in contexts]
    getter = "call({key!r}, context, {default})"
    rows: list[tuple[str, Any, str, str | None, list[Any]]] = [
        ("e+", floors.e_plus, "call('w2', context, False)", None, contexts),
        ("nothing", floors.nothing, "call('w2', context, False)", "e+", contexts),
        ("W1 boolean", evaluator.boolean, getter.format(key="w1", default=False), "e+", contexts),
        ("W2 boolean", evaluator.boolean, getter.format(key="w2", default=False), "e+", contexts),
        ("W2 boolean, as a rollout", evaluator.boolean, getter.format(key="w2-rollout", default=False), "e+", contexts),
        ("W2 boolean, empty context", evaluator.boolean, getter.format(key="w2", default=False), "e+", empty),
        ("W2 evaluate", evaluator.evaluate, "call('w2', context)", "e+", contexts),
        ("W2 evaluate, value read", evaluator.evaluate, "call('w2', context).value", "e+", contexts),
        ("W3 string", evaluator.string, getter.format(key="w3", default="'none'"), "e+", contexts),
    ]
    return [Case(name, call, items, "context", statement, floor) for name, call, statement, floor, items in rows]


def _all_cases(everything: Any, floors: Any, contexts: list[Any]) -> list[Case]:
    few = contexts[:ALL_CONTEXTS]
    return [
        Case("f", floors.f, few, "context", "call(context)"),
        Case("W4 evaluate_all", everything.evaluate_all, few, "context", "call(context)", "f"),
        Case("W4 evaluate_all_json", everything.evaluate_all_json, few, "context", "call(context)", "f"),
    ]


def check_small(evaluator: Any, everything: Any, floors: Any, contexts: list[Any]) -> None:
    """The floors and the core give the same answers for every context, else their times mean nothing."""
    for context in contexts:
        _check(evaluator.boolean("w2", context, False) is floors.e_plus("w2", context, False), f"W2 {context}")
    for context in contexts[:50]:
        by_hand = floors.f(context)
        answers = everything.evaluate_all(context)
        _check({key: answer.value for key, answer in answers.items()} == by_hand, f"W4 {context}")
        body = json.loads(everything.evaluate_all_json(context))
        _check({item["key"]: item["value"] for item in body["flags"]} == by_hand, f"W4 JSON {context}")


def small(evaluator_class: Any, rounds: int) -> Results:
    """W1 to W4 against e+ and f."""
    floors = floor_module.load()
    contexts = workloads.contexts()
    evaluator = evaluator_class(workloads.snapshot())
    everything = evaluator_class(workloads.snapshot_of_all())
    workloads.by_hand(floors)
    check_small(evaluator, everything, floors, contexts)
    cases = _small_cases(evaluator, floors, contexts) + _all_cases(everything, floors, contexts)
    cases += _peer_cases(contexts)
    samples = measure.interleave(cases, rounds, before=lambda: measure.touch(contexts))
    return measure.results(samples, cases)


def _peer_cases(contexts: list[Any]) -> list[Case]:
    getter = peer.boolean()
    if getter is None:
        return []
    peer.check(getter, contexts)
    units = [(context["targetingKey"], context) for context in contexts]
    return [Case("W2, eppo-server-sdk", getter, units, "unit, context", "call('w2', unit, context, False)", "W2 boolean")]


# --- W5 ---------------------------------------------------------------------------------------------------------------


def _hot(questions: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    members = workloads.large_members(7)
    return [
        (workloads.large_key(7), context | {"targetingKey": members[number % len(members)]})
        for number, (_, context) in enumerate(questions)
    ]


def _parser(text: str) -> Callable[[list[Any]], list[Any]]:
    """Fresh strings for every pass: no cached hash, none the object the flag knows, as a request's body would bring them."""

    def parse(_: list[Any]) -> list[Any]:
        return [tuple(question) for question in json.loads(text)]

    return parse


def large(evaluator_class: Any, rounds: int) -> Results:
    """W5 against g: a fresh flag and user each time, one flag over and over, and strings just parsed from JSON."""
    floors = floor_module.load()
    evaluator = evaluator_class(workloads.large_snapshot())
    workloads.large_by_hand(floors)
    questions = workloads.large_questions()
    for key, context in questions[:2_000]:
        _check(evaluator.boolean(key, context, False) is floors.g(key, context, False) is True, f"W5 {key}")
        stranger = context | {"targetingKey": "nobody"}
        _check(evaluator.boolean(key, stranger, False) is floors.g(key, stranger, False) is False, f"W5 {key} miss")
    hot = _hot(questions)
    parse = _parser(json.dumps(questions))
    getter = "call(key, context, False)"
    cases = []
    for suffix, items, prepare in (("fresh", questions, None), ("hot", hot, None), ("JSON-parsed", questions, parse)):
        cases.append(Case(f"g {suffix}", floors.g, items, "key, context", getter, None, prepare))
        cases.append(Case(f"W5 boolean, {suffix}", evaluator.boolean, items, "key, context", getter, f"g {suffix}", prepare))
    cases.append(Case("W5 evaluate, fresh", evaluator.evaluate, questions, "key, context", "call(key, context)", "g fresh"))
    both = [context for _, context in questions] + [context for _, context in hot]
    return measure.results(measure.interleave(cases, rounds, before=lambda: measure.touch(both)), cases)


# --- load -------------------------------------------------------------------------------------------------------------


def load(evaluator_class: Any, rounds: int) -> Results:
    """Loading W5's snapshot against json.loads of the same project, with and without the SHA-256 a fetcher checks."""
    text = json.dumps(workloads.large_document())
    snapshot = workloads.large_snapshot()

    def with_name(data: bytes) -> Any:
        hashlib.sha256(data).hexdigest()
        return evaluator_class(data)

    def cold(items: list[Any]) -> list[Any]:
        gc.collect()
        return items

    cases = [
        Case("json.loads", json.loads, [text], "data", "call(data)", None, cold),
        Case("W5 load", evaluator_class, [snapshot], "data", "call(data)", "json.loads", cold),
        Case("W5 load and SHA-256", with_name, [snapshot], "data", "call(data)", "json.loads", cold),
    ]
    return measure.results(measure.interleave(cases, rounds), cases)


def run(rounds: int, only: str | None = None) -> Results:
    """All parts, or the one named ``small``, ``large`` or ``load``."""
    from evaluator import IMPLEMENTATION, Evaluator

    if IMPLEMENTATION != "fast":
        raise SystemExit("the benchmarks are of the Cython core, and it isn't the one loaded")
    found: Results = {}
    for name, part, share in (("small", small, 1), ("large", large, 1), ("load", load, 3)):
        if only in (None, name):
            found |= part(Evaluator, max(5, rounds // share))
    return found


def in_fresh_process(part: str, rounds: int) -> Results:
    """One part in an interpreter of its own: where things lie in memory moves ratios by 5 % from process to process."""
    return fresh("benchmarks.bench_core", "--only", part, "--rounds", str(rounds))


def fresh(module: str, *arguments: str) -> Results:
    """What a module of benchmarks prints as JSON, from a process of its own."""
    command = [sys.executable, "-m", module, "--json", *arguments]
    environment = os.environ | {"EVALUATOR_IMPL": "fast"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    found: Results = json.loads(done.stdout)
    return found


def settled(part: str, rounds: int, processes: int) -> Results:
    """The median of every figure over several processes; ``ratios`` keeps each process's own."""
    return middles([in_fresh_process(part, rounds) for _ in range(processes)])


def middles(runs: list[Results]) -> Results:
    """The medians of several processes' figures."""
    found: Results = {}
    for name, first in runs[0].items():
        rows = [run[name] for run in runs]
        figures = {key: measure.middle([row[key] for row in rows]) for key in first if key != "floor"}
        ratios = {"floor": first["floor"], "ratios": [row["ratio"] for row in rows]} if "floor" in first else {}
        found[name] = figures | ratios
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--only", choices=("small", "large", "load"))
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    wanted = parser.parse_args()
    start = time.perf_counter()
    found = run(wanted.rounds, wanted.only)
    print(json.dumps(found, indent=2) if wanted.json else measure.table(found))
    if not wanted.json:
        print(f"({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
