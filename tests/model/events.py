"""The events of the model: few users, few hours, and every fate there is. For ``tests.model.world``."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.model.ledger import Sent

ARRIVAL_MS = 1_770_076_799_000  # 2026-02-02T23:59:59Z: a day and an hour end within the first records
HOUR_MS = 3_600_000
EXPERIMENT = "exp_checkout"
OTHER = "search#1"  # isn't in the snapshot, and needs escaping
USERS = ("ada", "bob", "cleo", "dan#é", "eve")
VARIANTS = {"ada": "control", "bob": "treatment", "cleo": "treatment", "dan#é": "control"}  # eve has no assignment
TOLD = "fay"  # has none either, and is only ever told of by exposures
PHASES = {"ada": 1, "bob": 1, "cleo": 2, "dan#é": 2}
ASSIGNED_MS = {1: ARRIVAL_MS - 90 * HOUR_MS, 2: ARRIVAL_MS - 60 * HOUR_MS}
PHASE_STARTS_MS = {1: ARRIVAL_MS - 100 * HOUR_MS, 2: ARRIVAL_MS - 70 * HOUR_MS}
BACK_MS = (0, 0, 10, 400_000, HOUR_MS, 25 * HOUR_MS)  # how long before its arrival an event happened
TYPES = ("purchase", "exposure")
REVENUES = ("", "", "9.5", "0.01", "-3", "120000")
KINDS = ("dated", "dated", "dated", "undated", "undated", "other", "told", "unassigned", "free", "early", "future", "old")
POISON = ("json", "utf8", "contract", "kpl", "array")


def make(number: int, kind: str, user: int, back: int, event_type: int, revenue: int, now_ms: int) -> Sent:
    """An event whose id has this number. ``kind`` is one of ``KINDS``; the others choose from the lists above."""
    name = {"told": TOLD, "unassigned": "eve"}.get(kind) or USERS[user % 4]
    event_id = f"event-{number}"
    document: dict[str, Any] = {"event_id": event_id, "user_id": name, "event_type": TYPES[event_type % 2]}
    at_ms = now_ms - BACK_MS[back % len(BACK_MS)]
    experiment, variant, phase, fate = EXPERIMENT, VARIANTS.get(name), PHASES.get(name, 0), "counted"
    if kind == "other":
        experiment, phase = OTHER, 0
    elif kind == "told":
        document["event_type"], document["properties"], variant, phase = "exposure", {"variant": "treatment"}, "treatment", 2
    elif kind == "unassigned":
        document["event_type"], fate = "purchase", "archived"
    elif kind == "early":
        at_ms, fate = now_ms - 100 * HOUR_MS, "archived"
    elif kind == "free":
        experiment, fate = "", "archived"
    elif kind == "future":
        at_ms, fate = now_ms + 301_000, "quarantined"
    elif kind == "old":
        at_ms, fate = now_ms - 169 * HOUR_MS, "quarantined"
    if experiment:
        document["experiment_id"] = experiment
    if kind == "undated" or (kind == "told" and at_ms == now_ms):  # as in an outage of the assignments' store
        at_ms = now_ms
    else:
        document["timestamp"] = _iso(at_ms)
    money = REVENUES[revenue % len(REVENUES)]
    if money:
        document["properties"] = document.get("properties", {}) | {"revenue": json.loads(money), "note": "n"}
    return Sent(
        event_id,
        json.dumps(document).encode(),
        name,
        fate,
        at_ms,
        document["event_type"],
        _unprefixed(experiment),
        variant,
        phase,
        Decimal(money) if money else None,
    )


def _unprefixed(experiment: str) -> str:
    """As it stands in a key after ``exp_``."""
    return experiment.removeprefix("exp_").replace("%", "%25").replace("#", "%23")


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def poison(number: int, kind: str) -> bytes:
    """Bytes that are no event; each number's are its own."""
    if kind == "json":
        return f'{{"event_id": "poison-{number}", '.encode()
    if kind == "utf8":
        return b"\xff\xfe" + str(number).encode()
    if kind == "kpl":
        return b"\xf3\x89\x9a\xc2" + str(number).encode()
    if kind == "array":
        return f"[{number}]".encode()
    return json.dumps({"event_id": f"poison-{number}", "event_type": "no spaces", "user_id": "ada"}).encode()


# --- what is there before the first event -----------------------------------------------------------------------------


def phases() -> list[dict[str, Any]]:
    """The experiment's two phases, as items of the table of counters."""
    half = {"M": {"control": {"N": "0.5"}, "treatment": {"N": "0.5"}}}
    return [
        {
            "partition_key": {"S": f"{EXPERIMENT}#phases"},
            "sort_key": {"S": f"phase#{number:06d}"},
            "started_ms": {"N": str(started)},
            "allocation": half,
            "version": {"N": str(number)},
        }
        for number, started in PHASE_STARTS_MS.items()
    ]


def assignments() -> list[dict[str, Any]]:
    """Of every user but one, in both experiments, as items of the assignments table."""
    return [
        {
            "user_id": {"S": user},
            "experiment_id": {"S": experiment},
            "assignment_id": {"S": f"assign-{place}"},
            "experiment_key": {"S": "checkout"},
            "variant": {"S": variant},
            "timestamp": {"S": _iso(ASSIGNED_MS[PHASES[user]])},
        }
        for place, (user, variant) in enumerate(VARIANTS.items())
        for experiment in (EXPERIMENT, OTHER)
    ]
