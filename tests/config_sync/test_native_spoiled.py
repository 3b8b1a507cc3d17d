"""Spoiled projects: nothing raises, everything renders, what comes out loads, and a mistake stays inside its own flag."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config_sync import ir
from config_sync.compile import CompileResult, compile_project
from config_sync.diagnostics import Diagnostics
from config_sync.render import render
from config_sync.sources import read_sources
from evaluator import Evaluator
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
TABLE_FLAG = {
    "enabled": True,
    "rollout_percentage": 30,
    "targeting_rules": {
        "rules": [
            {
                "id": "a",
                "rule": {"operator": "or", "conditions": [{"attribute": "x", "operator": "in", "value": ["a"]}]},
                "rollout_percentage": 20,
                "priority": 1,
            }
        ],
        "default_rule": {"id": "d", "rule": {}},
    },
    "variants": [{"key": "a", "allocation": 0.5, "payload": 1}, {"key": "b", "allocation": 0.5}],
    "layer": {"name": "checkout", "range": [[0, 1]]},
    "holdouts": ["nothing-new"],
    "schedule": {"start": 5, "end": "2030-01-01"},
    "overrides": {"u": "a"},
    "prerequisites": [{"flag": "sales-open"}],
}
JUNK: list[Any] = [None, True, False, 0, 1, -1, 1.5, 1e308, 10**18, "", "x", "on", "1", "50", "2024-01-01", "\0on", "a" * 300]
JUNK += [[], {}, [None], [[]], [1, 2], ["a", "b"], {"a": 1}, {"key": "a"}, {"segment": "staff"}, {"operator": "not"}]
JUNK += [{"attribute": "x", "operator": "eq", "value": 1}, {"variants": {}}, float("nan"), b"x", {1: 2}]
FIELDS = ["x", "rules", "variants", "type", "when", "salt", "all", "operator"]
CONTEXT = {"targetingKey": "u", "x": "a", "country": "DE"}


def example() -> dict[str, Any]:
    """The example project in one mapping, with a table flag that uses everything, and the exact forms' golden case."""
    whole: dict[str, Any] = {}
    for source in read_sources(EXAMPLES, Diagnostics()):
        whole |= source.data
    del whole["experiments"]["checkout-button"]["layer"]
    exact = read_sources(ROOT / "tests" / "golden" / "exact", Diagnostics())[-1].data
    flags = {key: flag for key, flag in exact["flags"].items() if "error" not in flag}
    segments = {**whole["segments"], **exact["segments"]}
    return copy.deepcopy({**whole, "segments": segments, "flags": {**whole["flags"], **flags, "table": TABLE_FLAG}})


def paths(data: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if above:
        yield above
    steps = list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for step in steps:
        yield from paths(data[step], (*above, step))


def spoil(data: Any, path: tuple[str | int, ...], chance: random.Random) -> None:
    """Replaces, removes or adds something at the path, if it is still there."""
    try:
        for step in path[:-1]:
            data = data[step]
        what = chance.random()
        if what < 0.7:
            data[path[-1]] = copy.deepcopy(chance.choice(JUNK))
        elif what < 0.85:
            del data[path[-1]]
        elif isinstance(data, dict):
            data[chance.choice(FIELDS)] = copy.deepcopy(chance.choice(JUNK))
    except (LookupError, TypeError):
        pass


def survives(result: CompileResult) -> None:
    assert render(result.diagnostics).count("\n") >= len(result.diagnostics)
    assert result.snapshot is not None or result.has_errors
    if result.snapshot is not None:
        Evaluator(result.snapshot).evaluate_all(CONTEXT)


@pytest.mark.parametrize("seed", range(8))
def test_spoiled_mappings_raise_nothing(seed: int) -> None:
    chance, good = random.Random(seed), example()
    everywhere = list(paths(good))
    for _ in range(100):
        document = copy.deepcopy(good)
        for _ in range(chance.choice([1, 1, 2, 3])):
            spoil(document, chance.choice(everywhere), chance)
        survives(compile_project(document))


@pytest.mark.parametrize("seed", range(4))
def test_a_spoiled_flag_leaves_the_others_as_they_were(seed: int) -> None:
    chance, good = random.Random(seed), example()
    before = flags_of(compile_project(good))
    for _ in range(60):
        key = chance.choice(
            ["table", "hero-banner", "max-tickets", "service-fee", "waiting-room", "truths", "paths", "computed"]
        )
        document = copy.deepcopy(good)
        spoil(document, chance.choice([path for path in paths(good) if path[:2] == ("flags", key) and len(path) > 2]), chance)
        after = flags_of(compile_project(document))
        assert {name: flag for name, flag in after.items() if name != key} == {
            name: flag for name, flag in before.items() if name != key
        }


def flags_of(result: CompileResult) -> dict[str, ir.Flag]:
    assert result.project is not None
    return {flag.key: flag for flag in result.project.flags}


@pytest.mark.parametrize("name", ["flags.yaml", "experiments.yaml"])
def test_spoiled_texts_raise_nothing(tmp_path: Path, name: str) -> None:
    chance, text = random.Random(name), (EXAMPLES / name).read_text()
    path = tmp_path / name
    for _ in range(120):
        at = chance.randrange(len(text))
        cut, new = (
            chance.choice([0, 1, 5]),
            chance.choice(["", ":", "- ", "{", "]", "\n", "\t", "&a ", "*a", "!!x ", '"', "\x01", "🎫"]),
        )
        path.write_text(text[:at] + new + text[at + cut :])
        survives(compile_project(path))
