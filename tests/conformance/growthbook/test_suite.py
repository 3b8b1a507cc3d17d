"""GrowthBook's public suite: the JavaScript SDK's cases, and those that only the Python SDK has.

A case's id is its section and its name. What isn't asked is listed in ``skips.toml``.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.growthbook.asking import OUTSIDE, answer, experiment, hashed, payload_of, unit_of
from tests.conformance.suite import Case, NotAsked, Suite

REASONS = {
    "unknownFeature": ("ERROR",),
    "cyclicPrerequisite": ("ERROR",),
    "defaultValue": ("DEFAULT", "STATIC"),
    "force": ("TARGETING_MATCH", "SPLIT"),
    "experiment": ("SPLIT",),
    "prerequisite": ("DEFAULT",),
}


def ask_feature(row: list[Any], core: ModuleType) -> None:
    _, context, key, expected = row
    found = answer(core, payload_of(context), key, context.get("attributes", {}))
    assert (found.value, found.reason in REASONS[expected["source"]]) == (expected["value"], True), found
    assert found.variant == expected.get("experimentResult", {}).get("key"), found
    assert found.error_code or (found.rule or "") == expected["ruleId"], found


def ask_condition(row: list[Any], core: ModuleType) -> None:
    _, condition, attributes, expected, *groups = row
    feature = {"defaultValue": False, "rules": [{"condition": condition, "force": True}]}
    payload = {"features": {"f": feature}, "savedGroups": groups[0] if groups else {}}
    found = answer(core, payload, "f", attributes)
    assert found.value is expected, found


def ask_run(row: list[Any], core: ModuleType) -> None:
    _, context, rule, value, included, hashed_in = row
    if "force" in rule:
        raise NotAsked("an experiment's forced variation, which a feature's rule can't have")
    found = experiment(core, rule, context.get("attributes", {}), context)
    assert found.value == (value if included else OUTSIDE), found
    assert included == hashed_in == (found.variant is not None), found


def ask_namespace(row: list[Any], core: ModuleType) -> None:
    _, user, namespace, expected = row
    found = experiment(core, {"variations": [0, 1], "namespace": namespace}, {"id": user})
    assert (found.value != OUTSIDE) is expected, found


def ask_ranges(row: list[Any], core: ModuleType) -> None:
    """Which variation each of many units gets, from one end of the ranges to the other and close to their ends."""
    _, (count, coverage, weights), ranges = row
    rule = {"seed": "asked", "hashVersion": 2, "variations": list(range(count)), "coverage": coverage, "weights": weights}
    points = [step / 50 for step in range(50)]
    points += [end + shift for each in ranges for end in each for shift in (-0.0002, 0.0002) if 0 <= end + shift < 1]
    for point in points:
        n = hashed("asked", unit_of(point), 2)
        if any(abs(n - end) < 1e-7 for each in ranges for end in each):  # the suite's ends are cut to 8 decimals
            continue
        wanted = next((index for index, (start, end) in enumerate(ranges) if start <= n < end), OUTSIDE)
        found = experiment(core, rule, {"id": unit_of(point)})
        assert found.value == wanted, (n, found)


def ask_choice(row: list[Any], core: ModuleType) -> None:
    _, n, ranges, index = row
    rule = {"seed": "asked", "hashVersion": 2, "variations": list(range(len(ranges))), "ranges": ranges}
    found = experiment(core, rule, {"id": unit_of(n)})
    assert found.value == (OUTSIDE if index < 0 else index), found


def ask_hash(row: list[Any], core: ModuleType) -> None:
    """A range that only this n lies in; nobody is in any for a version that there isn't.

    An empty seed is a filter's, because an experiment replaces it with its key."""
    seed, value, version, expected = row
    n = expected or 0
    spans = [[0, n], [n, n + 0.00005], [n + 0.00005, 1]]
    if seed:
        found = experiment(
            core, {"seed": seed, "hashVersion": version, "variations": [0, 1, 2], "ranges": spans}, {"id": value}
        )
        assert found.value == (OUTSIDE if expected is None else 1), found
        return
    for index, span in enumerate(spans):
        rule = {"variations": [0, 1], "filters": [{"seed": seed, "hashVersion": version, "ranges": [span]}]}
        found = experiment(core, rule, {"id": value})
        assert (found.value != OUTSIDE) is (index == 1 and expected is not None), found


def not_asked(why: str, row: Any, core: ModuleType) -> None:
    raise NotAsked(why)


SECTIONS: dict[str, Callable[[list[Any], ModuleType], None]] = {
    "evalCondition": ask_condition,
    "feature": ask_feature,
    "contextualBandit": ask_feature,
    "run": ask_run,
    "inNamespace": ask_namespace,
    "getBucketRange": ask_ranges,
    "chooseVariation": ask_choice,
    "hash": ask_hash,
}


def cases(data: Path) -> Iterator[Case]:
    """Every case of both files."""
    for name in ("cases.json", "cases-python-extra.json"):
        for section, rows in json.loads((data / name).read_text()).items():
            for number, row in enumerate(rows if isinstance(rows, list) else ()):
                ask = SECTIONS.get(section, partial(not_asked, f"{section} is about a client"))
                label = row[0] if section != "hash" else f"{row[0]!r} {row[1]!r} v{row[2]}"
                yield Case(f"{name[:-5]}/{section}/{number} {label}", partial(ask, row), group=section)


SUITE = Suite(__file__, cases)


@pytest.mark.parametrize("group", SUITE.groups)
def test_suite(group: str, implementation: ModuleType) -> None:
    SUITE.check(group, implementation)


def test_every_skip_has_a_case() -> None:
    SUITE.check_skips()
