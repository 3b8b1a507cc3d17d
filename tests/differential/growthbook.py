"""GrowthBook against its Python SDK (``growthbook``).

The JavaScript SDK is what docs/dialects/growthbook.md follows; ``explained`` says where the Python SDK isn't it.
"""

import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

from config_sync.frontends.growthbook import ecmascript
from tests.differential.drawing import present, several, some, weighted, word
from tests.differential.harness import Answer, Engine, Question, agree

REQUIRES = {"growthbook": ["growthbook>=4,<5"]}

COUNTRIES = ("DE", "US", "CA", "GB", "us", "")
VERSIONS = (
    *("1.2.3", "1.2.4", "v1.2.3", "2.0.0", "1.2.3-beta.1", "1.2.3-beta.2", "1.2", "1", "1.2.3+b5", "01.2.3", "x", "10.0.0"),
    "1.10.0",
)
NUMBERS = (0, 1, 5, 18, -1, 2.5)
TEXTS = ("5", "18", "", "a", "US", "1e1")
SCALARS = (*NUMBERS, *TEXTS, "true", True, False, None, "null", " 7 ")
LISTS = ([], ["US"], [5], ["a", "US"], [None], [[1]], {}, {"a": 1}, {"b": 2, "a": 1}, {"a": 1, "b": 2})
STRANGE = (*SCALARS, *LISTS, "0x10", 1e21)
PATTERNS = (
    *("^U", "S$", "(US|DE)", "[a-c]+", r"^\d+$", r"\bus\b", "u.", "^$", "null", "a{2,3}", r"[^\w]", r"e\.g", "x/y", "("),
    "a**",
)
PATHS = {
    "country": "text",
    "user.plan": "text",
    "version": "version",
    "age": "number",
    "user.seats": "number",
    "beta": "boolean",
    "tags": "list",
    "id": "any",
    "odd": "any",
    "absent": "any",
}
WIDE_PATHS = (*PATHS, "tags.0", "odd.a", "user", "tags.length")
ORDER = {"$lt", "$lte", "$gt", "$gte"}
VERSION = {"$veq", "$vne", "$vgt", "$vgte", "$vlt", "$vlte"}
BOUNDS = (18, 0, 5, 2.5, "18", "US", "a", None, True)
KEYS = ("first", "second", "third")


def generate(chance: Random, widely: bool = False) -> list[Question]:
    """A payload of three features, the later with the earlier as prerequisites, asked eight times.

    ``widely``: values of every kind meet every operator, as they do in JavaScript only."""
    writer = Writer(chance, widely)
    features = {key: writer.feature(list(KEYS[:number])) for number, key in enumerate(KEYS)}
    payload: dict[str, Any] = {
        "features": features,
        "savedGroups": {"few": several(chance, writer.scalar, 0, 5), "ids": ["u1", "u2", 5]},
    }
    payload["contextualBandits"] = {"bandit": writer.bandit()}
    return [Question(payload, chance.choice((*KEYS, KEYS[-1], "absent")), context(chance, widely)) for _ in range(8)]


def context(chance: Random, widely: bool = False) -> dict[str, Any]:
    """Mostly what rules expect, sometimes missing, null or of another type."""
    attributes: dict[str, Callable[[], Any]] = {
        "id": lambda: chance.choice((f"u{chance.randrange(10**6)}", word(chance), chance.randrange(10**6), 0, "", 1.5)),
        "country": lambda: chance.choice(COUNTRIES),
        "age": lambda: chance.choice((chance.randint(-2, 90), chance.randint(0, 900) / 10, "30")),
        "version": lambda: chance.choice((*VERSIONS, 1, 2.5)),
        "beta": lambda: chance.random() < 0.5,
        "tags": lambda: several(chance, lambda: chance.choice((*COUNTRIES, "a", 5, None, {"a": "US"}, {"a": 5})), 0, 3),
        "user": lambda: {"plan": chance.choice(("free", "paid", None)), "seats": chance.randint(0, 9)},
        "odd": lambda: chance.choice(STRANGE if widely else PLAIN["any"]),
    }
    found = present(chance, attributes, missing=0.15)
    if found.get("id"):
        found["targetingKey"] = str(found["id"])
    return found


class Writer:
    """Draws features as GrowthBook's payloads have them."""

    def __init__(self, chance: Random, widely: bool = False) -> None:
        self._chance = chance
        self._widely = widely

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
            parent["condition"] = {"value": self.test("odd")}
        if chance.random() < 0.4:
            parent["gate"] = True
        return parent

    def hashing(self) -> dict[str, Any]:
        chance = self._chance
        fields: dict[str, Callable[[], Any]] = {
            "hashAttribute": lambda: chance.choice(("id", "country", "age", "odd", "beta" if self._widely else "id")),
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
        if chance.random() < 0.15 and (count == 2 or self._widely):
            rule["contextualVariations"] = rule.pop("variations")
            rule["contextualBanditRef"] = chance.choice(("bandit", "absent"))
        return rule

    def bandit(self) -> dict[str, Any]:
        chance = self._chance

        def leaf() -> dict[str, Any]:
            condition = self.condition(1) if chance.random() < 0.8 else {}
            weights = ([1, 0], [0, 1], [0.5, 0.5], *([[0.2, 0.3, 0.5]] if self._widely else []))
            return {"leafId": chance.randrange(9), "condition": condition, "weights": chance.choice(weights)}

        return {"banditVersion": 1, "contexts": several(chance, leaf, 0, 3)}

    # --- conditions -----------------------------------------------------------------------------------------------------

    def condition(self, depth: int) -> dict[str, Any]:
        chance = self._chance
        paths = WIDE_PATHS if self._widely else tuple(PATHS)
        found = {path: self.test(path) for path in some(chance, paths)[: chance.choice((1, 1, 2))]}
        if depth > 1 and chance.random() < 0.35:
            parts = several(chance, lambda: self.condition(depth - 1), 0, 3)
            group = chance.choice(("$or", "$and", "$nor", "$not"))
            found[group] = (parts or [{}])[0] if group == "$not" else parts
        return found

    def test(self, path: str) -> Any:
        """A plain value or operators, of the path's kind."""
        kind = "wide" if self._widely else PATHS[path]
        if self._chance.random() < 0.4 and kind != "list":
            return self._chance.choice(PLAIN[kind])
        return dict(several(self._chance, lambda: self.operator(kind), 1, 2))

    def operator(self, kind: str) -> tuple[str, Any]:
        chance = self._chance
        values = PLAIN[kind]
        listed = several(chance, lambda: chance.choice(values), 0, 4)
        order = chance.choice(sorted(ORDER))
        choices: list[tuple[str, int, Callable[[], tuple[str, Any]]]] = [
            ("", 3, lambda: (chance.choice(("$eq", "$ne")), chance.choice(values))),
            ("wide text number", 4, lambda: (order, chance.choice(BOUNDS if self._widely else list(filter(None, values))))),
            ("", 4, lambda: (chance.choice(("$in", "$nin", "$ini", "$nini")), listed)),
            ("", 1, lambda: (chance.choice(("$inGroup", "$notInGroup")), chance.choice(("few", "ids", "absent")))),
            ("wide list", 1, lambda: (chance.choice(("$all", "$alli")), listed[:2])),
            ("wide text", 2, lambda: (chance.choice(("$regex", "$regexi")), chance.choice(PATTERNS))),
            ("wide version", 4, lambda: (chance.choice(sorted(VERSION)), chance.choice(VERSIONS))),
            ("", 1, lambda: ("$exists", chance.choice((True, False)))),
            ("", 1, lambda: ("$type", chance.choice(("string", "number", "boolean", "null", "array", "object")))),
            ("wide list", 1, lambda: ("$size", chance.choice((0, 1, 2, {"$gt": 1}, {"$lte": 2})))),
            ("", 1, lambda: ("$not", dict([self.operator(kind)]))),
            ("wide list", 1, lambda: ("$elemMatch", self.element())),
        ]
        return weighted(chance, [(weight, make) for kinds, weight, make in choices if not kinds or kind in kinds.split()])

    def element(self) -> dict[str, Any]:
        if self._chance.random() < 0.5:
            return dict([self.operator("any")])
        return {"a": self.test("odd" if self._widely else "country")}


PLAIN: dict[str, tuple[Any, ...]] = {
    "text": (*COUNTRIES, "free", "paid", "a"),
    "version": VERSIONS,
    "number": NUMBERS,
    "boolean": (True, False),
    "list": (*COUNTRIES, 5, "a"),
    "any": (*NUMBERS, *TEXTS),
    "wide": (*SCALARS, *COUNTRIES, *LISTS),
}


# --- the vendor ---------------------------------------------------------------------------------------------------------

NULL = "\x00null"  # stands for a null that is forced


def theirs(document: dict[str, Any], dialect: str) -> Engine:
    """The SDK holding the payload."""
    import logging

    from growthbook import GrowthBook

    logging.disable(logging.CRITICAL)

    def ask(question: Question) -> Answer:
        client = GrowthBook(
            attributes={name: value for name, value in question.context.items() if name != "targetingKey"},
            features=document["features"],
            savedGroups=document["savedGroups"],
            contextual_bandits=document["contextualBandits"],
        )
        found = client.eval_feature(question.key)
        client.destroy()
        result = found.experimentResult
        return Answer(None if found.value == NULL else found.value, result.key if result else None)

    return ask


def explained(dialect: str, question: Question, found: Answer, answer: Answer) -> str | None:
    """What docs/dialects/growthbook.md says about the Python SDK: asked as the JavaScript SDK reads the question, it agrees."""
    whole = question
    names: list[str] = []
    for why, rewrite in _READINGS.items():
        alone, rewritten = rewrite(question), rewrite(whole)
        if rewritten != whole:
            whole, names = rewritten, [*names, why]
            if agree(theirs(alone.document, dialect)(alone), answer):
                return why
    return "several of these" if len(names) > 1 and agree(theirs(whole.document, dialect)(whole), answer) else None


def _rewritten(question: Question, rule: Callable[[dict[str, Any]], dict[str, Any]]) -> Question:
    """The question with every object of its document as the rule has it."""
    document = json.loads(json.dumps(question.document), object_hook=rule)
    return question._replace(document=document)


def _hash_anything(question: Question) -> Question:
    """Gives what JavaScript calls truthy to be hashed as its text, under a name that no condition reads."""
    context = dict(question.context)
    for name, value in question.context.items():
        if isinstance(value, bool | list | dict) and ecmascript.is_truthy(value):
            context[f"hashed {name}"] = ecmascript.text_of(value)

    def rule(found: dict[str, Any]) -> dict[str, Any]:
        for field in ("hashAttribute", "attribute"):
            if f"hashed {found.get(field)}" in context:
                found[field] = f"hashed {found[field]}"
        return found

    return _rewritten(question, rule)._replace(context=context)


def _forced_null(question: Question) -> Question:
    return _rewritten(question, lambda found: found | ({"force": NULL} if "force" in found and found["force"] is None else {}))


def _plain_number(question: Question) -> Question:
    """Names what JavaScript takes for the number that a value is compared with."""

    def rule(found: dict[str, Any]) -> dict[str, Any]:
        for name in found.keys() & {*PATHS, "value", "a"}:
            number = found[name]
            if isinstance(number, int | float) and not isinstance(number, bool):
                others = [each for each in (None, False, True, "", str(number)) if ecmascript.number_of(each) == number]
                found[name] = {"$in": [number, *others]}
            if isinstance(number, str) and ecmascript.number_text(ecmascript.number_of(number)) == number:
                found[name] = {"$in": [number, ecmascript.number_of(number)]}
        return found

    return _rewritten(question, rule)


def _asks(name: str, test: Any, operators: set[str]) -> bool:
    """Whether it is one of the operators, or denies them."""
    return name in operators or (name == "$not" and isinstance(test, dict) and test.keys() <= operators)


def _moved(question: Question, mark: str, operators: set[str], convert: Callable[[Any], Any]) -> Question:
    """Has some operators ask a converted value, beside the attribute, which other conditions read."""
    names = {path: f"{mark} {number}" for number, path in enumerate(PATHS)}

    def rule(found: dict[str, Any]) -> dict[str, Any]:
        for path in found.keys() & set(PATHS):
            tests = found[path] if isinstance(found[path], dict) else {}
            moved = {name: test for name, test in tests.items() if _asks(name, test, operators)}
            if moved:
                found[path] = {name: test for name, test in tests.items() if name not in moved} or {"$nin": []}
                found[names[path]] = moved
        return found

    values = {name: convert(ecmascript.member(question.context, path)) for path, name in names.items()}
    return _rewritten(question, rule)._replace(context=question.context | values)


def _ordered_number(question: Question) -> Question:
    return _moved(question, "number", ORDER, _number)


def _number(value: Any) -> Any:
    """Null is 0; a text that holds a number is compared with numbers only, and texts that are compared hold none."""
    number = ecmascript.number_of(value)
    return value if math.isnan(number) or value == "" else number


def _version(question: Question) -> Question:
    return _moved(question, "version", VERSION, _version_text)


def _version_text(value: Any) -> str:
    if isinstance(value, int | float):
        return ecmascript.number_text(value)
    return value if isinstance(value, str) and value else "0"


def _matched_text(question: Question) -> Question:
    return _moved(question, "text", {"$regex", "$regexi"}, ecmascript.text_of)


def _inclusive(question: Question) -> Question:
    """Has the end of a rollout count."""

    def rule(found: dict[str, Any]) -> dict[str, Any]:
        return found | ({"coverage": found["coverage"] + 1e-9} if "force" in found and found.get("coverage") else {})

    return _rewritten(question, rule)


_READINGS: dict[str, Callable[[Question], Question]] = {
    "true, lists and objects are hashed as their text": _hash_anything,
    "a null can be forced": _forced_null,
    "null, booleans and texts are the number, numbers the text that they are as one": _plain_number,
    "null and texts are compared as the number that they are": _ordered_number,
    "numbers and null are versions": _version,
    "null is matched as its text": _matched_text,
    "a rollout includes its end": _inclusive,
}
