"""GrowthBook against its Python SDK (``growthbook``).

The JavaScript SDK is what docs/dialects/growthbook.md follows; ``explained`` says where the Python SDK isn't it.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.differential.drawing import present, several, some, weighted, word
from tests.differential.harness import Answer, Engine, Question

REQUIRES = {"growthbook": ["growthbook>=4,<5"]}

COUNTRIES = ("DE", "US", "CA", "GB", "us", "")
VERSIONS = (
    "1.2.3",
    "1.2.4",
    "v1.2.3",
    "2.0.0",
    "1.2.3-beta.1",
    "1.2.3-beta.2",
    "1.2",
    "1",
    "1.2.3+b5",
    "01.2.3",
    "x",
    "10.0.0",
    "1.10.0",
)
SCALARS = (0, 1, 5, 18, -1, 2.5, "5", "18", "", "true", "a", "US", True, False, None, "null", "1e1", " 7 ")
STRANGE = (
    *SCALARS,
    [],
    ["US"],
    [5],
    ["a", "US"],
    [None],
    [[1]],
    {},
    {"a": 1},
    {"b": 2, "a": 1},
    {"a": 1, "b": 2},
    "0x10",
    1e21,
)
PATTERNS = (
    "^U",
    "S$",
    "(US|DE)",
    "[a-c]+",
    "^\\d+$",
    "\\bus\\b",
    "u.",
    "^$",
    "null",
    "a{2,3}",
    "[^\\w]",
    "e\\.g",
    "x/y",
    "(",
    "a**",
)
BOUNDS = (18, 0, 5, 2.5, "18", "US", "a", None, True)
KEYS = ("first", "second", "third")


def generate(chance: Random) -> list[Question]:
    """A payload of three features, the later with the earlier as prerequisites, asked eight times."""
    writer = Writer(chance)
    features = {key: writer.feature(list(KEYS[:number])) for number, key in enumerate(KEYS)}
    payload: dict[str, Any] = {
        "features": features,
        "savedGroups": {"few": several(chance, writer.scalar, 0, 5), "ids": ["u1", "u2", 5]},
    }
    payload["contextualBandits"] = {"bandit": writer.bandit()}
    return [Question(payload, chance.choice((*KEYS, KEYS[-1], "absent")), context(chance)) for _ in range(8)]


def context(chance: Random) -> dict[str, Any]:
    """Mostly what rules expect, sometimes missing, null or of another type."""
    attributes: dict[str, Callable[[], Any]] = {
        "id": lambda: chance.choice((f"u{chance.randrange(10**6)}", word(chance), chance.randrange(10**6), 0, "", 1.5)),
        "country": lambda: chance.choice(COUNTRIES),
        "age": lambda: chance.choice((chance.randint(-2, 90), chance.randint(0, 900) / 10, "30")),
        "version": lambda: chance.choice((*VERSIONS, 1, 2.5)),
        "beta": lambda: chance.random() < 0.5,
        "tags": lambda: several(chance, lambda: chance.choice((*COUNTRIES, "a", 5, None, {"a": "US"}, {"a": 5})), 0, 3),
        "user": lambda: {"plan": chance.choice(("free", "paid", None)), "seats": chance.randint(0, 9)},
        "odd": lambda: chance.choice(STRANGE),
    }
    found = present(chance, attributes, missing=0.15)
    if found.get("id"):
        found["targetingKey"] = str(found["id"])
    return found


class Writer:
    """Draws features as GrowthBook's payloads have them."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def scalar(self) -> Any:
        return self._chance.choice(SCALARS)

    def value(self) -> Any:
        return self._chance.choice((True, False, "on", "off", 0, 1, 2.5, None, {"a": [1]}, "US"))

    def feature(self, parents: list[str]) -> dict[str, Any]:
        feature: dict[str, Any] = {"defaultValue": self.value()} if self._chance.random() < 0.9 else {}
        rules = several(self._chance, lambda: self.rule(parents), 0, 4)
        return {**feature, "rules": rules} if rules or self._chance.random() < 0.5 else feature

    def rule(self, parents: list[str]) -> dict[str, Any]:
        chance = self._chance
        rule: dict[str, Any] = weighted(chance, [(5, self.forced), (5, self.experiment), (1, dict)])
        if chance.random() < 0.6:
            rule["condition"] = self.condition(2)
        if chance.random() < 0.3:
            rule["id"] = f"rule-{chance.randrange(9)}"
        if parents and chance.random() < 0.3:
            rule["parentConditions"] = several(chance, lambda: self.parent(parents), 1, 2)
        if chance.random() < 0.15:
            rule["filters"] = several(chance, self.filter, 1, 2)
        return rule

    def parent(self, parents: list[str]) -> dict[str, Any]:
        chance = self._chance
        parent: dict[str, Any] = {"id": chance.choice((*parents, "absent"))}
        if chance.random() < 0.9:
            parent["condition"] = {"value": self.plain_or_operators()}
        if chance.random() < 0.4:
            parent["gate"] = True
        return parent

    def hashing(self) -> dict[str, Any]:
        chance = self._chance
        fields: dict[str, Callable[[], Any]] = {
            "hashAttribute": lambda: chance.choice(("id", "country", "age", "odd", "beta")),
            "hashVersion": lambda: chance.choice((1, 2, 2, 3)),
            "seed": lambda: word(chance),
        }
        return present(chance, fields, missing=0.6, null=0.0)

    def forced(self) -> dict[str, Any]:
        rule = {"force": self.value(), **self.hashing()}
        if self._chance.random() < 0.5:
            rule["coverage"] = self.share()
        if self._chance.random() < 0.2:
            rule["range"] = self.span()
        return rule

    def share(self) -> float:
        return self._chance.choice((0, 0.1, 0.25, 0.333, 0.5, 0.8, 0.999, 1, self._chance.random()))

    def span(self) -> list[float]:
        return sorted([self.share(), self.share()])

    def spans(self) -> list[list[float]]:
        return several(self._chance, self.span, 1, 3)

    def filter(self) -> dict[str, Any]:
        found: dict[str, Any] = {"seed": word(self._chance), "ranges": self.spans()}
        if self._chance.random() < 0.3:
            found["attribute"] = self._chance.choice(("id", "country", "odd"))
        if self._chance.random() < 0.3:
            found["hashVersion"] = self._chance.choice((1, 2))
        return found

    def experiment(self) -> dict[str, Any]:
        chance = self._chance
        count = chance.choice((2, 2, 3, 4, 1))
        rule: dict[str, Any] = {"variations": [self.value() for _ in range(count)], **self.hashing()}
        fields: dict[str, Callable[[], Any]] = {
            "key": lambda: word(chance) or "key",
            "weights": lambda: chance.choice(
                ([1 / count] * count, [0.7, 0.3], [0.1] * count, [*[0.2] * (count - 1), 1.2 - 0.2 * count])
            ),
            "coverage": self.share,
            "ranges": lambda: several(chance, self.span, 1, count),
            "namespace": lambda: ["space", *self.span()],
            "meta": lambda: [
                {"key": f"v{n}", **({"passthrough": True} if chance.random() < 0.2 else {})} for n in range(count)
            ],
        }
        rule |= present(chance, fields, missing=0.6, null=0.0)
        if chance.random() < 0.15:
            rule["contextualVariations"] = rule.pop("variations")
            rule["contextualBanditRef"] = chance.choice(("bandit", "absent"))
        return rule

    def bandit(self) -> dict[str, Any]:
        chance = self._chance

        def leaf() -> dict[str, Any]:
            condition = self.condition(1) if chance.random() < 0.8 else {}
            return {
                "leafId": chance.randrange(9),
                "condition": condition,
                "weights": chance.choice(([1, 0], [0, 1], [0.5, 0.5], [0.2, 0.3, 0.5])),
            }

        return {"banditVersion": 1, "contexts": several(chance, leaf, 0, 3)}

    # --- conditions -----------------------------------------------------------------------------------------------------

    def condition(self, depth: int) -> dict[str, Any]:
        chance = self._chance
        found = {path: self.plain_or_operators() for path in some(chance, PATHS)[: chance.choice((1, 1, 2))]}
        if depth > 1 and chance.random() < 0.35:
            parts = several(chance, lambda: self.condition(depth - 1), 0, 3)
            group = chance.choice(("$or", "$and", "$nor", "$not"))
            found[group] = (parts or [{}])[0] if group == "$not" else parts
        return found

    def plain_or_operators(self) -> Any:
        if self._chance.random() < 0.4:
            return self._chance.choice((*SCALARS, *COUNTRIES, 18, ["US"], {"a": 1}, {"plan": "free"}, [5], [], {}))
        return dict(several(self._chance, self.operator, 1, 2))

    def operator(self) -> tuple[str, Any]:
        chance = self._chance
        listed = several(chance, lambda: chance.choice((*COUNTRIES, *SCALARS)), 0, 4)
        return weighted(
            chance,
            [
                (3, lambda: (chance.choice(("$eq", "$ne")), self.scalar())),
                (4, lambda: (chance.choice(("$lt", "$lte", "$gt", "$gte")), chance.choice(BOUNDS))),
                (4, lambda: (chance.choice(("$in", "$nin", "$ini", "$nini")), listed)),
                (1, lambda: (chance.choice(("$inGroup", "$notInGroup")), chance.choice(("few", "ids", "absent")))),
                (1, lambda: (chance.choice(("$all", "$alli")), listed[:2])),
                (2, lambda: (chance.choice(("$regex", "$regexi")), chance.choice(PATTERNS))),
                (2, lambda: (chance.choice(("$veq", "$vne", "$vgt", "$vgte", "$vlt", "$vlte")), chance.choice(VERSIONS))),
                (1, lambda: ("$exists", chance.choice((True, False)))),
                (1, lambda: ("$type", chance.choice(("string", "number", "boolean", "null", "array", "object")))),
                (1, lambda: ("$size", chance.choice((0, 1, 2, {"$gt": 1}, {"$lte": 2})))),
                (1, lambda: ("$not", self.plain_or_operators())),
                (1, lambda: ("$elemMatch", chance.choice((dict([self.operator()]), {"a": self.plain_or_operators()})))),
            ],
        )  # fmt: skip


# --- the vendor ---------------------------------------------------------------------------------------------------------

REASONS = {"defaultValue": "DEFAULT", "prerequisite": "DEFAULT", "unknownFeature": "ERROR", "cyclicPrerequisite": "ERROR"}


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """The SDK holding the payload."""
    import logging

    from growthbook import GrowthBook

    logging.disable(logging.CRITICAL)

    def ask(question: Question) -> Answer:
        attributes = {name: value for name, value in question.context.items() if name != "targetingKey"}
        client = GrowthBook(
            attributes=attributes,
            features=document["features"],
            savedGroups=document["savedGroups"],
            contextual_bandits=document["contextualBandits"],
        )
        found = client.eval_feature(question.key)
        client.destroy()
        return Answer(found.value, found.experimentResult.key if found.experimentResult else None)

    return ask


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """Where docs/dialects/growthbook.md says that the Python SDK reads a payload in another way than the JavaScript SDK."""
    return None


PATHS = ("country", "age", "version", "beta", "tags", "user.plan", "user.seats", "odd", "id", "absent", "tags.0", "user")
