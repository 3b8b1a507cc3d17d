"""How a case of GrowthBook's suite becomes a question: an SDK payload with one feature, and the attributes as the context.

The suite's functions are asked as features too; what they say of a number n is asked of a unit that has it.
"""

import math
from functools import cache
from types import ModuleType
from typing import Any

from config_sync.compile import compile_project
from tests.conformance.suite import NotAsked

OUTSIDE = {"outside": "every variation"}  # a default that no variation of the suite is equal to
CLIENT = ("forcedVariations", "qaMode", "enabled", "url")


def answer(core: ModuleType, payload: dict[str, Any], key: str, attributes: dict[str, Any]) -> Any:
    """The evaluation of a feature."""
    result = compile_project(payload, "growthbook")
    assert result.snapshot is not None, [item.message for item in result.diagnostics]
    context = dict(attributes)
    if attributes.get("id"):
        context["targetingKey"] = str(attributes["id"])
    return core.Evaluator(result.snapshot).evaluate(key, context)


def payload_of(context: dict[str, Any], **features: Any) -> dict[str, Any]:
    """The payload of a case's context, and features beside those it has."""
    client = [name for name in CLIENT if context.get(name) not in (None, "", {}, True)] + ["qaMode"] * bool(
        context.get("qaMode")
    )
    if client:
        raise NotAsked(f"a client's own {client[0]}")
    parts: dict[str, Any] = {name: context[name] for name in ("savedGroups", "contextualBandits") if name in context}
    return {"features": {**context.get("features", {}), **features}, **parts}


def experiment(
    core: ModuleType, rule: dict[str, Any], attributes: dict[str, Any], context: dict[str, Any] | None = None
) -> Any:
    """The evaluation of a feature with one experiment and a default that no variation has."""
    feature = {"defaultValue": OUTSIDE, "rules": [rule]}
    return answer(core, payload_of(context or {}, asked=feature), "asked", attributes)


def hashed(seed: str, value: str, version: int) -> float:
    """GrowthBook's n, worked out here."""
    if version == 1:
        return fnv1a(value + seed) % 1000 / 1000
    return fnv1a(str(fnv1a(seed + value))) % 10000 / 10000


def fnv1a(text: str) -> int:
    digest = 0x811C9DC5
    units = text.encode("utf-16-le")
    for at in range(0, len(units), 2):
        digest = ((digest ^ int.from_bytes(units[at : at + 2], "little")) * 0x01000193) % 2**32
    return digest


@cache
def _units() -> dict[int, str]:
    """A unit for each of the 10,000 buckets of version 2 with the seed "asked"."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < 10_000:
        found.setdefault(round(hashed("asked", f"u{number}", 2) * 10_000), f"u{number}")
        number += 1
    return found


def unit_of(n: float) -> str:
    """A unit whose n is this, or the nearest below."""
    return _units()[min(9_999, math.floor(n * 10_000 + 1e-9))]
