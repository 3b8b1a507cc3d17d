"""LaunchDarkly against the evaluator inside ``launchdarkly-server-sdk``: flags, segments, prerequisites, targets, rollouts.

That evaluator is asked for the whole answer: value, variation and the kind of its reason. Python's SDK computes buckets in
doubles, as the launchdarkly dialect does.
"""

import json
from random import Random
from typing import Any

from tests.differential.drawing import present, several, some, weighted, word
from tests.differential.harness import Answer, Engine, Question, Refused, agree

REQUIRES = {"launchdarkly": ["launchdarkly-server-sdk>=9.10,<10"]}

COUNTRIES = ("US", "CA", "GB", "DE", "")
VERSIONS = (
    "1.2.3",
    "1.2.4",
    "2.0.0",
    "2.0",
    "2",
    "1.2.3-beta.1",
    "1.2.3-beta.10",
    "1.2.3+b5",
    "2+b",
    "v1.2.3",
    "01.2.3",
    "x",
    "1.2.3.4",
)
DATES = (
    "2024-02-29T12:00:00Z",
    "2024-02-29T12:00:00.123Z",
    "2024-02-29T13:00:00+01:00",
    "2024-02-29",
    "x",
    1709208000000,
    1.7e12,
    "1709208000000",
)
PATTERNS = ("^a", "z$", "[0-9]+", "a.c", "(?i)AB", "^$", "@ingen\\.com$", "b|c")
OPERATORS = {
    "country": ("in", "startsWith", "endsWith", "contains", "matches", "lessThan"),
    "email": ("endsWith", "contains", "startsWith", "matches", "in"),
    "age": ("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual", "in", "contains"),
    "version": ("semVerEqual", "semVerLessThan", "semVerGreaterThan", "in"),
    "since": ("before", "after", "in"),
    "beta": ("in",),
    "tags": ("in", "contains", "matches"),
    "key": ("in", "startsWith", "matches"),
    "anonymous": ("in",),
    "/user/plan": ("in", "startsWith"),
    "/user/seats": ("lessThan", "in"),
    "/country": ("in",),
    "tier": ("lessThan", "in"),
}
VALUES: dict[str, tuple[Any, ...]] = {
    "email": ("@ingen.com", "a", "", "ann@ingen.com"),
    "age": (18, 18.5, 0, -1, "18", 65),
    "version": VERSIONS,
    "since": DATES,
    "beta": (True, False, 1, "true"),
    "tags": ("a", "b", 1, True, ["a"]),
    "key": ("user-1", "user-2", "o1", "user"),
    "anonymous": (True, False),
    "/user/plan": ("free", "paid"),
    "/user/seats": (1, 5, 3.5),
    "tier": (1, 2, 3),
}  # fmt: skip
KEYS = (*(f"user-{number}" for number in range(8)), "", "o1", "o2", "7")
WEIGHTS = (0, 1, 10_000, 25_000, 33_333, 50_000, 60_000, 100_000)


def generate(chance: Random) -> list[Question]:
    """Three flags that may need one another, two segments; six contexts, each asked of a flag."""
    names, segments = ("f", "g", "h"), ("s", "t")
    document = {
        "flags": {name: Writer(chance, segments, names).flag(name) for name in names},
        "segments": {name: Writer(chance, segments, names).segment(name) for name in segments},
    }
    return [Question(document, chance.choice((*names, "f", "f")), context(chance)) for _ in range(6)]


def context(chance: Random) -> dict[str, Any]:
    """A user, one other kind, or several kinds."""
    user, org = _single(chance), _single(chance)
    return weighted(
        chance,
        [
            (6, lambda: user),
            (1, lambda: {"kind": "org", **org}),
            (1, lambda: {"kind": "user", **user}),
            (3, lambda: {"kind": "multi", "targetingKey": user["targetingKey"], "user": user, "org": org}),
            (1, lambda: {"kind": "multi", "org": org, "device": user}),
        ],
    )


def _single(chance: Random) -> dict[str, Any]:
    odd = (None, [], {"a": 1}, True, 7, 2.5, "text", ["a", 3])
    found = present(
        chance,
        {
            "country": lambda: chance.choice(COUNTRIES),
            "email": lambda: word(chance, 4) + chance.choice(("@ingen.com", "")),
            "age": lambda: chance.choice((17, 18, 18.0, 18.5, 64, 70, "18")),
            "version": lambda: chance.choice(VERSIONS),
            "since": lambda: chance.choice(DATES),
            "beta": lambda: chance.random() < 0.5,
            "tags": lambda: several(chance, lambda: chance.choice(("a", "b", 1, True, "abc")), 0, 3),
            "user": lambda: {"plan": chance.choice(("free", "paid")), "seats": chance.choice((1, 3, 5))},
            "tier": lambda: chance.randint(0, 4),
            "anonymous": lambda: chance.random() < 0.5,
        },
        missing=0.35,
        null=0.0,
    )
    if chance.random() < 0.15:
        found[chance.choice(("country", "email", "age", "version", "since", "tags", "user"))] = chance.choice(odd)
    key = chance.choice(KEYS) if chance.random() < 0.6 else f"user-{chance.randrange(10**6)}"
    return {"targetingKey": key or "user-0", **{name: value for name, value in found.items() if value is not None}}


class Writer:
    """Draws flags and segments as LaunchDarkly's server sends them."""

    def __init__(self, chance: Random, segments: tuple[str, ...], flags: tuple[str, ...]) -> None:
        self._chance, self._segments, self._flags = chance, segments, flags

    def flag(self, name: str) -> dict[str, Any]:
        chance = self._chance
        values = chance.choice(([True, False, True], ["a", "b", "c"], [1, 2.5, 0], [{"n": 1}, [], "mixed"]))
        later = self._flags[self._flags.index(name) + 1 :]  # no circles: docs/dialects/launchdarkly.md has the difference there
        needed = some(chance, later) if chance.random() < 0.3 else []
        return {
            "key": name,
            "version": chance.randint(1, 9),
            "on": chance.random() < 0.9,
            "salt": chance.choice(("salt", "", "é")),
            "variations": values,
            "offVariation": chance.choice((0, 1, 2, None)),
            "fallthrough": self._choice(),
            "prerequisites": [{"key": key, "variation": chance.randint(0, 2)} for key in needed],
            "targets": several(chance, lambda: {"values": some(chance, KEYS[:4]), "variation": chance.randint(0, 2)}, 0, 2),
            "contextTargets": self._context_targets(),
            "rules": [
                {"id": f"r{number}", "clauses": self._clauses(), **self._choice()} for number in range(chance.randint(0, 3))
            ],
        }

    def segment(self, name: str) -> dict[str, Any]:
        chance = self._chance
        by_kind = {"contextKind": "org", "values": some(chance, KEYS[8:])}
        return {
            "key": name,
            "version": 1,
            "salt": chance.choice(("salt", "")),
            "included": some(chance, KEYS[:3]) if chance.random() < 0.5 else [],
            "excluded": some(chance, KEYS[:4]) if chance.random() < 0.5 else [],
            "includedContexts": several(chance, lambda: by_kind, 0, 1),
            "excludedContexts": several(chance, lambda: by_kind, 0, 1),
            "rules": several(chance, lambda: self._segment_rule(name), 0, 2),
        }

    def _segment_rule(self, name: str) -> dict[str, Any]:
        chance = self._chance
        nested = self._segments[self._segments.index(name) + 1 :]
        clauses = several(chance, self._clause, 0, 2) + ([self._in_segment(nested)] if nested and chance.random() < 0.3 else [])
        weight = {"weight": chance.choice(WEIGHTS)} if chance.random() < 0.5 else {}
        by = {"bucketBy": chance.choice(("key", "country", "age"))} if weight and chance.random() < 0.3 else {}
        kind = {"rolloutContextKind": chance.choice(("user", "org"))} if weight and chance.random() < 0.3 else {}
        return {"clauses": clauses, **weight, **by, **kind}

    def _context_targets(self) -> list[dict[str, Any]]:
        chance = self._chance
        if chance.random() < 0.6:
            return []
        kinds = (("user", []), ("org", some(chance, KEYS[8:])), ("device", some(chance, KEYS)))
        return several(
            chance,
            lambda: dict(zip(("contextKind", "values"), chance.choice(kinds), strict=True), variation=chance.randint(0, 2)),
            1,
            2,
        )

    def _choice(self) -> dict[str, Any]:
        chance = self._chance
        if chance.random() < 0.5:
            return {"variation": chance.randint(0, 2)}
        parts = [{"variation": number, "weight": chance.choice(WEIGHTS)} for number in range(chance.randint(1, 3))]
        rollout: dict[str, Any] = {"variations": parts}
        if chance.random() < 0.4:
            rollout["contextKind"] = chance.choice(("user", "org"))
        if chance.random() < 0.4:
            rollout["bucketBy"] = chance.choice(("key", "country", "age", "email", "beta", "tags", "tier"))
        if chance.random() < 0.3:
            rollout["seed"] = chance.choice((61, 0, 123_456_789))
        if chance.random() < 0.3:
            rollout["kind"] = chance.choice(("experiment", "rollout"))
        return {"rollout": rollout}

    def _clauses(self) -> list[dict[str, Any]]:
        chance = self._chance
        return several(chance, lambda: self._in_segment(self._segments) if chance.random() < 0.2 else self._clause(), 1, 3)

    def _in_segment(self, names: tuple[str, ...]) -> dict[str, Any]:
        values = some(self._chance, (*names, "absent"), 1)
        return {"attribute": "", "op": "segmentMatch", "values": values, "negate": self._chance.random() < 0.3}

    def _clause(self) -> dict[str, Any]:
        chance = self._chance
        negate = chance.random() < 0.3
        if chance.random() < 0.08:
            return {"attribute": "kind", "op": "in", "values": some(chance, ("user", "org", "multi"), 1), "negate": negate}
        attribute = chance.choice(list(OPERATORS))
        operator = (
            chance.choice(OPERATORS[attribute])
            if chance.random() < 0.95
            else chance.choice(("in", "before", "semVerEqual", "odd"))
        )
        pool = PATTERNS if operator == "matches" else VALUES.get(attribute, COUNTRIES)
        values = several(chance, lambda: chance.choice(pool), 0 if chance.random() < 0.1 else 1, 3)
        kind = {"contextKind": chance.choice(("user", "user", "org"))} if chance.random() < 0.7 or "/" in attribute else {}
        return {**kind, "attribute": attribute, "op": operator, "values": values, "negate": negate}


# --- the vendor ---------------------------------------------------------------------------------------------------------

REASONS = {
    "OFF": ("DISABLED",),
    "FALLTHROUGH": ("DEFAULT", "STATIC", "SPLIT"),
    "TARGET_MATCH": ("TARGETING_MATCH",),
    "RULE_MATCH": ("TARGETING_MATCH", "SPLIT"),
    "PREREQUISITE_FAILED": ("DEFAULT", "DISABLED"),
    "ERROR": ("ERROR",),
}


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """The SDK's evaluator over its own models. Raises Refused where these don't take the document."""
    from ldclient.context import Context
    from ldclient.impl.evaluator import Evaluator
    from ldclient.impl.events.types import EventFactory
    from ldclient.impl.model import FeatureFlag, Segment

    copied = json.loads(json.dumps(document))
    try:
        flags = {key: FeatureFlag(flag) for key, flag in copied["flags"].items()}
        segments = {key: Segment(segment) for key, segment in copied["segments"].items()}
    except (ValueError, TypeError) as error:
        raise Refused(str(error)) from error
    evaluator, events = Evaluator(flags.get, segments.get, None), EventFactory(False)  # type: ignore[arg-type]

    def ask(question: Question) -> Answer:
        detail = evaluator.evaluate(flags[question.key], Context.from_dict(_theirs(question.context)), events).detail
        variant = None if detail.variation_index is None else str(detail.variation_index)
        return Answer(detail.value, variant, detail.reason["kind"])

    return ask


def _theirs(context: dict[str, Any]) -> dict[str, Any]:
    """LaunchDarkly's own form: a kind and a key."""
    if context.get("kind") == "multi":
        kinds = {kind: _keyed(part) for kind, part in context.items() if kind not in ("kind", "targetingKey")}
        return {"kind": "multi", **kinds}
    return {"kind": "user", **_keyed(context)}


def _keyed(context: dict[str, Any]) -> dict[str, Any]:
    return {"key": context["targetingKey"], **{name: value for name, value in context.items() if name != "targetingKey"}}


def reasons_agree(theirs: Any, ours: Any) -> bool:
    """Whether our word is one of those that LaunchDarkly's stands for."""
    return ours in REASONS[theirs]


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """Where Python's SDK differs from the others: asked so that it can't matter, it agrees."""
    whole = question._replace(context=_whole(question.context))
    if agree(theirs(question.document, dialect)(whole), answer, reasons_agree):
        return "18.0 is the whole number 18 as a unit"
    told = json.loads(json.dumps(question.document), object_hook=_without_empty_shares)
    if agree(theirs(told, dialect)(whole), answer, reasons_agree):
        return "a context without the rollout's kind has bucket 0, which isn't in a first share of 0"
    return None


def _whole(value: Any) -> Any:
    """Doubles without a fraction as integers."""
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without_empty_shares(part: dict[str, Any]) -> dict[str, Any]:
    """A rollout without the shares of 0 that it begins with, a segment's rule of 0 for nobody: the same for buckets from 0."""
    if part.get("weight") == 0 and "clauses" in part:
        return part | {"clauses": [{"attribute": "key", "op": "in", "values": []}]}
    shares = part.get("variations", [])
    while len(shares) > 1 and isinstance(shares[0], dict) and shares[0].get("weight") == 0:
        shares = shares[1:]
    return part | {"variations": shares} if "variations" in part else part
